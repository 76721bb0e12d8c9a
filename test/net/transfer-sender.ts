import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

/*
 * Sends random bytes over one TCP connection, waits until the receiver has them all, and prints what was
 * sent, as JSON. Runs as a program of its own:
 *
 *     node transfer-sender.js ADDRESS PORT BYTES
 */

const [address, port, size] = process.argv.slice(2);
const chunk = randomBytes(65_536);
const hash = createHash('sha256');
let left = Number(size);
let isReceived = false;

const socket = connect({ host: address!, port: Number(port) });
socket.on('connect', send);
socket.on('drain', send);
socket.on('data', () => {
  isReceived = true;
});
socket.on('close', () => {
  if (!isReceived) throw new Error('the connection ended before the receiver had everything');
  console.log(JSON.stringify({ bytes: Number(size), sha256: hash.digest('hex') }));
});

function send(): void {
  while (left > 0) {
    // No two chunks are equal, so that one lost, doubled or out of its place changes the hash.
    chunk.writeUInt32BE(left, 0);
    const part = Buffer.from(chunk.subarray(0, Math.min(left, chunk.length)));
    left -= part.length;
    hash.update(part);
    if (!socket.write(part)) return;
  }
  socket.end();
}
