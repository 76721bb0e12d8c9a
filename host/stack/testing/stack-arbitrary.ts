import fc from 'fast-check';
import { parseStack } from '../parse-stack.ts';
import { standardProtocols } from '../protocols.ts';
import type { Stack } from '../stack.ts';

/** For tests: stacks of every form, made by walking the Name Spaces at random. */
export const stackArbitrary: fc.Arbitrary<Stack> = fc
  .array(fc.nat(0xffff), { minLength: 24, maxLength: 24 })
  .map((choices) => parseStack(stackText(choices)));

/** The text of a stack from a tape of choices. */
export function stackText(choices: readonly number[]): string {
  let at = 0;
  const choose = <T>(options: readonly T[]): T => options[choices[at++ % choices.length]! % options.length]!;
  const protocols = standardProtocols;
  const membersOf = (nameSpace: string): string[] => {
    const number = protocols.nameSpaceNumber(nameSpace);
    const names: string[] = [];
    // An identifier that another stack has interned has no name of its own.
    for (let p = 1; p < protocols.count; p++)
      if (protocols.isMember(p, number) && !protocols.name(p).includes(':')) names.push(protocols.name(p));
    return names;
  };
  const starts = [
    'ip',
    'ip',
    'ipv4',
    'ipv6',
    'ethernet',
    'ppp',
    'vlan',
    'udp',
    'icmpv6',
    'hop-by-hop',
    '{udp,tcp}',
    '{ip,arp}',
    'ethertype:',
    'ppp:',
    'ip-protocol:',
  ];
  let text = choose(starts);
  let candidates = lastNames(text);
  if (text.endsWith(':')) {
    const nameSpace = text.slice(0, -1);
    if (choose([true, false, false])) return text;
    candidates = [choose([...membersOf(nameSpace), '99'])];
    text += candidates[0];
  }
  for (let step = choose([0, 1, 2, 2, 3, 4, 5]); step > 0; step--) {
    const nexts = candidates.map((name) => protocols.definition(protocols.number(name))?.header?.next);
    if (nexts.some((next) => next === undefined)) break;
    if (nexts.every((next) => next !== undefined && 'source' in next)) {
      text += `/${choose(['53', '5060', 'sip', 'local:53', 'local:5060', 'remote:53', '*', 'local:*', '{53,5060}', '{local:53,remote:5060}', '{local:53,80}', 'remote:{53,80}'])}`;
      if (choose([true, false])) break;
      const isStream = candidates.includes('tcp');
      candidates = [choose(['ipv6', 'ipv4', 'udp', 'ethernet'])];
      const isFramed = isStream && protocols.definition(protocols.number(candidates[0]!))?.fillsDatagram;
      text += `${isFramed ? '/length-prefix' : ''}/${candidates[0]}`;
      continue;
    }
    if (nexts.some((next) => next !== undefined && 'source' in next)) break;
    const nameSpace = nexts[0]!.nameSpace;
    const options = membersOf(nameSpace).concat('99');
    candidates = [
      ...new Set(choose([[choose(options)], [choose(options)], [choose(options), choose(options)]])),
    ];
    text += `/${candidates.length === 1 ? candidates[0] : `{${candidates.join(',')}}`}`;
  }
  return text;
}

function lastNames(text: string): string[] {
  return text
    .replace(/[{}]/g, '')
    .split(',')
    .flatMap((name) => standardProtocols.generic(name) ?? [name]);
}
