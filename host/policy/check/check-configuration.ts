import type { Piece as Description, Problem } from '../../../abi/host/contract.ts';
import type { NativePiece } from '../../endpoint/catalogue.ts';
import { arrange } from '../../puzzle/plan/arrange.ts';
import type { Mistake, NetworkOptions, Place } from '../../puzzle/plan/arrangement.ts';
import { joinByDefault } from '../../puzzle/plan/default-policy.ts';
import { findShapes } from '../../puzzle/plan/find-shapes.ts';
import { definePieceProtocols } from '../../puzzle/plan/piece-protocols.ts';
import { bypassMistakes } from '../../puzzle/reach/bypass.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { checkSettings, type SettingPairs } from '../configuration/check-settings.ts';
import {
  ConfigurationError,
  type ConfigurationMistake,
  type PathStep,
} from '../configuration/configuration-error.ts';
import type { ConfigurationObject, PieceEntry } from '../configuration/configuration-schema.ts';
import { didYouMean, nearest } from '../configuration/did-you-mean.ts';
import type { MistakeList } from '../configuration/mistake-list.ts';
import {
  hintFor,
  type NetworkUse,
  networkNames,
  networksOf,
  placeOf,
  type ShapeReference,
  wordsOf,
} from '../configuration/network-use.ts';
import { type ConfigurationSource, readConfiguration } from '../configuration/read-configuration.ts';
import { checkStructure } from '../configuration/schema-mistakes.ts';
import { millisecondsOf } from '../configuration/setting-value.ts';
import { type CheckContext, openCheckContext } from '../pieces/check-context.ts';
import type { ComponentClaims } from '../pieces/consent-record.ts';
import { edgesGranted, grantsOf } from '../pieces/granted.ts';
import { type ForeignFile, type OpenedPiece, openPiece } from '../pieces/open-piece.ts';
import { ownPieces } from '../pieces/own-pieces.ts';
import { identityOf } from '../pieces/piece-identity.ts';
import type { FoundPiece } from '../pieces/piece-registry.ts';
import type { PieceSpec } from '../pieces/piece-spec.ts';
import { wantsOf } from '../pieces/wants.ts';
import type { Puzzle, PuzzlePiece } from './checked-puzzle.ts';
import { Consents } from './consents.ts';

/**
 * Makes a puzzle of a configuration, or tells all that is wrong with it. Nothing is opened and nothing runs, except that
 * components are asked to describe themselves.
 *
 * @param configuration the path of a YAML file, or the same structure as an object.
 */
export async function checkConfiguration(
  configuration: string | ConfigurationObject,
  options: PolicyOptions = {},
): Promise<CheckedConfiguration> {
  return checkFor(openCheckContext(await ownPieces(options)), configuration, options);
}

/**
 * As {@link checkConfiguration}, for a Funnel that runs already: with its numbers of protocols, and what it has compiled.
 *
 * @param running what was let in there is consented to, where the configuration has no record of that.
 */
export async function checkFor(
  checkContext: CheckContext,
  configuration: string | ConfigurationObject,
  options: PolicyOptions,
  running?: Puzzle,
): Promise<CheckedConfiguration> {
  const source = await readConfiguration(configuration, options.directory);
  return new Check(source, checkContext, options, running).run();
}

/**
 * As {@link checkConfiguration}, for who can only go on with a puzzle.
 *
 * @throws {ConfigurationError} with every mistake.
 */
export async function preparePuzzle(
  configuration: string | ConfigurationObject,
  options: PolicyOptions = {},
): Promise<Puzzle> {
  const { puzzle, mistakes } = await checkConfiguration(configuration, options);
  if (puzzle === undefined) throw new ConfigurationError(mistakes);
  return puzzle;
}

