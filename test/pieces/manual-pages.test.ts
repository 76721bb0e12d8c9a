import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import type { Piece as Description } from '../../abi/host/contract.ts';
import { nativePieces } from '../../host/endpoint/catalogue.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { parseEndpointUrl } from '../../host/exec/endpoint-url.ts';
import { builtPiece } from '../fixtures/built-piece.ts';

/** The sections of every manual page, in this order. A piece may have more between them. */
const SECTIONS = [
  'PURPOSE',
  'EDGES AND SHAPES',
  'SETTINGS',
  'COUNTERS AND REASONS',
  'WHAT IT DOES NOT DO',
  'SPECIFICATION',
];

/** The file at whose head the manual page of a native piece stands. */
const NATIVE: Readonly<Record<string, string>> = {
  tun: 'device/tun-description.ts',
  udp: 'socket/udp-description.ts',
  raw: 'socket/raw-description.ts',
  packet: 'socket/packet-description.ts',
  tcp: 'stream/tcp-description.ts',
  unix: 'stream/unix-description.ts',
  'unix-datagram': 'socket/unix-datagram-description.ts',
  fifo: 'stream/fifo.ts',
  stdio: 'stream/stdio.ts',
  inherited: 'stream/inherited.ts',
  pty: 'stream/pty.ts',
  serial: 'stream/serial.ts',
  process: 'process/process.ts',
  socks5: 'socks/socks5-description.ts',
  uplink: 'uplink/uplink-description.ts',
  'pcap-writer': 'capture/pcap-writer-description.ts',
  'pcap-reader': 'capture/pcap-reader-description.ts',
};

const TIMEOUT_MS = 300_000;

for (const name of readdirSync(join(packageRoot(), 'pieces-as'))) {
  const folder = join(packageRoot(), 'pieces-as', name);
  describe(name, () => {
    it(
      'has a manual page that agrees with its description',
      async () => {
        const loaded = await loadComponent(await builtPiece(folder), {
          grants: new Set(['log', 'random', 'utc', 'crypto', 'listen', 'offer']),
        });
        const description = loaded.describe([]);
        if (!('edges' in description)) throw new Error('a piece describes itself without settings');
        expect(mistakesIn(headOf(join(folder, 'assembly', 'index.ts')), description)).toEqual([]);
      },
      TIMEOUT_MS,
    );
  });
}

describe.each([...nativePieces])('%s', (name, native) => {
  it('has a manual page that agrees with its description', () => {
    const description = native.describe([]);
    if (!('edges' in description)) throw new Error('a piece describes itself without settings');
    const file = join(packageRoot(), 'host', 'endpoint', NATIVE[name] ?? `${name}: enter it in NATIVE`);
    expect(mistakesIn(headOf(file), description)).toEqual([]);
  });
});

describe.each([...nativePieces])('%s', (name, native) => {
  it('has a URL form, and its manual page shows examples that are right', () => {
    const page = headOf(join(packageRoot(), 'host', 'endpoint', NATIVE[name] ?? ''));
    const [, section = ''] = /^URL\n([\s\S]*?)^[A-Z]/m.exec(page) ?? [];
    const urls = section.match(new RegExp(`\\b${name}:(?:[^\\s,]*[^\\s,.])?`, 'g')) ?? [];
    expect(urls.length).toBeGreaterThan(0);
    for (const url of urls) {
      const { piece, settings } = parseEndpointUrl(url);
      expect(piece).toBe(name);
      const pairs = Object.entries(settings).flatMap(([key, value]) =>
        [value].flat().map((each) => [key, String(each)] as const),
      );
      expect(native.describe(pairs)).toHaveProperty('edges');
    }
  });
});

