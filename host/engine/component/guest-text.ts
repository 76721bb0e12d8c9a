import type { Piece as Description, Problem, Property } from '../../../abi/host/contract.ts';
import { PieceFault } from '../../piece/piece-fault.ts';
import { escaped } from '../../stack/foreign-text.ts';

/**
 * Returns a guest's text for people to read: at most `maxLength` code units, with dangerous characters as
 * escapes.
 */
export function shownText(text: string, maxLength = MAX_TEXT_LENGTH): string {
  return escaped(text.length > maxLength ? `${text.slice(0, maxLength)}…` : text);
}

/** Returns a guest's problem for people to read. */
export function shownProblem({ setting, message }: Problem): Problem {
  const shown = shownText(message);
  return setting === undefined ? { message: shown } : { setting: shownText(setting), message: shown };
}

/**
 * Returns a guest's property unchanged, or refuses it. The host writes properties into the memory of
 * neighbours, and people read them. So a property passes this check wherever it comes from.
 *
 * @param verb how the piece passed the property on, for the message
 * @throws {PieceFault} FT_FAULT_RESULT if one of its texts is too long, or dangerous to read
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

/** The number of characters that a property takes in the memory of each neighbour. */
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
      `the piece describes properties of ${size} characters together, but the limit is ${MAX_PROPERTIES_TEXT}`,
    );
}

/**
 * Returns a guest's description with all texts made safe for people to read. Their users check names and
 * stacks.
 *
 * @throws {PieceFault} FT_FAULT_RESULT if the properties are too many or too long for neighbours
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

/** The most characters in one message: several lines of a terminal. */
export const MAX_TEXT_LENGTH = 1024;
/**
 * The most characters in a property's name, and in its text: an address with its prefix, a name, an identity.
 */
const MAX_PROPERTY_NAME = 64;
const MAX_PROPERTY_TEXT = 1024;
/**
 * The most characters in all properties of a piece on all its Edges: for those that it describes, and again
 * for those that it offers.
 */
export const MAX_PROPERTIES_TEXT = 65_536;