export interface PolicyOptions {
  /** Native pieces of the embedder's own, by the name that a configuration calls them. */
  readonly pieces?: Readonly<Record<string, NativePiece>>;
  /**
   * Modules that export more of them, as an object `pieces`: they run in a worker thread, too. URLs, or paths from the working
   * directory.
   */
  readonly pieceModules?: readonly (string | URL)[];
  /** What paths are relative to: the configuration's, and those in an object; the working directory when left out. */
  readonly directory?: string;
  /** Where secrets come from that name a variable; `process.env` when left out. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** What component files want more than was consented to is consented to now. */
  readonly consent?: boolean;
}

export interface CheckedConfiguration {
  /** In the order of their places. */
  readonly mistakes: readonly ConfigurationMistake[];
  /** Present when there are no mistakes. */
  readonly puzzle?: Puzzle;
}

class Check {
  readonly #source: ConfigurationSource;
  readonly #mistakes: MistakeList;
  readonly #checkContext: CheckContext;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  /** Pieces of which something is missing, so that what does not fit them may only follow from that. */
  readonly #doubtful = new Set<string>();
  readonly #consents: Consents;
  #lacksEdges = false;
  /** Edges that the configuration misspelt, as they probably were meant. */
  readonly #misspelt = new Set<string>();

  constructor(
    source: ConfigurationSource,
    checkContext: CheckContext,
    options: PolicyOptions,
    running: Puzzle | undefined,
  ) {
    this.#source = source;
    this.#mistakes = source.mistakes;
    this.#checkContext = checkContext;
    this.#environment = options.environment ?? process.env;
    this.#consents = new Consents(source.file, running, options.consent ?? false);
  }

