import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../abi/build/package-root.ts';
import { JsonReporter, LineReporter } from '../../host/cli/report/run-reporter.ts';
import { consentText } from '../../host/cli/text/consent-text.ts';
import { renderCounters } from '../../host/cli/text/counter-table.ts';
import { errorText } from '../../host/cli/text/error-text.ts';
import { explainText } from '../../host/cli/text/explain-text.ts';
import { graphDot, graphSvg } from '../../host/cli/text/graph-dot.ts';
import { graphText } from '../../host/cli/text/graph-text.ts';
import { inspectJson, inspectText } from '../../host/cli/text/inspect-text.ts';
import { manualPage } from '../../host/cli/text/manual-page.ts';
import { planText } from '../../host/cli/text/plan-text.ts';
import { loadComponent } from '../../host/engine/load-component.ts';
import { checkConfiguration } from '../../host/policy/check/check-configuration.ts';
import { reviewConsent } from '../../host/policy/check/consent.ts';
import { explainPuzzle } from '../../host/policy/check/explain-puzzle.ts';
import { ConfigurationError } from '../../host/policy/configuration/configuration-error.ts';
import { type Funnel, openFunnel } from '../../host/policy/funnel.ts';
import type { FunnelEvent } from '../../host/policy/lane/funnel-event.ts';
import { inspectPiece } from '../../host/policy/pieces/inspect-piece.ts';
import { PieceRegistry } from '../../host/policy/pieces/piece-registry.ts';
import { checkForLeaks } from '../../host/puzzle/testing/leak-check.ts';
import { jsonText } from '../../host/stack/foreign-text.ts';
import { builtPiece } from '../fixtures/built-piece.ts';
import { pieces } from '../fixtures/worker-pieces.ts';

// A piece whose words could steer a terminal, wherever it can say one; and all that the command shows of it.

checkForLeaks();

let folder: string;
let bytes: Uint8Array;
beforeAll(async () => {
  bytes = await builtPiece(join(packageRoot(), 'test', 'hostile', 'pieces', 'gaudy'));
  folder = mkdtempSync(join(tmpdir(), 'gaudy-'));
  writeFileSync(join(folder, 'gaudy.wasm'), bytes);
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

/**
 * Every character that steers a terminal, hides, or turns the direction of writing, except the ends of our
 * own lines.
 */
const STEERS = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;
/** Words of the piece that would stand at the beginning of a line. */
const FORGED = /^fault: other/m;

const WORDS = [
  'nowhere',
  'name',
  'version',
  'summary',
  'setting',
  'setting summary',
  'default',
  'edge',
  'stack',
  'property',
  'property text',
  'required',
  'keeps',
  'reason',
  'protocol',
  'definition',
  'problem',
  'start problem',
  'log',
  'offer',
] as const;

describe('words of a piece do not steer a terminal', () => {
  it.each(WORDS)('in its %s', async (where) => {
    // An Edge whose name a configuration cannot say joins by default.
    const shown: [string, string][] = [];
    const show = (by: string, text: string) => shown.push([by, text]);
    const component = await loadComponent(bytes, { grants: new Set(['log', 'offer']) });
    try {
      const description = component.describe([['where', where]]);
      if ('edges' in description) show('piece doc', manualPage(description, { reference: './gaudy.wasm' }));
    } catch (error) {
      // Properties with such characters are refused as a whole; the refusal is shown too.
      show('piece doc', errorText(error));
    }
    const file = join(folder, 'it.yaml');
    writeFileSync(
      file,
      `pieces:
  gaudy: { piece: ./gaudy.wasm, settings: { where: ${where} }, edges: { ${where === 'edge' ? '' : 'a: one, '}b: two }, grants: { offer: true, log: true } }
  giver: { piece: beat, edges: { out: one } }
  taker: { piece: sink, edges: { in: two } }
`,
    );
    const { puzzle, mistakes } = await checkConfiguration(file, { pieces });
    if (puzzle === undefined) {
      show('check', errorText(new ConfigurationError(mistakes)));
    } else {
      show('plan', planText(puzzle));
      show('graph', graphText(puzzle));
      show('graph --format dot', graphDot(puzzle));
      show('graph --format svg', await graphSvg(puzzle));
      show('explain', explainText(puzzle, explainPuzzle(puzzle)));
    }
    const review = await reviewConsent(file, { pieces }).catch((error: unknown) =>
      show('consent', errorText(error)),
    );
    if (typeof review === 'object') show('consent', consentText(review));
    const inspection = await inspectPiece(new PieceRegistry(), './gaudy.wasm', { directory: folder });
    show('piece inspect', inspectText(inspection));
    show('piece inspect --json', jsonText(inspectJson(inspection), 2));

    const reporters = [
      new LineReporter((text) => show('run', text), 1000),
      new JsonReporter((text) => show('run --json', text), 1000),
    ];
    try {
      const onEvent = (event: FunnelEvent) => {
        for (const reporter of reporters) reporter.event(event);
      };
      const funnel = await openFunnel(file, { pieces, onEvent });
      // Words in most places keep the puzzle from starting, or a frame from arriving.
      const turns = where === 'nowhere' ? Infinity : 1000;
      for (let turn = 0; turn < turns && taken(funnel) < 5; turn++)
        await new Promise((resolve) => setTimeout(resolve, 1));
      await funnel.close();
      const snapshot = funnel.snapshot();
      for (const reporter of reporters) {
        reporter.started(funnel.puzzle);
        reporter.counters(snapshot);
        reporter.ended(snapshot);
      }
      show('status', renderCounters(snapshot, undefined, 100).join('\n'));
      if (where === 'nowhere') expect(taken(funnel)).toBeGreaterThan(0);
    } catch (error) {
      show('run', errorText(error));
    }
    for (const [by, text] of shown) {
      const at = text.search(STEERS);
      expect(at < 0 ? '' : `${by}: ${JSON.stringify(text.slice(Math.max(0, at - 60), at + 40))}`).toBe('');
      expect(FORGED.test(text), by).toBe(false);
    }
  });
});

function taken(funnel: Funnel): number {
  return funnel.snapshot().pieces.find(({ name }) => name === 'taker')!.edges[0]!.framesIn;
}
