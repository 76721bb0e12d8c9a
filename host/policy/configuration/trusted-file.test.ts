import { expect, it } from 'vitest';
import { type Writing, whyUntrusted } from './trusted-file.ts';

const user = 1000;
const good: Record<string, Writing> = {
  '/home/u/.config/funnel/a.yaml': { uid: user, mode: 0o100644 },
  '/home/u/.config/funnel': { uid: user, mode: 0o40755 },
  '/home/u/.config': { uid: user, mode: 0o40700 },
  '/home/u': { uid: user, mode: 0o40755 },
  '/home': { uid: 0, mode: 0o40755 },
  '/': { uid: 0, mode: 0o40755 },
};
const why = (change: Record<string, Writing>, as = user) =>
  whyUntrusted('/home/u/.config/funnel/a.yaml', as, (path) => ({ ...good, ...change })[path]!);

it('trusts a file that only root and this user can write', () => {
  expect(why({})).toBeUndefined();
  expect(why({ '/home/u/.config/funnel/a.yaml': { uid: 0, mode: 0o100444 } })).toBeUndefined();
});

it.each(Object.keys(good))('distrusts %s where another user owns it or may write', (path) => {
  const { uid, mode } = good[path]!;
  expect(why({ [path]: { uid: 1001, mode } })).toContain(path);
  expect(why({ [path]: { uid, mode: mode | 0o020 } })).toContain(path);
  expect(why({ [path]: { uid, mode: mode | 0o002 } })).toContain(path);
});

it('trusts a folder for all with the sticky bit, but no such file', () => {
  expect(why({ '/home': { uid: 0, mode: 0o41777 } })).toBeUndefined();
  expect(why({ '/home/u/.config/funnel/a.yaml': { uid: user, mode: 0o101666 } })).toContain('a.yaml');
});

it('does not trust the files of a user for root', () => {
  expect(why({}, 0)).toContain('belongs to another user (1000)');
});
