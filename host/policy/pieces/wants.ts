import type { Piece as Description, Shape } from '../../../abi/host/contract.ts';
import { printable } from '../../stack/foreign-text.ts';

/**
 * Everything that a component wants: the functions of the host that it can call, and the frames that it sees.
 */
export interface Wants {
  /** Those of `log`, `random`, `utc`, `listen` and `offer` that its code can call. */
  readonly grants: readonly string[];
  /** By Edge: each Shape as `STACK DIRECTION REACH`. */
  readonly edges: Readonly<Record<string, readonly string[]>>;
}

export function wantsOf(grants: readonly string[], { edges }: Description): Wants {
  return {
    grants: [...grants],
    edges: Object.fromEntries(edges.map(({ name, shapes }) => [name, shapes.map(shapeKey)])),
  };
}

/**
 * Returns in words what the second wants and the first does not. A Shape that saw whole frames may also see
 * headers only.
 */
export function wantsMore(before: Wants | undefined, now: Wants): readonly string[] {
  const more = now.grants
    .filter((grant) => !before?.grants.includes(grant))
    .map((grant) => ASKS[grant] ?? `to call \`${grant}\``);
  for (const [edge, shapes] of Object.entries(now.edges)) {
    const had = before !== undefined && Object.hasOwn(before.edges, edge) ? before.edges[edge]! : [];
    for (const shape of shapes) {
      const whole = shape.replace(/ headers$/, ' whole-frame');
      if (had.includes(shape) || had.includes(whole)) continue;
      const saw = had.includes(shape.replace(/ whole-frame$/, ' headers'))
        ? ', where it saw only the headers'
        : '';
      more.push(printable(`${shapeWords(shape)} on its Edge \`${edge}\`${saw}`));
    }
  }
  return more;
}

function shapeKey({ stack, direction, reach }: Shape): string {
  return `${stack} ${direction} ${reach}`;
}

function shapeWords(key: string): string {
  return key.replace(
    /^(.*) (\S+) (whole-frame|headers)$/,
    (_, stack, direction, reach) =>
      `${reach === 'headers' ? 'the headers' : 'whole frames'} of \`${stack} ${direction}\``,
  );
}

const ASKS: Readonly<Record<string, string>> = {
  log: 'to log',
  random: 'random numbers',
  utc: 'the time of day',
  listen: 'to listen on further Shapes (`listen`)',
  offer: 'to offer addresses and routes to its neighbours (`offer`)',
};