it('a page without a section, a setting, a default, a reason or an Edge does not pass', () => {
  const native = nativePieces.get('udp')!.describe([]) as Description;
  const page = headOf(join(packageRoot(), 'host/endpoint/socket/udp-description.ts'));
  const without = (text: RegExp) => mistakesIn(page.replace(text, ''), native);
  expect(without(/^SPECIFICATION$/m)).toEqual(['sections']);
  expect(without(/^ {2}broadcast .*$/m)).toEqual(['setting broadcast is missing']);
  expect(without(/ {2}family .*; default both/)).toContain('setting family is missing');
  expect(without(/; default both/)).toEqual(['setting family: default both']);
  expect(without(/^ {4}not-granted .*$/m)).toEqual(['reason not-granted is missing']);
  expect(without(/^ {2}No loss:$/m)).toEqual(['reason error-unheard is in the wrong group']);
  expect(mistakesIn(page.replaceAll(/(?<!not-)udp/g, ''), native)).toEqual(['Edge udp is missing']);
  expect(mistakesIn(page, { ...native, reasons: native.reasons.slice(1) })).toEqual([
    'reason not-granted is not described',
  ]);
});

/** The text of the comment at the head of a file, without its frame. */
function headOf(file: string): string {
  const [, comment] = /^\/\*\n([\s\S]*?)\n \*\//.exec(readFileSync(file, 'utf8')) ?? [];
  if (comment === undefined) throw new Error(`${file} does not begin with a manual page`);
  return comment.replaceAll(/^ \* ?/gm, '');
}

function mistakesIn(page: string, { edges, settings, reasons }: Description): string[] {
  const sections = new Map<string, string>();
  let current = '';
  for (const line of page.split('\n')) {
    if (/^[A-Z][A-Z ]+$/.test(line)) current = line;
    sections.set(current, `${sections.get(current) ?? ''}${line}\n`);
  }
  const order = [...sections.keys()].filter((name) => SECTIONS.includes(name));
  if (order.join() !== SECTIONS.join()) return ['sections'];
  const mistakes: string[] = [];

  const edgeSection = sections.get('EDGES AND SHAPES')!;
  for (const { name } of edges)
    if (!new RegExp(`(^|[ (])${name}([ )]|$)`, 'm').test(edgeSection.replaceAll(/[─│┌┐└┘├┤═╞╡]/g, '')))
      mistakes.push(`Edge ${name} is missing`);

  const pageSettings = entriesOf(sections.get('SETTINGS')!, 2);
  for (const { name, default: standard } of settings) {
    const text = pageSettings.get(name.replace(/-(a-to-b|b-to-a)$/, ''));
    if (text === undefined) mistakes.push(`setting ${name} is missing`);
    else if (
      name === name.replace(/-(a-to-b|b-to-a)$/, '') &&
      standard &&
      !text.includes(`default ${standard}`)
    )
      mistakes.push(`setting ${name}: default ${standard}`);
  }
  for (const name of pageSettings.keys())
    if (!settings.some((each) => each.name === name)) mistakes.push(`setting ${name} is not described`);

  const counters = sections.get('COUNTERS AND REASONS')!;
  const lost = counters.indexOf('\n  Lost:\n');
  const noLoss = counters.indexOf('\n  No loss:\n');
  const pageReasons = entriesOf(counters, 4);
  for (const { name, loss } of reasons) {
    const at = counters.indexOf(`\n    ${name} `);
    if (at < 0) mistakes.push(`reason ${name} is missing`);
    else if (loss ? at < lost || lost < 0 : noLoss < 0 || at < noLoss || (lost >= 0 && at > lost))
      mistakes.push(`reason ${name} is in the wrong group`);
  }
  for (const name of pageReasons.keys())
    if (!reasons.some((each) => each.name === name)) mistakes.push(`reason ${name} is not described`);
  return mistakes;
}

/** Names with their meanings, each with the lines that continue it. */
function entriesOf(section: string, indent: number): Map<string, string> {
  const entries = new Map<string, string>();
  let name = '';
  for (const line of section.split('\n')) {
    const found = new RegExp(`^ {${indent}}([a-z][a-z0-9-]*) {2,}(\\S.*)$`).exec(line);
    if (found) {
      name = found[1]!;
      entries.set(name, found[2]!);
    } else if (name !== '' && line.startsWith(' '.repeat(indent + 4))) {
      entries.set(name, `${entries.get(name)} ${line.trim()}`);
    }
  }
  return entries;
}
