import { createServer } from 'node:net';

/*
 * The servers of `client-load.ts`: port 7000 ends each connection at once, and port 7001 takes all, and
 * returns the number of bytes at the end.
 */
createServer((socket) => {
  socket.on('error', () => {});
  socket.end('done');
}).listen(7000, '0.0.0.0', () => {
  createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      bytes += data.length;
    });
    socket.on('end', () => socket.end(String(bytes)));
  }).listen(7001, '0.0.0.0', () => process.stdout.write('ready\n'));
});
