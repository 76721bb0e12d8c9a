import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { FunnelProcess } from '../funnel-process.ts';
import { labTest } from '../lab-test.ts';
import type { NetLab } from '../net-lab.ts';
import { funnelCommand } from '../project-root.ts';

/** Streams of the one piece go to the other. */
function between(lab: NetLab, front: object, back: object): string {
  const file = join(lab.folder, 'between.yaml');
  const hub = { piece: 'hub', settings: { stack: 'ip/tcp' }, edges: { net: ['in', 'out'] } };
  writeFileSync(
    file,
    JSON.stringify({
      pieces: { front: { ...front, edges: { tcp: 'in' } }, hub, back: { ...back, edges: { tcp: 'out' } } },
    }),
  );
  return file;
}

const run = (file: string) => `exec ${process.execPath} ${funnelCommand} run --no-control ${file}`;

labTest('standard input and output are a stream, and nothing else is printed there', async ({ lab }) => {
  const host = await lab.namespace('a');
  const socket = join(lab.folder, 'digest.sock');
  host.start(['socat', `UNIX-LISTEN:${socket},fork`, 'SYSTEM:sha256sum']);
  const file = between(lab, { piece: 'stdio' }, { piece: 'unix', settings: { connect: socket } });
  await host.run(['sh', '-c', `head -c 3000000 /dev/urandom > ${lab.folder}/random`]);
  const wanted = await host.run(['sh', '-c', `sha256sum < ${lab.folder}/random`]);
  await host.run(['sh', '-c', `until [ -S ${socket} ]; do sleep 0.05; done`]);
  // A pipe, then a file, which the system does not poll. The reader gets its end while the Funnel runs.
  for (const input of [`cat ${lab.folder}/random |`, `< ${lab.folder}/random`]) {
    const script = `${input} sh -c 'echo $$ > ${lab.folder}/pid; ${run(file)}' 2> ${lab.folder}/said | (cat; kill $(cat ${lab.folder}/pid))`;
    expect(await host.run(['sh', '-c', script])).toBe(wanted);
  }
  expect(await host.run(['cat', join(lab.folder, 'said')])).toMatch(/^ready$/m);
});

labTest('a program runs for each connection, and ends with it and with the Funnel', async ({ lab }) => {
  const host = await lab.namespace('a');
  const front = { piece: 'tcp', settings: { port: 7000, family: 'ipv4' } };
  const sort = { piece: 'process', settings: { command: ['sh', '-c', 'sort -n | tr "\\n" ,'] } };
  const funnel = await FunnelProcess.start(host, between(lab, front, sort), lab.folder);
  const one = (n: number) => host.run(['sh', '-c', `printf '${n}\\n3\\n20\\n' | ncat 127.0.0.1 7000`]);
  const replies = await Promise.all(Array.from({ length: 12 }, (_, n) => one(n + 100)));
  expect(replies).toEqual(Array.from({ length: 12 }, (_, n) => `3,20,${n + 100},`));
  expect((await funnel.stop()).status).toBe(0);

  const marks = join(lab.folder, 'mark');
  const waits = {
    piece: 'process',
    settings: { command: ['sh', '-c', `echo $$ > ${marks}; cat; exec sleep 1000`] },
  };
  const gone = `while kill -0 $(cat ${marks}) 2> /dev/null; do sleep 0.05; done; rm ${marks}`;
  const started = `until [ -s ${marks} ]; do sleep 0.05; done`;
  const second = await FunnelProcess.start(host, between(lab, front, waits), lab.folder);
  const reset = `const s = require('net').connect(7000, '127.0.0.1'); setInterval(() => require('fs').existsSync('${marks}') && s.resetAndDestroy() && process.exit(), 20)`;
  await host.run([process.execPath, '-e', reset]);
  await host.run(['sh', '-c', gone]);
  const open = host.start([process.execPath, '-e', "require('net').connect(7000, '127.0.0.1')"]);
  await host.run(['sh', '-c', started]);
  await second.kill();
  await host.run(['sh', '-c', gone]);
  expect(existsSync(marks)).toBe(false);
  await open.ended;
});

labTest('a program that cannot be run is reported, and its stream is reset', async ({ lab }) => {
  const host = await lab.namespace('a');
  const front = { piece: 'tcp', settings: { port: 7000, family: 'ipv4' } };
  const none = { piece: 'process', settings: { command: ['no-such-program'] } };
  const funnel = await FunnelProcess.start(host, between(lab, front, none), lab.folder);
  await host.run(['sh', '-c', 'echo | ncat 127.0.0.1 7000 || true']);
  await funnel.running.waitFor(/"no-such-program" cannot be run: there is no such program/);
  expect((await funnel.stop()).status).toBe(0);
});
