import type { Piece as Description, Problem, Property } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import { escaped } from '../../stack/foreign-text.ts';

/**
 * A guest's text for people to read: at most `maxLength` code units, with dangerous characters as escapes.
 */
export function shownText(text: string, maxLength = MAX_TEXT_LENGTH): string {
  return escaped(text.length > maxLength ? `${text.slice(0, maxLength)}…` : text);
}

/** A guest's problem for people to read. */
export function shownProblem({ setting, message }: Problem): Problem {
  const shown = shownText(message);
  return setting === undefined ? { message: shown } : { setting: shownText(setting), message: shown };
}

/**
 * A guest's property, as it is. The host writes it into the memory of neighbours, whichever way it comes, and
 * people read it. So every way leads through here.
 *
 * @param verb says in which way it comes
 * @throws {PieceFault} FT_FAULT_RESULT where a text of it is too long, or dangerous to read
 */
export function checkedProperty(property: Property, verb: 'offers' | 'describes'): Property {
  const { name, value } = property;
  const text = value.tag === 'text' ? value.val : '';
  if (shownText(name, MAX_PROPERTY_NAME) === name && shownText(text, MAX_PROPERTY_TEXT) === text)
    return property;
  throw new PieceFault(
    'FT_FAULT_RESULT',
    `the piece ${verb} a property with a name of more than ${MAX_PROPERTY_NAME} characters, or a text of more than ${MAX_PROPERTY_TEXT}, or with control characters in them`,
  );
}

/** The characters of a property that go into the memory of each neighbour. */
export function propertySize({ name, value }: Property): number {
  return name.length + (value.tag === 'text' ? value.val.length : 0);
}

/** Checks all properties of a description, and their size together. */
function checkProperties({ edges, curves }: Description): void {
  let size = 0;
  for (const { shapes } of edges)
    for (const { properties } of shapes)
      for (const { property } of properties) size += propertySize(checkedProperty(property, 'describes'));
  for (const { keeps } of curves)
    for (const name of keeps) checkedProperty({ name, value: { tag: 'yes' } }, 'describes');
  if (size > MAX_PROPERTIES_TEXT)
    throw new PieceFault(
      'FT_FAULT_RESULT',
      `the piece describes properties of ${size} characters together, and can have ${MAX_PROPERTIES_TEXT}`,
    );
}

/**
 * A guest's description, with all text for people to read. Names and stacks are checked where they are used.
 *
 * @throws {PieceFault} FT_FAULT_RESULT where properties are more than neighbours can bear
 */
export function shownDescription(description: Description): Description {
  checkProperties(description);
  return {
    ...description,
    name: shownText(description.name),
    version: shownText(description.version),
    summary: shownText(description.summary),
    edges: description.edges.map((edge) => ({ ...edge, name: shownText(edge.name) })),
    settings: description.settings.map((setting) => ({
      ...setting,
      name: shownText(setting.name),
      summary: shownText(setting.summary),
    })),
    reasons: description.reasons.map((reason) => ({
      ...reason,
      name: shownText(reason.name),
      summary: shownText(reason.summary),
    })),
  };
}

/** Characters in one message: several lines of a terminal, and not a flood. */
export const MAX_TEXT_LENGTH = 1024;
/** Characters of a property's name, and of its text: an address with its prefix, a name, an identity. */
const MAX_PROPERTY_NAME = 64;
const MAX_PROPERTY_TEXT = 1024;
/** Characters of all properties of a piece, on all its Edges: what it describes, and again what it offers. */
export const MAX_PROPERTIES_TEXT = 65_536;