  async run(): Promise<CheckedConfiguration> {
    if (this.#source.value === undefined) return { mistakes: this.#mistakes.sorted() };
    const { configuration, doubtful, lacksEdges } = checkStructure(this.#source.value, this.#mistakes);
    for (const name of doubtful) this.#doubtful.add(name);
    this.#lacksEdges = lacksEdges;
    if (configuration === undefined) return { mistakes: this.#mistakes.sorted() };

    const entries = Object.entries(configuration.pieces);
    await this.#readConsents();
    const pieces: PuzzlePiece[] = [];
    for (const [name, entry] of entries) {
      const piece = await this.#prepare(name, entry);
      if (piece === undefined) this.#doubtful.add(name);
      else pieces.push(piece);
    }

    for (const mistake of definePieceProtocols(
      this.#checkContext.protocols,
      pieces.map(({ place }) => place),
    )) {
      this.#doubtful.add(mistake.piece!);
      this.#mistakes.add(mistake.code, ['pieces', mistake.piece!, 'piece'], mistake.message);
    }

    const used = networksOf(entries);
    const {
      places,
      decisions,
      mistakes: choices,
      contested,
    } = joinByDefault(
      this.#checkContext.protocols,
      pieces.map(({ place }) => place),
    );
    const seated = pieces.map((piece, index): PuzzlePiece => {
      const place = places[index]!;
      return { ...piece, place, spec: { ...piece.spec, place } };
    });
    const networks = this.#networks(places, used, configuration.networks ?? {});

    const arrangement = await this.#arrange(places, networks);
    // Where an Edge is not joined for a mistake of its own, others may lack nothing but that.
    const lacking = new Set(contested);
    for (const { code, piece, edge } of arrangement.mistakes) {
      if (code !== 'FT_EDGE_REPEATED') continue;
      const place = places.find(({ name }) => name === piece);
      for (const network of place?.edges.get(edge ?? '') ?? []) lacking.add(network);
    }
    const undecided = new Set(choices.map(({ piece, edge }) => `${piece}.${edge}`));
    const found = [
      ...choices,
      ...arrangement.mistakes.filter(
        ({ code, piece, edge, network }) =>
          !(code === 'FT_EDGE_UNJOINED' && undecided.has(`${piece}.${edge}`)) &&
          !(code === 'FT_SHAPES_DO_NOT_MATCH' && network !== undefined && lacking.has(network)),
      ),
    ];
    for (const mistake of found) {
      if (this.#followsFromAnother(mistake, used)) continue;
      const { path, of } = placeOf(mistake, entries);
      this.#mistakes.add(mistake.code, path, wordsOf(mistake), { of, hint: hintFor(mistake, used) });
    }
    if (this.#mistakes.length === 0) {
      const specs = seated.map(({ spec }) => spec);
      for (const mistake of bypassMistakes(this.#checkContext.protocols, specs, arrangement.joints)) {
        const path = ['pieces', mistake.piece!, 'failure'];
        this.#mistakes.add(mistake.code, path, wordsOf(mistake), { of: 'value' });
      }
    }
    const mistakes = this.#mistakes.sorted();
    if (mistakes.length > 0) return { mistakes };

    const source = this.#source;
    return {
      mistakes,
      puzzle: {
        title: source.title,
        pieces: seated,
        networks,
        joints: arrangement.joints,
        decisions,
        checkContext: this.#checkContext,
        locate(mistake) {
          const { path, of } = placeOf(mistake, entries);
          const list = source.mistakes.alike();
          list.add(mistake.code, path, wordsOf(mistake), { of });
          return list.sorted()[0]!;
        },
      },
    };
  }

  /** The networks that something is on, named or by default, with their options. */
  #networks(
    places: readonly Place[],
    used: ReadonlyMap<string, readonly NetworkUse[]>,
    given: Readonly<Record<string, NetworkOptions | { copies?: boolean | undefined } | null>>,
  ): ReadonlyMap<string, NetworkOptions> {
    const networks = new Map<string, NetworkOptions>();
    const add = (name: string) => networks.set(name, { copies: given[name]?.copies ?? false });
    for (const name of used.keys()) add(name);
    for (const { edges } of places) for (const names of edges.values()) for (const name of names) add(name);
    for (const name of Object.keys(given)) {
      if (networks.has(name) || this.#lacksEdges || this.#doubtful.size > 0) continue;
      this.#mistakes.add('FT_NETWORK_UNKNOWN', ['networks', name], `no Edge is on the network \`${name}\``, {
        hint: didYouMean(name, networks.keys(), 'leave it out, or put an Edge on it'),
        of: 'key',
      });
    }
    return networks;
  }

  /** As `arrange`; where properties do not go together, all pieces at hand are asked whether they would help. */
  async #arrange(places: readonly Place[], networks: ReadonlyMap<string, NetworkOptions>) {
    const arrangement = arrange(this.#checkContext.protocols, places, networks);
    if (!arrangement.mistakes.some(({ code }) => code === 'FT_PROPERTY_CONFLICT')) return arrangement;
    return arrange(
      this.#checkContext.protocols,
      places,
      networks,
      await this.#checkContext.registry.descriptions(),
    );
  }

  async #prepare(name: string, entry: PieceEntry): Promise<PuzzlePiece | undefined> {
    const path = ['pieces', name];
    const found = this.#checkContext.registry.find(entry.piece, this.#source.directory);
    if (found.kind === 'missing') {
      this.#mistakes.add('FT_PIECE_UNKNOWN', [...path, 'piece'], `there is no piece \`${entry.piece}\``, {
        hint: found.hint,
      });
      return undefined;
    }
    try {
      const opened = await openPiece(this.#checkContext.registry, found, entry, {
        path,
        mistakes: this.#mistakes,
      });
      return this.#describe(name, entry, found, opened, path);
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      this.#mistakes.add(error.code, [...path, 'piece'], `\`${entry.piece}\`: ${error.message}`);
      return undefined;
    }
  }

  #describe(
    name: string,
    entry: PieceEntry,
    found: FoundPiece,
    { piece, origin, source, foreign }: OpenedPiece,
    path: readonly PathStep[],
  ): PuzzlePiece | undefined {
    const given = entry.settings ?? {};
    const settingsPath = [...path, 'settings'];
    const bare = piece.describe([]);
    if (isProblems(bare)) {
      this.#problems(bare, new Set(), {}, found.name, settingsPath);
      return undefined;
    }
    const { pairs, faulty } = checkSettings(bare.settings, given, {
      piece: found.name,
      path: settingsPath,
      mistakes: this.#mistakes,
      directory: this.#source.directory,
      environment: this.#environment,
      written: (at) => this.#source.written(at),
    });
    if (faulty.size > 0) this.#doubtful.add(name);
    const settled = piece.describe(pairs.length > 0 ? pairs : oneDefault(bare));
    if (isProblems(settled)) {
      this.#problems(settled, faulty, given, found.name, settingsPath);
      this.#doubtful.add(name);
    }
    const description = isProblems(settled) ? bare : settled;
    this.#grantedEdges(entry, description, found, path);
    const claims = foreign && claimsOf(entry, foreign, description);
    const refusal = claims === undefined ? undefined : this.#consents.whyNot(name, claims);
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
    return { place, reference: entry.piece, spec, ...(claims === undefined ? {} : { claims }) };
  }

  async #readConsents(): Promise<void> {
    try {
      await this.#consents.read();
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      this.#mistakes.add(error.code, [], error.message);
    }
  }

  /** A grant for an Edge that is not there would be a grant that does nothing. */
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
      `\`save\` is \`${save}\`, and is to be a duration of 100ms or more`,
      {
        hint: 'write for instance `10s`',
      },
    );
    return undefined;
  }

  /** What a piece itself has against its settings. */
  #problems(
    problems: readonly Problem[],
    faulty: ReadonlySet<string>,
    given: Readonly<Record<string, unknown>>,
    piece: string,
    path: readonly PathStep[],
  ): void {
    for (const { setting, message } of problems) {
      if (setting === undefined) {
        // It may only miss what was left out for another mistake.
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
      } else {
        this.#mistakes.add(
          'FT_SETTING_MISSING',
          path,
          `\`${piece}\` needs the setting \`${setting}\`: ${message}`,
          {
            hint: `add it to \`settings\`; \`funnel piece doc ${piece}\` tells what it takes`,
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
    for (const [edge, networks] of Object.entries(entry.edges ?? {})) {
      const described = description.edges.find((each) => each.name === edge);
      if (described !== undefined) {
        edges.set(edge, networkNames(networks));
        if (typeof networks === 'object' && !Array.isArray(networks))
          shapes.set(edge, this.#shapes(name, described, networks));
        continue;
      }
      this.#doubtful.add(name);
      const near = nearest(edge, known);
      if (near !== undefined) this.#misspelt.add(`${name}.${near}`);
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
        const named = findShapes(edge, reference, this.#checkContext.protocols);
        for (const shape of named) found.add(shape);
        if (named.length > 0) continue;
        this.#doubtful.add(name);
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

  /** Whether a mistake is only there because another one is: a neighbour that could not be made matches nothing. */
  #followsFromAnother(mistake: Mistake, used: ReadonlyMap<string, readonly NetworkUse[]>): boolean {
    if (
      mistake.piece !== undefined &&
      mistake.edge !== undefined &&
      this.#misspelt.has(`${mistake.piece}.${mistake.edge}`)
    )
      return true;
    // What is left out may lack just what is missing.
    const isByDefault = mistake.network === undefined || !used.has(mistake.network);
    if (isByDefault && LEFT_OUT.has(mistake.code) && (this.#doubtful.size > 0 || this.#lacksEdges))
      return true;
    if (mistake.network === undefined) return false;
    const uses = used.get(mistake.network) ?? [];
    return (uses.length < 2 && this.#lacksEdges) || uses.some((use) => this.#doubtful.has(use.piece));
  }
}

/**
 * Without settings a piece describes itself and complains of nothing, though some may have to be given. A default that is given
 * means the same, and is a setting.
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

/** Mistakes of Edges that the configuration leaves out. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'FT_EDGE_UNJOINED',
  'FT_EDGE_AMBIGUOUS',
  'FT_SHAPES_DO_NOT_MATCH',
  'FT_JOINT_AMBIGUOUS',
]);
/** Saving more often than that would be most of what a lane does. */
const LEAST_SAVE_MS = 100;
