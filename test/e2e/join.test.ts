import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { labTest } from '../net/lab-test.ts';
import { funnelCommand } from '../net/project-root.ts';

labTest(
  'funnel join relays by one line, and prints the configuration that it stands for',
  async ({ lab }) => {
    const host = await lab.namespace('a');
    const path = join(lab.folder, 's');
    const echo = host.start(['socat', `UNIX-LISTEN:${path},fork`, 'SYSTEM:tr a-z A-Z']);
    await host.run(['sh', '-c', `until [ -S ${path} ]; do sleep 0.05; done`]);
    const line = ['join', 'tcp://127.0.0.1:8080', `unix:${path}?connect`];
    const funnel = host.start([process.execPath, funnelCommand, ...line]);
    await funnel.waitFor(/^ready$/m);
    expect(await host.run(['sh', '-c', 'echo hello | socat -t 20 - TCP:127.0.0.1:8080'])).toBe('HELLO\n');
    expect((await funnel.stop('SIGTERM')).status).toBe(0);
    await echo.stop();

    // The printed configuration is one that `funnel check` takes.
    const file = join(lab.folder, 'c.yaml');
    await host.run([
      'sh',
      '-c',
      `"$0" "$1" join --print tun://fun0 udp://0.0.0.0:25790 --through '6bed4?router=192.0.2.1' > ${file}`,
      process.execPath,
      funnelCommand,
    ]);
    expect(readFileSync(file, 'utf8')).toContain('piece: 6bed4');
    await host.run([process.execPath, funnelCommand, 'check', file]);

    const wrong = await host.runAnyway([process.execPath, funnelCommand, 'join', 'tub://fun0', 'udp:']);
    expect(wrong).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(/FT_JOIN_URL: .*do you mean tun\?/),
    });
    const setting = await host.runAnyway([
      process.execPath,
      funnelCommand,
      'join',
      'tun:?mtv=9',
      'udp:',
      '--through',
      'tap',
    ]);
    expect(setting).toMatchObject({ status: 3, stderr: expect.stringMatching(/mtv/) });
  },
);
