import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Piece as Description, Problem } from '../../../abi/host/contract.ts';
import { nativePieces } from '../../endpoint/catalogue.ts';
import { DEFAULT_LIMITS, type Limits } from '../../engine/component/limits.ts';
import {
  componentFrom,
  type Grant,
  type LoadedComponent,
  loadComponent,
} from '../../engine/load-component.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import type { SettingPairs } from '../configuration/check-settings.ts';
import { GRANTS } from '../configuration/configuration-schema.ts';
import { nearest } from '../configuration/did-you-mean.ts';
import { type Examiner, sharedExaminer } from './examiner.ts';
import type { OwnPiece, OwnPieces } from './own-pieces.ts';
import { packageRoot } from './package-root.ts';
import { readComponent } from './read-component.ts';

/** Finds pieces: those of the embedder, those of the host, the built-in components, and component files. */
export class PieceRegistry {
  readonly #natives: ReadonlyMap<string, OwnPiece>;
  readonly #folder: string;
  readonly #examiner: Examiner;
  /**
   * Components by content, grants and limits, so that several instances, also of a former configuration, are
   * compiled once.
   */
  readonly #loaded = new Map<string, Promise<LoadedComponent>>();
  /** The digests of files of this package, by their state in the file system. */
  readonly #digests = new Map<string, string>();
  readonly #descriptions = new WeakMap<LoadedComponent, Map<string, Description | readonly Problem[]>>();

  /** A piece of the embedder replaces the piece of the host with the same name. */
  constructor(
    own: OwnPieces = new Map(),
    folder: string = join(packageRoot(), 'dist', 'pieces'),
    examiner: Examiner = sharedExaminer,
  ) {
    this.#examiner = examiner;
    const hosts = [...nativePieces].map(([name, native]) => [name, { native }] as const);
    this.#natives = new Map([...hosts, ...own]);
    this.#folder = folder;
  }

  /** The names of all pieces that need no path, in order. */
  names(): readonly string[] {
    return [...new Set([...this.#natives.keys(), ...this.#builtIn()])].sort();
  }

  /**
   * The descriptions of all pieces that need no path, except pieces that cannot be described. All components
   * are examined in the other thread: a check asks for them while a Funnel runs, and together they take a
   * second.
   */
  async descriptions(): Promise<readonly Description[]> {
    const answers = await Promise.all(
      this.names().map(async (name) => {
        try {
          return await describePiece(this, name, '.', (found) => this.#loadForeign(found.file, GRANTS, {}));
        } catch (error) {
          if (error instanceof FunnelError) return undefined;
          throw error;
        }
      }),
    );
    return answers.filter((answer) => answer !== undefined);
  }

  /** The same, each by the name that a configuration uses. */
  async describedPieces(): Promise<ReadonlyMap<string, Description>> {
    const pieces = new Map<string, Description>();
    for (const name of this.names()) {
      try {
        pieces.set(name, await describePiece(this, name, '.'));
      } catch (error) {
        if (!(error instanceof FunnelError)) throw error;
      }
    }
    return pieces;
  }

  /** Finds a piece by its name, or by its path from `directory`. Does not read the file. */
  find(reference: string, directory: string): FoundPiece | MissingPiece {
    if (isPath(reference))
      return {
        kind: 'component',
        name: basename(reference, '.wasm'),
        file: resolve(directory, reference),
        builtIn: false,
      };
    const native = this.#natives.get(reference);
    if (native !== undefined) return { kind: 'native', name: reference, ...native };
    const file = join(this.#folder, `${reference}.wasm`);
    if (NAME.test(reference) && existsSync(file))
      return { kind: 'component', name: reference, file, builtIn: true };
    return { kind: 'missing', hint: this.#hintFor(reference, directory) };
  }

  /**
   * Reads and admits a component. The {@link Examiner} examines an untrusted file in another thread; a
   * built-in component is a trusted file of this package, and is examined here.
   *
   * @throws {ComponentError} where it is refused.
   */
  load(
    found: FoundComponent,
    grants: readonly Grant[],
    limits: Partial<Limits>,
  ): Promise<RegisteredComponent> {
    return found.builtIn
      ? this.#loadBuiltIn(found.file, grants, limits)
      : this.#loadForeign(found.file, grants, limits);
  }

  async #loadBuiltIn(
    file: string,
    grants: readonly Grant[],
    limits: Partial<Limits>,
  ): Promise<RegisteredComponent> {
    // A file of this package may be built again meanwhile, but is not written to in place.
    const status = statSync(file, { throwIfNoEntry: false });
    const state = `${file} ${status?.ino} ${status?.mtimeMs} ${status?.size}`;
    let bytes: Uint8Array | undefined;
    let sha256 = status === undefined ? undefined : this.#digests.get(state);
    if (sha256 === undefined) {
      bytes = await readComponent(file, maxBytesOf(limits));
      sha256 = createHash('sha256').update(bytes).digest('hex');
      this.#digests.set(state, sha256);
    }
    const key = keyOf(sha256, grants, limits);
    let loading = this.#loaded.get(key);
    if (loading === undefined) {
      bytes ??= await readComponent(file, maxBytesOf(limits));
      loading = loadComponent(bytes, { grants: new Set(grants), limits });
    }
    this.#keep(key, loading);
    try {
      const component = await loading;
      const describe = this.#describing(component, async (settings) => component.describe(settings));
      return { component, sha256, describe };
    } catch (error) {
      this.#loaded.delete(key);
      throw error;
    }
  }

  async #loadForeign(
    file: string,
    grants: readonly Grant[],
    limits: Partial<Limits>,
  ): Promise<RegisteredComponent> {
    const known = new Map<string, Promise<LoadedComponent>>();
    for (const [key, loading] of this.#loaded) {
      const sha256 = key.slice(0, DIGEST_CHARACTERS);
      if (key === keyOf(sha256, grants, limits)) known.set(sha256, loading);
    }
    // The file is read each time, since it may have changed.
    const { sha256, component: admitted } = await this.#examiner.admit({
      file,
      maxBytes: maxBytesOf(limits),
      terms: { grants, limits },
      known: [...known.keys()],
    });
    const loading = admitted === undefined ? known.get(sha256)! : Promise.resolve(componentFrom(admitted));
    this.#keep(keyOf(sha256, grants, limits), loading);
    const component = await loading;
    const describe = this.#describing(component, (settings) =>
      this.#examiner.describe(component.portable, settings),
    );
    return { component, sha256, describe };
  }

  /**
   * Caches the descriptions of a component: they depend on nothing but the settings. Thousands of instances
   * often have the same settings.
   */
  #describing(component: LoadedComponent, describe: Describe): Describe {
    let kept = this.#descriptions.get(component);
    if (kept === undefined) {
      kept = new Map();
      this.#descriptions.set(component, kept);
    }
    const descriptions = kept;
    return async (settings) => {
      const key = JSON.stringify(settings);
      const known = descriptions.get(key);
      if (known !== undefined) return known;
      const described = await describe(settings);
      if (descriptions.size >= MAX_DESCRIPTIONS) descriptions.clear();
      descriptions.set(key, described);
      return described;
    };
  }

