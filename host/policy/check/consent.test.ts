import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { watPiece } from '../../engine/testing/wat-piece.ts';
import { checkForLeaks } from '../../puzzle/testing/leak-check.ts';
import { ConfigurationError } from '../configuration/configuration-error.ts';
import { openFunnel } from '../funnel.ts';
import { wantsMore } from '../pieces/wants.ts';
import { checkConfiguration } from './check-configuration.ts';
import { reviewConsent } from './consent.ts';

checkForLeaks();

const directory = mkdtempSync(join(tmpdir(), 'funnel-consent-'));
const record = join(directory, 'x.consent.json');
let plain: Uint8Array;
let curious: Uint8Array;
let rebuilt: Uint8Array;

beforeAll(async () => {
  plain = await watPiece({ imports: ['log'] });
  curious = await watPiece({ imports: ['log', 'random', 'offer'] });
  rebuilt = await watPiece({ imports: ['log'], fields: '(func (drop (i32.const 1)))' });
  writeFileSync(
    join(directory, 'x.yaml'),
    'pieces:\n  mine: { piece: ./mine.wasm, grants: { offer: true } }\n',
  );
});
beforeEach(() => rmSync(record, { force: true }));
afterAll(() => rmSync(directory, { recursive: true }));

function put(bytes: Uint8Array): void {
  writeFileSync(join(directory, 'mine.wasm'), bytes);
}

async function mistakes(): Promise<string[]> {
  const { mistakes } = await checkConfiguration('x.yaml', { directory });
  return mistakes.map(({ code, message, hint, line }) => `${line}: ${code}: ${message} — ${hint}`);
}

describe('consent to what component files want', () => {
  it('is not required where nothing was recorded', async () => {
    put(curious);
    expect(await mistakes()).toEqual([]);
    expect(existsSync(record)).toBe(false);
  });

  it('is required for a newer version that wants more, with the difference', async () => {
    put(plain);
    const first = await reviewConsent('x.yaml', { directory });
    expect(first.changes).toMatchObject([{ instance: 'mine', more: ['to log'], less: [] }]);
    expect(existsSync(record)).toBe(false);
    await first.record();
    expect(await mistakes()).toEqual([]);

    put(curious);
    const [mistake, ...others] = await mistakes();
    expect(others).toEqual([]);
    expect(mistake).toMatch(
      /^2: FT_CONSENT_NEEDED: `\.\/mine\.wasm`.* wants more than .*the record allows: random numbers; to offer .*\(`offer`\) — .*`funnel consent`/,
    );

    const review = await reviewConsent('x.yaml', { directory });
    expect(review.changes[0]!.more).toHaveLength(2);
    await review.record();
    expect(await mistakes()).toEqual([]);
  });

  it('covers a version that wants the same or less', async () => {
    put(curious);
    await (await reviewConsent('x.yaml', { directory })).record();
    put(rebuilt);
    expect(await mistakes()).toEqual([]);
    const { changes } = await reviewConsent('x.yaml', { directory });
    expect(changes[0]).toMatchObject({ more: [] });
    expect(changes[0]!.less).toHaveLength(2);
  });

  it('is required for a piece that the record does not list', async () => {
    put(plain);
    writeFileSync(record, '{ "format": 1, "pieces": {} }');
    expect(await mistakes()).toEqual([
      expect.stringMatching(/FT_CONSENT_NEEDED.*not in the consent record.*wants to log/),
    ]);
  });

  it.each(['', '{}', '{ "format": 2, "pieces": {} }', '[', '{ "format": 1, "pieces": { "mine": 1 } }'])(
    'refuses the record %j',
    async (text) => {
      put(plain);
      writeFileSync(record, text);
      const found = (await mistakes()).join('\n');
      expect(found).toMatch(/FT_CONSENT_RECORD.*x\.consent\.json/);
      await expect(reviewConsent('x.yaml', { directory })).rejects.toMatchObject({
        code: 'FT_CONSENT_RECORD',
      });
      expect(readFileSync(record, 'utf8')).toBe(text);
    },
  );

  it('is required for a change of a running Funnel, also without a record', async () => {
    put(plain);
    const funnel = await openFunnel('x.yaml', { directory });
    try {
      put(curious);
      const refusal = await funnel.apply('x.yaml', { directory }).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refusal).toBeInstanceOf(ConfigurationError);
      expect(String(refusal)).toMatch(/FT_CONSENT_NEEDED.*random numbers.*funnel apply --consent/);
      expect(await funnel.check('x.yaml', { directory })).toHaveLength(1);
      put(rebuilt);
      expect((await funnel.apply('x.yaml', { directory })).replaced).toEqual(['mine']);
      put(curious);
      const difference = await funnel.apply('x.yaml', { directory, consent: true });
      expect(difference.replaced).toEqual(['mine']);
    } finally {
      await funnel.close();
    }
  });
});

describe('wantsMore', () => {
  const before = { grants: ['log'], edges: { net: ['ip up headers', 'ip down whole-frame'] } };
  const more = (edges: Record<string, string[]>) => wantsMore(before, { grants: ['log'], edges });

  it('treats headers as less than whole frames, and not the reverse', () => {
    expect(more({ net: ['ip down headers', 'ip up headers'] })).toEqual([]);
    expect(more({ net: ['ip up whole-frame'] })).toEqual([
      'whole frames of `ip up` on its Edge `net`, where it saw only the headers',
    ]);
  });

  it('notices other Shapes, directions and Edges', () => {
    expect(more({ net: ['udp up headers', 'ip peer headers'], constructor: ['ip up headers'] })).toEqual([
      'the headers of `udp up` on its Edge `net`',
      'the headers of `ip peer` on its Edge `net`',
      'the headers of `ip up` on its Edge `constructor`',
    ]);
  });
});
