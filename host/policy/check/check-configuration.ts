import type { NativePiece } from '../../endpoint/catalogue.ts';
import { arranging } from '../../puzzle/plan/arrange.ts';
import type { Arrangement, Mistake, NetworkOptions, Place } from '../../puzzle/plan/arrangement.ts';
import { joiningByDefault } from '../../puzzle/plan/default-policy.ts';
import { definePieceProtocols } from '../../puzzle/plan/piece-protocols.ts';
import { TimeSlicer } from '../../puzzle/plan/time-slicer.ts';
import { bypassMistakes } from '../../puzzle/reach/bypass.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { ConfigurationError, type ConfigurationMistake } from '../configuration/configuration-error.ts';
import type { ConfigurationObject } from '../configuration/configuration-schema.ts';
import { didYouMean } from '../configuration/did-you-mean.ts';
import type { MistakeList } from '../configuration/mistake-list.ts';
import {
  type Entries,
  hintFor,
  MistakePlaces,
  messageOf,
  type NetworkUse,
  networksOf,
} from '../configuration/network-use.ts';
import { type ConfigurationSource, readConfiguration } from '../configuration/read-configuration.ts';
import { checkStructure } from '../configuration/schema-mistakes.ts';
import { type CheckContext, openCheckContext } from '../pieces/check-context.ts';
import { ownPieces } from '../pieces/own-pieces.ts';
import { checkPiece } from './check-piece.ts';
import type { Puzzle, PuzzlePiece } from './checked-puzzle.ts';
import { Consents } from './consents.ts';
import { Consequences, independentMistakes } from './consequences.ts';
import { sharedFiles } from './shared-files.ts';

/**
 * Makes a puzzle of a configuration, or reports everything that is wrong with it. Nothing is opened and
 * nothing runs, except that components describe themselves.
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
 * Like {@link checkConfiguration}, for a Funnel that already runs: with its protocol numbers and its compiled
 * components.
 *
 * @param running the puzzle whose components count as consented to, where the configuration has no consent
 *   record
 */
export async function checkFor(
  checkContext: CheckContext,
  configuration: string | ConfigurationObject,
  options: PolicyOptions,
  running?: Puzzle,
): Promise<CheckedConfiguration> {
  const source = await readConfiguration(configuration, options.directory, {
    standardInput: options.standardInput,
    parameters: options.parameters,
    environment: options.environment,
  });
  return new Check(source, checkContext, options, running).run();
}

/**
 * Like {@link checkConfiguration}, for callers that need a puzzle.
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
  /** Native pieces of the embedder, by the name that a configuration uses. */
  readonly pieces?: Readonly<Record<string, NativePiece>>;
  /**
   * Modules that export more native pieces, in an object `pieces`. These run in a worker thread as well.
   * URLs, or paths from the working directory.
   */
  readonly pieceModules?: readonly (string | URL)[];
  /**
   * The base of relative paths: that of the configuration, and those in an object. The working directory by
   * default.
   */
  readonly directory?: string;
  /** The values of parameters that the configuration declares, as texts. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  /**
   * The variables that secrets and parameters may name, and those that say where named configurations and
   * credentials are; `process.env` by default.
   */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The stream from which the configuration named `-` is read; without it `-` is a file of that name. */
  readonly standardInput?: AsyncIterable<Uint8Array>;
  /** Consents to everything that component files want beyond the consent record. */
  readonly consent?: boolean;
}

export interface CheckedConfiguration {
  /** In the order of their lines. */
  readonly mistakes: readonly ConfigurationMistake[];
  /** Present when there are no mistakes. */
  readonly puzzle?: Puzzle;
}

