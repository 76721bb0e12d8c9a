import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { FunnelEvent, LaneSnapshot } from '../../policy/funnel.ts';
import { Output } from './output.ts';
import { PatientReporter } from './patient-reporter.ts';
import { LineReporter } from './run-reporter.ts';

const snapshot: LaneSnapshot = { uptimeMs: 0, pieces: [] } as never;
const event: FunnelEvent = { kind: 'log', piece: 'a', level: 'info', message: 'x'.repeat(1000) };

it('leaves out lines without a reader, reports their number later, and always prints the totals', async () => {
  const stream = new PassThrough();
  const output = new Output(stream as never, () => {});
  const reporter = new PatientReporter(new LineReporter(output.write, 1000), output);
  for (let n = 0; n < 10_000; n++) reporter.event(event);
  reporter.ended(snapshot);
  expect(stream.writableLength).toBeLessThan(1_100_000);
  let text = '';
  stream.on('data', (data) => {
    text += data;
  });
  while (stream.writableLength > 0) await new Promise(setImmediate);
  expect(text).toMatch(/^ended after /m);
  const printed = text.split('\n').filter((line) => line.includes('xxx')).length;
  expect(printed).toBeLessThan(2000);
  reporter.event(event);
  await new Promise(setImmediate);
  expect(text).toContain(`${10_000 - printed} lines were left out, because the former lines were not read`);
  expect(text.split('\n').filter((line) => line.includes('xxx')).length).toBe(printed + 1);
});
