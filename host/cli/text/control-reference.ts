import type { ControlSchema } from '../../daemon/control-schema.ts';
import { wrap } from './wrap.ts';

/** The reference of the control protocol in Markdown, made from its schema: `docs/control.md`. Pure. */
export function controlReference({ protocol, methods }: ControlSchema): string {
  const lines = [
    '# The control protocol',
    '',
    ...paragraph(
      'This reference is made from the schema: `funnel schema --control --reference` prints it, and `funnel ' +
        'schema --control` prints the schema itself. Both sides check every message with it.',
    ),
    '',
    ...paragraph(
      `A running Funnel listens at a UNIX stream socket. This is version ${protocol} of the protocol. The funnel ` +
        'command uses these methods and no others. A program in JavaScript has them as `askFunnel(path, ' +
        "method, params)`, with `findControl('six.yaml')` for the path; a program that embeds a Funnel " +
        'listens with `ControlServer.open(path)`. The folder `host/daemon` describes the paths and the limits.',
    ),
    '',
    '## Messages',
    '',
    '```',
    '→ {"id": 1, "protocol": 1, "method": "apply", "params": {"file": "net.yaml", "directory": "/etc/funnel"}}',
    '← {"id": 1, "result": {"added": [], "removed": [], "replaced": ["six"], "kept": ["net"], "edges": []}}',
    '← {"id": 2, "error": {"code": "FT_CONTROL_METHOD", "message": "…"}}',
    '← {"id": 3, "event": {"kind": "fault", "piece": "six", "code": "FT_FAULT_FUEL", "message": "…"}}',
    '```',
    '',
    ...item(
      'A request is one line of JSON in UTF-8, of at most 1 MiB, with an `id` that the client chooses.',
    ),
    ...item('Each reply is one line with the same `id`; `null` where the `id` is unknown.'),
    ...item('Replies come in the order of the requests. Events come between them.'),
    ...item('An empty line means nothing, in both directions.'),
    ...item(
      '`protocol` may be left out. Another version than that of the Funnel is refused (`FT_CONTROL_VERSION`).',
    ),
    ...item(
      'The version changes where an older client would misunderstand a reply. New methods, new parameters and ' +
        'new keys of results are no such change. So a client ignores keys that it does not know. The Funnel ' +
        'refuses parameters that it does not know (`FT_CONTROL_PARAMETERS`).',
    ),
    ...item(
      'An error has `code` and `message`; `mistakes` with `file`, `line` and `column` where a configuration is ' +
        'wrong; `isRefusal` where it is right, and the system or a piece refused it.',
    ),
    '',
    '## Methods',
    '',
    ...Object.entries(methods).flatMap(([name, { params, result }]) => methodLines(name, params, result)),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function methodLines(name: string, params: SchemaPart, result: SchemaPart): string[] {
  const given = Object.entries(params.properties ?? {});
  return [
    `### \`${name}\``,
    '',
    ...paragraph(params.description ?? ''),
    '',
    ...(given.length === 0 ? ['It has no parameters.', ''] : ['Parameters:', '']),
    ...given.flatMap(([key, part]) => item(`\`${key}\` (${typeOf(part)}): ${part.description ?? ''}`)),
    ...(given.length === 0 ? [] : ['']),
    'Result:',
    '',
    '```',
    ...shapeOf(result),
    '```',
    '',
  ];
}

/** A schema as a structure with types in place of values; `?` marks a key that may be absent. */
function shapeOf(part: SchemaPart, indent = ''): string[] {
  const entries = Object.entries(part.properties ?? {});
  if (entries.length === 0) return [`${indent}{}`];
  const lines = entries.flatMap(([key, inner]) => {
    const name = `${indent}  ${key}${part.required?.includes(key) === true ? '' : '?'}: `;
    const [value, end] = inner.items?.properties === undefined ? [inner, ''] : [inner.items, '[]'];
    if (value.properties === undefined) return [`${name}${typeOf(inner)}`];
    const [first = '', ...rest] = shapeOf(value, `${indent}  `);
    return [`${name}${first.trimStart()}`, ...rest.slice(0, -1), `${rest.at(-1)}${end}`];
  });
  return [`${indent}{`, ...lines, `${indent}}`];
}

function typeOf(part: SchemaPart): string {
  if (part.enum !== undefined) return part.enum.map((each) => JSON.stringify(each)).join(' | ');
  if (part.anyOf !== undefined) return part.anyOf.map(typeOf).join(' | ');
  if (part.items !== undefined) {
    const type = typeOf(part.items);
    return type.includes(' ') ? `(${type})[]` : `${type}[]`;
  }
  if (part.type !== 'object') return part.type ?? 'any';
  const values = part.additionalProperties;
  return values === undefined || values === false ? 'object' : `{ [name]: ${typeOf(values)} }`;
}

/** The parts of a JSON Schema that the reference shows. */
interface SchemaPart {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly SchemaPart[];
  readonly items?: SchemaPart;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaPart>>;
  readonly additionalProperties?: SchemaPart | false;
}

function paragraph(text: string): string[] {
  return wrap(text, WIDTH);
}

function item(text: string): string[] {
  return wrap(text, WIDTH - 2).map((line, i) => (i === 0 ? `- ${line}` : `  ${line}`));
}

const WIDTH = 100;
