import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const lockModule = join(import.meta.dirname, 'lock.mjs');
let root: string;
let children: ChildProcess[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'funnel-lock-'));
  children = [];
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

test('many set-ups at once go one by one', async () => {
  const body = `
    await lock.exclusively(root, async () => {
      console.log('in');
      await new Promise((resolve) => setTimeout(resolve, 20));
      console.log('out');
    });`;
  const all = Array.from({ length: 8 }, () => script(body));
  let order = '';
  for (const child of all) {
    child.stdout?.on('data', (text) => {
      order += text;
    });
  }
  await Promise.all(all.map((child) => once(child, 'close')));
  expect(order.replaceAll('\n', ' ').trim()).toBe(Array(8).fill('in out').join(' '));
  expect(readdirSync(join(root, '.setup')).filter((name) => name.startsWith('lock'))).toEqual([]);
});

test('the lock of a killed set-up delays no other', async () => {
  const holder = script("await lock.exclusively(root, async () => { console.log('in'); await forever(); });");
  await printed(holder, 'in');
  holder.kill('SIGKILL');
  await once(holder, 'close');
  expect(existsSync(join(root, '.setup', 'lock'))).toBe(true);
  const next = [1, 2, 3].map(() => script("await lock.exclusively(root, async () => console.log('in'));"));
  await Promise.all(next.map((child) => printed(child, 'in')));
});

test('a number that now belongs to another process is no holder', async () => {
  await once(script('await lock.exclusively(root, async () => {});'), 'close');
  writeFileSync(join(root, '.setup', 'lock'), `${process.pid} 1`);
  await printed(script("await lock.exclusively(root, async () => console.log('in'));"), 'in');
});

test('what a living process uses is not made again until it ends', async () => {
  const user = script(
    "await lock.exclusively(root, async () => lock.keepInUse(root)); console.log('using'); await forever();",
  );
  await printed(user, 'using');
  const maker = script(
    "await lock.exclusively(root, async () => { await lock.untilUnused(root, 'dist'); console.log('making'); });",
  );
  await printed(maker, `waiting for process ${user.pid}`);
  let making = false;
  maker.stdout?.on('data', () => {
    making = true;
  });
  expect(making).toBe(false);
  user.kill('SIGKILL');
  await printed(maker, 'making');
});

/** Runs a few lines beside us, with the lock's module as `lock`, and `root`. */
function script(body: string): ChildProcess {
  const text = `
    const lock = await import(${JSON.stringify(lockModule)});
    const root = ${JSON.stringify(root)};
    const forever = () => new Promise((resolve) => setTimeout(resolve, 600_000));
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  return child;
}

/** Resolves when the script has printed this on either stream. */
function printed(child: ChildProcess, wanted: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let all = '';
    const take = (text: string) => {
      all += text;
      if (all.includes(wanted)) resolve();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.on('close', () => reject(new Error(`ended without "${wanted}":\n${all}`)));
  });
}
