// Programs for `node -e` that set up the one call whose media the bench sends, each in a network namespace
// of its own.

const sdp = (address: string, port: number): string => {
  const where = `IN IP${address.includes(':') ? 6 : 4} ${address}`;
  return ['v=0', `o=- 1 1 ${where}`, 's=-', `c=${where}`, 't=0 0', `m=audio ${port} RTP/AVP 0`, ''].join(
    '\r\n',
  );
};

/** Responds to each INVITE with 200. Prints `ready`. */
export function answerScript(address: string, port: number): string {
  return `
    const body = ${JSON.stringify(sdp(address, port))};
    const socket = require('node:dgram').createSocket('udp6');
    socket.on('message', (bytes, from) => {
      const text = bytes.toString('latin1');
      if (!text.startsWith('INVITE')) return;
      const lines = text.split('\\r\\n').filter((line) => /^(Via|From|Call-ID|CSeq|Record-Route):/.test(line));
      const to = /^To: (.*)\\r$/m.exec(text)[1];
      const head = ['SIP/2.0 200 OK', ...lines, 'To: ' + to + ';tag=far', 'Contact: <sip:[${address}]>'];
      head.push('Content-Type: application/sdp', 'Content-Length: ' + body.length, '', body);
      socket.send(head.join('\\r\\n'), from.port, from.address);
    });
    socket.bind(5060, ${JSON.stringify(address)}, () => console.log('ready'));
  `;
}

/** Calls six. Prints the port to which its media go: \`port 30000\`. */
export function callScript(address: string, proxy: string, port: number): string {
  const body = sdp(address, port);
  const invite = [
    `INVITE sip:six@${proxy} SIP/2.0`,
    `Via: SIP/2.0/UDP ${address}:5060;branch=z9hG4bKbench;rport`,
    `From: <sip:four@${address}>;tag=near`,
    `To: <sip:six@${proxy}>`,
    'Call-ID: bench',
    'CSeq: 1 INVITE',
    `Contact: <sip:four@${address}>`,
    'Max-Forwards: 70',
    'Content-Type: application/sdp',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
  return `
    const socket = require('node:dgram').createSocket('udp4');
    const send = () => socket.send(${JSON.stringify(invite)}, 5060, ${JSON.stringify(proxy)});
    socket.on('message', (bytes) => {
      const port = /^m=audio (\\d+)/m.exec(bytes.toString('latin1'));
      if (port === null) return;
      console.log('port ' + port[1]);
      process.exit();
    });
    socket.bind(5060, ${JSON.stringify(address)}, () => {
      send();
      setInterval(send, 500);
    });
  `;
}

/** Lets rtpengine relay between two endpoints, by its protocol ng. Prints the port of the first's side. */
export function rtpengineScript(
  address: string,
  near: readonly [string, number],
  far: readonly [string, number],
): string {
  return `
    const pair = (value) => (key) => encode(key) + encode(value[key]);
    const encode = (value) =>
      Array.isArray(value) ? 'l' + value.map(encode).join('') + 'e'
      : typeof value === 'object' ? 'd' + Object.keys(value).sort().map(pair(value)).join('') + 'e'
      : Buffer.byteLength(value) + ':' + value;
    const socket = require('node:dgram').createSocket('udp4');
    const call = { 'call-id': 'bench', 'from-tag': 'near', ICE: 'remove' };
    const toFar = { command: 'offer', direction: ['v4', 'v6'], 'address-family': 'IP6' };
    const toNear = { command: 'answer', 'to-tag': 'far', 'address-family': 'IP4' };
    const offer = { ...call, ...toFar, sdp: ${JSON.stringify(sdp(...near))} };
    const answer = { ...call, ...toNear, sdp: ${JSON.stringify(sdp(...far))} };
    const at = ${JSON.stringify(address)};
    const send = (cookie, value) => socket.send(cookie + ' ' + encode(value), 2223, at);
    socket.on('message', (bytes) => {
      const text = bytes.toString('latin1');
      const port = /m=audio (\\d+)/.exec(text);
      if (port === null) { console.error(text); return; }
      if (text.startsWith('offer')) { send('answer', answer); return; }
      console.log('port ' + port[1]);
      process.exit();
    });
    socket.bind(0, ${JSON.stringify(address)}, () => {
      const begin = () => send('offer', offer);
      begin();
      setInterval(begin, 500);
    });
  `;
}