/** The steps of one check. Each adds its mistakes to one list, and the next continues with what is left. */
class Check {
  readonly #source: ConfigurationSource;
  readonly #mistakes: MistakeList;
  readonly #checkContext: CheckContext;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #consents: Consents;
  readonly #consequences = new Consequences();
  /** The thread may have a control socket, a watchdog, or an embedder's program. */
  readonly #timeSlicer = new TimeSlicer(() => performance.now(), SLICE_MS);

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
    const configuration = this.#checkStructure();
    if (configuration === undefined) return { mistakes: this.#mistakes.sorted() };
    const entries = Object.entries(configuration.pieces);
    await this.#readConsents();
    const checked = await this.#checkPieces(entries);
    this.#defineProtocols(checked);
    this.#checkFiles(checked);

    const used = networksOf(entries);
    const { pieces, places, decisions, choices, contested } = await this.#joinLeftOutEdges(checked);
    const networks = this.#networks(places, used, configuration.networks ?? {});
    const arrangement = await this.#arrange(places, networks);
    const found = [...choices, ...independentMistakes(arrangement, places, choices, contested)];
    const mistakePlaces = new MistakePlaces(used);
    this.#addMistakes(found, used, mistakePlaces);
    if (this.#mistakes.length === 0) this.#checkBypass(pieces, arrangement);

    const mistakes = this.#mistakes.sorted();
    if (mistakes.length > 0) return { mistakes };
    const { title } = this.#source;
    const { joints } = arrangement;
    const locate = this.#locator(mistakePlaces);
    const checkContext = this.#checkContext;
    return { mistakes, puzzle: { title, pieces, networks, joints, decisions, checkContext, locate } };
  }

  /** Returns the structure without its wrong parts; undefined if nothing is left. */
  #checkStructure() {
    if (this.#source.value === undefined) return undefined;
    const { configuration, doubtful, lacksEdges } = checkStructure(this.#source.value, this.#mistakes);
    for (const name of doubtful) this.#consequences.doubtful.add(name);
    this.#consequences.lacksEdges = lacksEdges;
    return configuration;
  }

  async #readConsents(): Promise<void> {
    try {
      await this.#consents.read();
    } catch (error) {
      if (!(error instanceof FunnelError)) throw error;
      this.#mistakes.add(error.code, [], error.message);
    }
  }

  async #checkPieces(entries: Entries): Promise<readonly PuzzlePiece[]> {
    const pieces: PuzzlePiece[] = [];
    const context = {
      source: this.#source,
      checkContext: this.#checkContext,
      environment: this.#environment,
      consents: this.#consents,
    };
    for (const [name, entry] of entries) {
      await this.#timeSlicer.yieldIfDue();
      const { piece, isDoubtful, misspelt } = await checkPiece(name, entry, context);
      if (piece !== undefined) pieces.push(piece);
      if (isDoubtful) this.#consequences.doubtful.add(name);
      for (const edge of misspelt) this.#consequences.misspelt.add(edge);
    }
    return pieces;
  }

  /** Gives the protocols that pieces define their numbers. */
  #defineProtocols(pieces: readonly PuzzlePiece[]): void {
    const places = pieces.map(({ place }) => place);
    for (const { piece, code, message } of definePieceProtocols(this.#checkContext.protocols, places)) {
      this.#consequences.doubtful.add(piece!);
      this.#mistakes.add(code, ['pieces', piece!, 'piece'], message);
    }
  }

