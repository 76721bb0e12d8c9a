import { resolve } from 'node:path';
import type { Piece as Description, Problem } from '../../../abi/host/contract.ts';
import type { Place } from '../../puzzle/plan/arrangement.ts';
import { findShapes } from '../../puzzle/plan/find-shapes.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { checkSettings, type SettingPairs } from '../configuration/check-settings.ts';
import type { PathStep } from '../configuration/configuration-error.ts';
import type { PieceEntry } from '../configuration/configuration-schema.ts';
import { didYouMean, nearest } from '../configuration/did-you-mean.ts';
import type { MistakeList } from '../configuration/mistake-list.ts';
import { networkNames, type ShapeReference } from '../configuration/network-use.ts';
import type { ConfigurationSource } from '../configuration/read-configuration.ts';
import { millisecondsOf } from '../configuration/setting-value.ts';
import type { CheckContext } from '../pieces/check-context.ts';
import type { ComponentClaims } from '../pieces/consent-record.ts';
import { edgesGranted, grantsOf } from '../pieces/granted.ts';
import { type ForeignFile, type OpenedPiece, openPiece } from '../pieces/open-piece.ts';
import { identityOf } from '../pieces/piece-identity.ts';
import type { FoundPiece } from '../pieces/piece-registry.ts';
import type { PieceSpec } from '../pieces/piece-spec.ts';
import { wantsOf } from '../pieces/wants.ts';
import type { PuzzlePiece } from './checked-puzzle.ts';
import type { Consents } from './consents.ts';

/**
 * Checks one entry of `pieces`: finds the piece, checks its settings, grants, Edges and Shapes, and asks the
 * piece to describe itself with these settings. Every mistake is added to the list of the source.
 */
export async function checkPiece(
  name: string,
  entry: PieceEntry,
  context: PieceCheckContext,
): Promise<CheckedPiece> {
  return new PieceCheck(name, entry, context).run();
}

export interface PieceCheckContext {
  readonly source: ConfigurationSource;
  readonly checkContext: CheckContext;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly consents: Consents;
}

export interface CheckedPiece {
  /** Undefined where the piece cannot be described. */
  readonly piece: PuzzlePiece | undefined;
  /** Whether a part of the entry is wrong, so that other mistakes of its Edges may only follow from that. */
  readonly isDoubtful: boolean;
  /** The Edges that the entry probably meant with the names of Edges that do not exist. */
  readonly misspelt: readonly string[];
}

class PieceCheck {
  readonly #name: string;
  readonly #entry: PieceEntry;
  readonly #context: PieceCheckContext;
  readonly #mistakes: MistakeList;
  #isDoubtful = false;
  readonly #misspelt: string[] = [];

  constructor(name: string, entry: PieceEntry, context: PieceCheckContext) {
    this.#name = name;
    this.#entry = entry;
    this.#context = context;
    this.#mistakes = context.source.mistakes;
  }

  async run(): Promise<CheckedPiece> {
    const piece = await this.#prepare();
    return {
      piece,
      isDoubtful: this.#isDoubtful || piece === undefined,
      misspelt: this.#misspelt.map((edge) => `${this.#name}.${edge}`),
    };
  }

  async #prepare(): Promise<PuzzlePiece | undefined> {
    const { registry } = this.#context.checkContext;
    const { piece: reference } = this.#entry;
    const path = ['pieces', this.#name];
    const found = registry.find(reference, this.#context.source.directoryAt([...path, 'piece']));
    if (found.kind === 'missing') {
      this.#mistakes.add('FT_PIECE_UNKNOWN', [...path, 'piece'], `there is no piece \`${reference}\``, {
        hint: found.hint,
      });
      return undefined;
    }
    try {
      const opened = await openPiece(registry, found, this.#entry, { path, mistakes: this.#mistakes });
      return await this.#describe(this.#name, this.#entry, found, opened, path);
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      this.#mistakes.add(error.code, [...path, 'piece'], `\`${reference}\`: ${error.message}`);
      return undefined;
    }
  }

