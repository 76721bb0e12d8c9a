import { puzzleGraph } from '../policy/check/puzzle-graph.ts';
import type { ConfigurationObject } from '../policy/configuration/configuration-schema.ts';
import type { Funnel } from '../policy/funnel.ts';
import type { Method, Parameters, Result } from './control-protocol.ts';

/** The methods of the control socket that concern the Funnel. */
export type ControlService = {
  readonly [M in Exclude<Method, 'events' | 'hello'>]: (parameters: Parameters<M>) => Promise<Result<M>>;
};

/**
 * @param end ends the process cleanly; called after the reply was written
 * @param around runs each change of the configuration
 */
export function controlServiceOf(
  funnel: Funnel,
  end: () => void,
  around: <T>(change: () => Promise<T>) => Promise<T> = (change) => change(),
): ControlService {
  return {
    async snapshot() {
      const { title } = funnel.puzzle;
      return { configuration: title, process: process.pid, snapshot: plain(await funnel.counters()) };
    },

    async graph() {
      return puzzleGraph(funnel.puzzle);
    },

    async check({ directory, parameters, ...subject }) {
      const options = { ...(directory === undefined ? {} : { directory }), parameters };
      const mistakes = await funnel.check(subjectOf(subject), options);
      return { mistakes: plain(mistakes) };
    },

    async apply({ directory, parameters, dryRun = false, consent = false, ...subject }) {
      const options = { ...(directory === undefined ? {} : { directory }), parameters, dryRun, consent };
      const apply = () => funnel.apply(subjectOf(subject), options);
      return plain(await (dryRun ? apply() : around(apply)));
    },

    async end() {
      setImmediate(end);
      return {};
    },
  };
}

/**
 * The subject of a request. The Funnel checks the structure of a configuration later, like that of any other.
 */
function subjectOf({ file, configuration }: Pick<Parameters<'check'>, 'file' | 'configuration'>) {
  return file ?? (configuration as unknown as ConfigurationObject);
}

/** Drops `readonly` from a value that no other code refers to. */
function plain<T>(value: T): Writable<T> {
  return value as Writable<T>;
}

type Writable<T> = T extends readonly (infer E)[]
  ? Writable<E>[]
  : T extends object
    ? { -readonly [K in keyof T]: Writable<T[K]> }
    : T;
