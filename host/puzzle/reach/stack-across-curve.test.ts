import { describe, expect, it } from 'vitest';
import { formatStack } from '../../stack/format-stack.ts';
import { MAX_STACK_STEPS, parseStack } from '../../stack/parse-stack.ts';
import { Protocols } from '../../stack/protocols.ts';
import { stackAcrossCurve, stepsBeyond } from './stack-across-curve.ts';

const protocols = new Protocols();

describe('the steps of a stack beyond another', () => {
  it.each([
    ['ipv6/tcp/80', 'ipv6', 'tcp/80'],
    ['ip/udp/53', 'ip/udp', '53'],
    ['ip/udp', 'ip/udp', undefined],
    ['ip', 'ip/udp', undefined],
    ['ethernet/ip/udp/53', 'ip', 'udp/53'],
    ['ip/tcp/80', 'ethernet/ip', 'tcp/80'],
    ['ip/udp/53', 'udp', '53'],
    ['udp/53', 'ip/udp', '53'],
    ['ipv6/hop-by-hop/udp', 'ipv6/udp', undefined],
    ['ipv6/hop-by-hop/udp/53', 'ipv6/udp', '53'],
    ['ipv4/udp/*/ipv6/icmpv6', 'ipv4/udp/*/ipv6', 'icmpv6'],
    ['ethertype:ipv4/udp', 'ethertype:', 'udp'],
  ])('%s beyond %s is %s', (stack, base, rest) => {
    const steps = stepsBeyond(parseStack(stack), parseStack(base), protocols);
    expect(steps && formatStack({ steps })).toBe(rest);
  });
});

describe('a stack across a Curve', () => {
  const across = (stack: string, near: string, far: string) =>
    stackAcrossCurve(parseStack(stack), parseStack(near), parseStack(far), protocols);

  it('has the layers of the far Shape, and then what follows the near one', () => {
    const behind = across('ipv6/tcp/80', 'ipv6', 'ipv4/udp/*/ipv6');
    expect(behind && formatStack(behind, protocols)).toBe('ipv4/udp/*/ipv6/tcp/80');
  });

  it('is undefined where it has more steps than a stack may have', () => {
    const far = Array(MAX_STACK_STEPS).fill('ipv6').join('/');
    expect(across('ipv6', 'ipv6', far)?.steps).toHaveLength(MAX_STACK_STEPS);
    expect(across('ipv6/tcp', 'ipv6', far)).toBeUndefined();
  });
});