  async #describe(
    name: string,
    entry: PieceEntry,
    found: FoundPiece,
    { piece, origin, source, foreign }: OpenedPiece,
    path: readonly PathStep[],
  ): Promise<PuzzlePiece | undefined> {
    const given = entry.settings ?? {};
    const settingsPath = [...path, 'settings'];
    const bare = await piece.describe([]);
    if (isProblems(bare)) {
      this.#problems(bare, new Set(), {}, found.name, settingsPath);
      return undefined;
    }
    const { pairs: written, faulty } = checkSettings(bare.settings, given, {
      piece: found.name,
      path: settingsPath,
      mistakes: this.#mistakes,
      directoryAt: (at) => this.#context.source.directoryAt(at),
      environment: this.#context.environment,
      written: (at) => this.#context.source.written(at),
    });
    const folderOf = (setting: string) => this.#context.source.directoryAt([...settingsPath, setting]);
    const pairs = withPathsFrom(folderOf, written, source);
    if (faulty.size > 0) this.#isDoubtful = true;
    const settled = await piece.describe(pairs.length > 0 ? pairs : oneDefault(bare));
    if (isProblems(settled)) {
      this.#problems(settled, faulty, given, found.name, settingsPath);
      this.#isDoubtful = true;
    }
    const description = isProblems(settled) ? bare : settled;
    this.#grantedEdges(entry, description, found, path);
    const claims = foreign && claimsOf(entry, foreign, description);
    const refusal = claims === undefined ? undefined : this.#context.consents.whyNot(name, claims);
    if (refusal !== undefined)
      this.#mistakes.add('FT_CONSENT_NEEDED', [...path, 'piece'], refusal.why, refusal);
    const place: Place = { name, description, ...this.#edges(name, entry, description, found.name) };
    const failure = entry.failure ?? 'closed';
    const identity = identityOf(
      { origin, name: description.name, version: description.version, failure },
      pairs,
    );
    const saveEveryMs = this.#saveEveryMs(entry, [...path, 'save']);
    const spec: PieceSpec = {
      place,
      failure,
      identity,
      ...(saveEveryMs === undefined ? {} : { saveEveryMs }),
      source,
      settings: pairs,
    };
    const files = source.kind === 'native' ? (source.native.files?.(pairs) ?? []) : [];
    return {
      place,
      reference: entry.piece,
      spec,
      ...(files.length === 0 ? {} : { files }),
      ...(source.kind === 'native' && source.native.usesStandardStreams?.(pairs) === true
        ? { usesStandardStreams: true }
        : {}),
      ...(claims === undefined ? {} : { claims }),
    };
  }

  /** Reports grants for Edges that do not exist: they would have no effect. */
  #grantedEdges(
    { grants }: PieceEntry,
    { edges }: Description,
    found: FoundPiece,
    path: readonly PathStep[],
  ): void {
    const known = edges.map(({ name }) => name);
    for (const edge of edgesGranted(grantsOf(grants, found.kind === 'component' && found.builtIn))) {
      if (known.includes(edge)) continue;
      this.#mistakes.add(
        'FT_EDGE_UNKNOWN',
        [...path, 'grants'],
        `\`${found.name}\` has no Edge \`${edge}\` to grant something on`,
        {
          hint: didYouMean(edge, known, `it has ${known.map((each) => `\`${each}\``).join(', ')}`),
        },
      );
    }
  }

  #saveEveryMs({ save }: PieceEntry, path: readonly PathStep[]): number | undefined {
    if (save === undefined) return undefined;
    const milliseconds = millisecondsOf(save);
    if (milliseconds !== undefined && milliseconds >= LEAST_SAVE_MS) return milliseconds;
    this.#mistakes.add(
      'FT_CONFIG_SCHEMA',
      path,
      `\`save\` is \`${save}\`, but must be a duration of 100ms or more`,
      {
        hint: 'write for instance `10s`',
      },
    );
    return undefined;
  }

  /** Adds the problems that a piece itself reports about its settings. */
  #problems(
    problems: readonly Problem[],
    faulty: ReadonlySet<string>,
    given: Readonly<Record<string, unknown>>,
    piece: string,
    path: readonly PathStep[],
  ): void {
    for (const { setting, message } of problems) {
      if (setting === undefined) {
        // The piece may only lack a setting that was left out for another mistake.
        if (faulty.size === 0)
          this.#mistakes.add('FT_SETTING_VALUE', path, `\`${piece}\` refuses its settings: ${message}`);
      } else if (Object.hasOwn(given, setting)) {
        if (!faulty.has(setting)) {
          this.#mistakes.add(
            'FT_SETTING_VALUE',
            [...path, setting],
            `setting \`${setting}\` of \`${piece}\`: ${message}`,
          );
        }
      } else if (!faulty.has(setting)) {
        this.#mistakes.add(
          'FT_SETTING_MISSING',
          path,
          `\`${piece}\` needs the setting \`${setting}\`: ${message}`,
          {
            hint: `add it to \`settings\`; \`funnel piece doc ${piece}\` describes it`,
            of: 'key',
          },
        );
      }
    }
  }

  #edges(
    name: string,
    entry: PieceEntry,
    description: Description,
    piece: string,
  ): Pick<Place, 'edges' | 'shapes'> {
    const edges = new Map<string, readonly string[]>();
    const shapes = new Map<string, ReadonlyMap<string, readonly number[]>>();
    const known = description.edges.map((edge) => edge.name);
    const given = Object.entries(entry.edges ?? {});
    const joined = given.reduce((sum, [, networks]) => sum + networkNames(networks).length, 0);
    if (joined > MAX_JOINED_EDGES) {
      this.#isDoubtful = true;
      this.#mistakes.add(
        'FT_EDGE_REPEATED',
        ['pieces', name, 'edges'],
        `piece \`${name}\` is on ${joined} networks, but the limit is ${MAX_JOINED_EDGES}`,
        { hint: 'divide it into several pieces', of: 'key' },
      );
      return { edges, shapes };
    }
    for (const [edge, networks] of given) {
      const described = description.edges.find((each) => each.name === edge);
      if (described !== undefined) {
        edges.set(edge, networkNames(networks));
        if (typeof networks === 'object' && !Array.isArray(networks))
          shapes.set(edge, this.#shapes(name, described, networks));
        continue;
      }
      this.#isDoubtful = true;
      const near = nearest(edge, known);
      if (near !== undefined) this.#misspelt.push(near);
      this.#mistakes.add(
        'FT_EDGE_UNKNOWN',
        ['pieces', name, 'edges', edge],
        `\`${piece}\` has no Edge \`${edge}\``,
        {
          hint: didYouMean(edge, known, `it has ${known.map((each) => `\`${each}\``).join(', ')}`),
          of: 'key',
        },
      );
    }
    return { edges, shapes };
  }

  /** The Shapes of an Edge by network, where the configuration puts them on networks of their own. */
  #shapes(
    name: string,
    edge: Description['edges'][number],
    networks: Readonly<Record<string, ShapeReference | readonly ShapeReference[]>>,
  ): ReadonlyMap<string, readonly number[]> {
    const shapes = new Map<string, readonly number[]>();
    for (const [network, given] of Object.entries(networks)) {
      const path = ['pieces', name, 'edges', edge.name, network];
      const found = new Set<number>();
      for (const [index, reference] of [given].flat().entries()) {
        const named = findShapes(edge, reference, this.#context.checkContext.protocols);
        for (const shape of named) found.add(shape);
        if (named.length > 0) continue;
        this.#isDoubtful = true;
        const known = edge.shapes.map(
          ({ stack, direction }, number) => `${number} (\`${stack} ${direction}\`)`,
        );
        this.#mistakes.add(
          'FT_SHAPE_UNKNOWN',
          Array.isArray(given) ? [...path, index] : path,
          `Edge \`${edge.name}\` of piece \`${name}\` has no Shape \`${reference}\``,
          { hint: `it has ${known.join(', ')}` },
        );
      }
      shapes.set(
        network,
        [...found].sort((a, b) => a - b),
      );
    }
    return shapes;
  }
}