  /** Keeps a component for later changes. The least recently used one is dropped. */
  #keep(key: string, loading: Promise<LoadedComponent>): void {
    // Moves it to the end.
    this.#loaded.delete(key);
    this.#loaded.set(key, loading);
    for (const oldest of this.#loaded.keys()) {
      if (this.#loaded.size <= MAX_LOADED) break;
      this.#loaded.delete(oldest);
    }
  }

  #builtIn(): readonly string[] {
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder)
      .filter((file) => file.endsWith('.wasm'))
      .map((file) => basename(file, '.wasm'));
  }

  #hintFor(reference: string, directory: string): string {
    if (existsSync(resolve(directory, `${reference}.wasm`)))
      return `a component file is named by its path: \`./${reference}.wasm\``;
    if (NAME.test(reference) && existsSync(join(packageRoot(), 'pieces-as', reference))) {
      return 'its source is here, but it is not built: run `npm run build`';
    }
    const near = nearest(reference, this.names());
    return near === undefined ? '`funnel piece list` lists all pieces' : `did you mean \`${near}\`?`;
  }
}

/**
 * Returns the description of a piece without settings.
 *
 * @throws {FunnelError} where there is no such piece, or it cannot be described.
 */
export async function describePiece(
  registry: PieceRegistry,
  reference: string,
  directory: string,
  load: (found: FoundComponent) => Promise<RegisteredComponent> = (found) => registry.load(found, GRANTS, {}),
): Promise<Description> {
  const found = registry.find(reference, directory);
  if (found.kind === 'missing')
    throw new FunnelError('FT_PIECE_UNKNOWN', `there is no piece \`${reference}\` — ${found.hint}`);
  const piece = found.kind === 'native' ? found.native : await load(found);
  const answer = await piece.describe([]);
  if ('edges' in answer) return answer;
  const problems = answer.map(({ message }) => message).join('; ');
  throw new FunnelError(
    'FT_PIECE_DESCRIBE',
    `\`${reference}\` cannot be described without settings: ${problems}`,
  );
}

/** An admitted component, and the digest of its file. */
export interface RegisteredComponent {
  readonly component: LoadedComponent;
  readonly sha256: string;
  /**
   * Returns its description with these settings.
   *
   * @throws {FunnelError} where the instance faults.
   */
  readonly describe: Describe;
}

type Describe = (settings: SettingPairs) => Promise<Description | readonly Problem[]>;

export type FoundPiece = ({ readonly kind: 'native'; readonly name: string } & OwnPiece) | FoundComponent;

export interface FoundComponent {
  readonly kind: 'component';
  readonly name: string;
  readonly file: string;
  readonly builtIn: boolean;
}

export interface MissingPiece {
  readonly kind: 'missing';
  readonly hint: string;
}

/** The key of a component among those that are kept; it begins with the digest of the file. */
function keyOf(sha256: string, grants: readonly Grant[], limits: Partial<Limits>): string {
  return `${sha256} ${JSON.stringify([[...grants].sort(), limits])}`;
}

/** Hexadecimal digits of a SHA-256. */
const DIGEST_CHARACTERS = 64;

function maxBytesOf({ maxComponentBytes }: Partial<Limits>): number {
  return maxComponentBytes ?? DEFAULT_LIMITS.maxComponentBytes;
}

function isPath(reference: string): boolean {
  return reference.includes('/') || reference.endsWith('.wasm');
}

/** The number of compiled components that are kept for later changes. */
const MAX_LOADED = 64;
/** The descriptions of one component that are kept. */
const MAX_DESCRIPTIONS = 16;

const NAME = /^[a-z0-9][a-z0-9-]*$/;
