import type { Direction } from '../../stack/direction.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { parseStack } from '../../stack/parse-stack.ts';
import type { Protocols } from '../../stack/protocols.ts';
import type { SettingReader } from '../setting-reader.ts';

/** The setting `stack`, checked. */
export function readStack(reader: SettingReader, protocols: Protocols): string {
  const stack = reader.text('stack');
  try {
    parseStack(stack, protocols);
  } catch (error) {
    if (!(error instanceof FunnelError)) throw error;
    reader.problem('stack', `stack is ${JSON.stringify(stack)}: ${error.message}`);
    return 'ip';
  }
  return stack;
}

/** The choices of the setting `direction`. */
export const DIRECTIONS: readonly Direction[] = ['up', 'down', 'peer'];
