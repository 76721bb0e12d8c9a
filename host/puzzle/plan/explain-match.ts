import { formatStack } from '../../stack/format-stack.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { matchStacks } from '../../stack/match.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import { portNames } from '../../stack/port-names.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { Stack } from '../../stack/stack.ts';

/** Whether two stacks match and why, in words. */
export interface MatchExplanation {
  readonly matches: boolean;
  /** The two stacks in canonical form: Generic Carriers and numbers by name, sets in order. */
  readonly first: string;
  readonly second: string;
  /** The stack that both accept, when they match. */
  readonly both?: string;
  /** A sentence. */
  readonly explanation: string;
  /** The registered names of the ports, such as `5060 is sip`. */
  readonly ports: readonly string[];
}

/** @throws FunnelError with a code FT_STACK_… and the stack that cannot be read */
export function explainMatch(protocols: Protocols, first: string, second: string): MatchExplanation {
  const [a, b] = [read(protocols, first), read(protocols, second)];
  const { matches, explanation, stack } = matchStacks(a, b, protocols);
  return {
    matches,
    first: formatStack(a, protocols),
    second: formatStack(b, protocols),
    ...(stack === undefined ? {} : { both: formatStack(stack, protocols) }),
    explanation,
    ports: portNames([a, b], protocols),
  };
}

function read(protocols: Protocols, text: string): Stack {
  try {
    return parseStack(text, protocols);
  } catch (error) {
    if (error instanceof FunnelError)
      throw new FunnelError(error.code, `${text}: ${error.message}`, { cause: error });
    throw error;
  }
}
