import { createHash } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';

/*
 * Takes one TCP connection, reads it to its end, and prints what came, as JSON. Runs as a program of its own:
 *
 *     node transfer-receiver.js ADDRESS
 *
 * Its first line is the port on which it listens.
 */

const server = createServer((socket) => {
  server.close();
  const hash = createHash('sha256');
  let bytes = 0;
  let begunMs = 0;
  socket.on('data', (chunk) => {
    if (bytes === 0) begunMs = performance.now();
    bytes += chunk.length;
    hash.update(chunk);
  });
  socket.on('end', () => {
    const seconds = (performance.now() - begunMs) / 1000;
    socket.end('got it', () => console.log(JSON.stringify({ bytes, sha256: hash.digest('hex'), seconds })));
  });
});
server.listen({ host: process.argv[2], port: 0 }, () =>
  console.log(`port ${(server.address() as AddressInfo).port}`),
);
