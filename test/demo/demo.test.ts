import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Running } from '../net/command.ts';
import { findIsolation } from '../net/isolation.ts';
import { readPcapng } from '../net/pcapng.ts';
import { projectRoot } from '../net/project-root.ts';

/*
 * `npm start` as a user sees it, in a process of its own. The test run has built what it needs before.
 */

const isolation = await findIsolation();
const started: Running[] = [];

afterEach(async () => {
  for (const running of started.splice(0)) await running.stop();
});

describe('npm start', () => {
  test('does the main job, says so, and leaves only the captures', async ({ skip }) => {
    if (isolation.kind !== 'root') skip(reason());
    const running = start('--bytes', '2000000');
    const { status, stdout, stderr } = await running.ended;
    expect(stdout + stderr).toContain('every packet arrived');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ping: answered of sent +20 of 20 +20 of 20 +20 of 20$/m);
    expect(stdout).toMatch(/^TCP: bytes received +2 000 000 +2 000 000 +2 000 000$/m);
    expect(stdout).toMatch(/^frames that the router passed on +– +[1-9][\d ]* +0$/m);
    expect(stdout).toMatch(/^packets from host to host directly +– +0 +[1-9][\d ]*$/m);
    expect(stdout).toMatch(/6bed4 gives a host that has only IPv4 an IPv6 address/);
    expect(stdout).toMatch(/^what to do next:[\s\S]*funnel graph test\/demo\/peer\.yaml/m);
    expect(leftoversOf(running)).toEqual([]);
    for (const host of ['a', 'b']) {
      const file = join(projectRoot, 'build', 'captures', `${host}.pcapng`);
      expect(stdout).toContain(`${host}.pcapng`);
      expect(Date.now() - statSync(file).mtimeMs).toBeLessThan(400_000);
      expect(readPcapng(file).length).toBeGreaterThan(2 * (2_000_000 / 1280));
    }
  });

  for (const [when, line] of [
    ['at once', /network namespaces of this machine/],
    ['when Funnels run', /each runs its own Funnel/],
    ['half way', /by way of the router: ping/],
  ] as const) {
    test(`interrupted ${when} leaves nothing behind`, async ({ skip }) => {
      if (isolation.kind !== 'root') skip(reason());
      const running = start();
      await running.waitFor(line, 120_000);
      const { status } = await running.stop('SIGINT', 60_000);
      expect(status).toBe(130);
      expect(leftoversOf(running)).toEqual([]);
    });
  }

  test('without namespaces, runs a recording through the same piece', async () => {
    const running = start('--recorded');
    const { status, stdout, stderr } = await running.ended;
    expect(stdout + stderr).toContain('every packet arrived');
    expect(status).toBe(0);
    expect(leftoversOf(running)).toEqual([]);
    expect(existsSync(join(projectRoot, 'build', 'captures', 'unwrapped.pcapng'))).toBe(true);
  });

  test('says what it does not know', async () => {
    const { status, stderr } = await start('--fast').ended;
    expect(status).toBe(1);
    expect(stderr).toMatch(/--fast/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

function start(...args: string[]): Running {
  const running = new Running([process.execPath, join(projectRoot, 'tools', 'start.mjs'), ...args], {
    env: { ...process.env, FUNNEL_SET_UP: projectRoot },
  });
  started.push(running);
  return running;
}

/** The remains that a demo must not leave: its namespaces, its folder, and processes that work in it. */
function leftoversOf(running: Running): string[] {
  const { pid } = running.child;
  const namespaces = (existsSync('/run/netns') ? readdirSync('/run/netns') : []).filter((name) =>
    name.startsWith(`ft.${pid}.`),
  );
  const lab = join(projectRoot, 'build', 'lab');
  const folders = (existsSync(lab) ? readdirSync(lab) : []).filter((name) => name.startsWith(`demo-${pid}-`));
  const processes = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(`/demo-${pid}-`);
    } catch {
      return false; // it has ended meanwhile
    }
  });
  return [...namespaces, ...folders, ...processes];
}

function reason(): string {
  return isolation.kind === 'none'
    ? isolation.reason
    : 'to be run by way of a user namespace, as `npm test` does';
}