/**
 * The settings of a native piece with the paths of its files made absolute: like the paths of component files
 * and of secrets, they are relative to the folder of the file that has the setting, wherever the Funnel was
 * started.
 */
function withPathsFrom(
  folderOf: (setting: string) => string,
  pairs: SettingPairs,
  source: OpenedPiece['source'],
): SettingPairs {
  if (source.kind !== 'native') return pairs;
  const names = new Set(source.native.files?.(pairs).map(({ setting }) => setting));
  return pairs.map(([name, value]) =>
    names.has(name) ? [name, resolve(folderOf(name), value)] : [name, value],
  );
}

/**
 * One setting with its default value. A piece that receives no settings describes itself and reports no
 * missing setting. With one setting it does, and a default changes nothing else.
 */
function oneDefault({ settings }: Description): SettingPairs {
  const setting = settings.find((each) => each.default !== undefined);
  return setting?.default === undefined ? [] : [[setting.name, setting.default]];
}

function claimsOf(
  { piece }: PieceEntry,
  { sha256, wants }: ForeignFile,
  description: Description,
): ComponentClaims {
  const { name, version } = description;
  return { piece, name, version, sha256, wants: wantsOf(wants, description) };
}

function isProblems(answer: Description | readonly Problem[]): answer is readonly Problem[] {
  return Array.isArray(answer);
}

/** The number of an Edge is a byte, and 255 stands for no Edge. */
const MAX_JOINED_EDGES = 255;

/** With a shorter interval, saving would be most of the work of a lane. */
const LEAST_SAVE_MS = 100;