  /** Finds files that one piece would destroy for another. */
  #checkFiles(pieces: readonly PuzzlePiece[]): void {
    for (const { piece, setting, path, isWritten, other, isWrittenByOther } of sharedFiles(pieces)) {
      const whatItDoes = isWritten ? 'writes' : 'reads';
      const whatOtherDoes = isWrittenByOther ? 'writes' : 'reads';
      this.#mistakes.add(
        'FT_FILE_SHARED',
        ['pieces', piece, 'settings', setting],
        `piece \`${piece}\` ${whatItDoes} \`${path}\`, which \`${other}\` ${whatOtherDoes}`,
        { hint: 'name another file for one of them' },
      );
    }
  }

  /** Puts the Edges that the configuration leaves out on networks, by the default policy. */
  async #joinLeftOutEdges(pieces: readonly PuzzlePiece[]) {
    const { protocols } = this.#checkContext;
    const joining = joiningByDefault(
      protocols,
      pieces.map(({ place }) => place),
    );
    const { places, decisions, mistakes, contested } = await this.#timeSlicer.run(joining);
    const joined = pieces.map((piece, index): PuzzlePiece => {
      const place = places[index]!;
      return { ...piece, place, spec: { ...piece.spec, place } };
    });
    return { pieces: joined, places, decisions, choices: mistakes, contested };
  }

  /** The networks that have an Edge, named or by default, with their options. */
  #networks(
    places: readonly Place[],
    used: ReadonlyMap<string, readonly NetworkUse[]>,
    given: Readonly<Record<string, NetworkOptions | { copies?: boolean | undefined } | null>>,
  ): ReadonlyMap<string, NetworkOptions> {
    const networks = new Map<string, NetworkOptions>();
    const add = (name: string) => networks.set(name, { copies: given[name]?.copies ?? false });
    for (const name of used.keys()) add(name);
    for (const { edges } of places) for (const names of edges.values()) for (const name of names) add(name);
    const { lacksEdges, doubtful } = this.#consequences;
    for (const name of Object.keys(given)) {
      if (networks.has(name) || lacksEdges || doubtful.size > 0) continue;
      this.#mistakes.add('FT_NETWORK_UNKNOWN', ['networks', name], `no Edge is on the network \`${name}\``, {
        hint: didYouMean(name, networks.keys(), 'leave it out, or put an Edge on it'),
        of: 'key',
      });
    }
    return networks;
  }

  /**
   * Arranges the pieces. Where properties conflict, the hints propose any piece of the registry that would
   * help.
   */
  async #arrange(
    places: readonly Place[],
    networks: ReadonlyMap<string, NetworkOptions>,
  ): Promise<Arrangement> {
    const { protocols, registry } = this.#checkContext;
    const arrangement = await this.#timeSlicer.run(arranging(protocols, places, networks));
    if (!arrangement.mistakes.some(({ code }) => code === 'FT_PROPERTY_CONFLICT')) return arrangement;
    const known = await registry.descriptions();
    return this.#timeSlicer.run(arranging(protocols, places, networks, known));
  }

  /** Adds mistakes of the puzzle with their lines, except those that only follow from others. */
  #addMistakes(
    found: readonly Mistake[],
    used: ReadonlyMap<string, readonly NetworkUse[]>,
    mistakePlaces: MistakePlaces,
  ): void {
    let number = 0;
    for (const mistake of found) {
      if (this.#consequences.isConsequence(mistake, used)) continue;
      const { path, of } = mistakePlaces.pathOf(mistake);
      const hint = hintFor(mistake, used, number++);
      this.#mistakes.add(mistake.code, path, messageOf(mistake), { of, hint });
    }
  }

  /** Finds pieces with the policy `bypass` that frames cannot go around. */
  #checkBypass(pieces: readonly PuzzlePiece[], { joints }: Arrangement): void {
    const specs = pieces.map(({ spec }) => spec);
    for (const mistake of bypassMistakes(this.#checkContext.protocols, specs, joints)) {
      const path = ['pieces', mistake.piece!, 'failure'];
      this.#mistakes.add(mistake.code, path, messageOf(mistake), { of: 'value' });
    }
  }

  /** Finds the line of a mistake that a lane reports later. */
  #locator(mistakePlaces: MistakePlaces): Puzzle['locate'] {
    const { mistakes } = this.#source;
    return (mistake) => {
      const { path, of } = mistakePlaces.pathOf(mistake);
      const list = mistakes.alike();
      list.add(mistake.code, path, messageOf(mistake), { of });
      return list.sorted()[0]!;
    };
  }
}

/** The time for which a check keeps its thread. */
const SLICE_MS = 4;
