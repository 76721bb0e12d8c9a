import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { jsonText } from '../../stack/foreign-text.ts';
import { FunnelError } from '../../stack/funnel-error.ts';
import { writeOutputFile } from '../../stack/output-file.ts';
import { type Wants, wantsMore } from './wants.ts';

/**
 * The consent of the owner of a configuration, in a file beside it: for each component file the piece, its
 * version, its digest, and everything that it wanted.
 */
export type ConsentRecord = z.output<typeof recordSchema>;
/** The consent for one instance. */
export type Consented = z.output<typeof consentedSchema>;

/** The component file of an instance: what it is, and what it wants. */
export interface ComponentClaims {
  /** Its file, as the configuration names it. */
  readonly piece: string;
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly wants: Wants;
}

/** `six.consent.json` for `six.yaml`. */
export function consentFileOf(configuration: string): string {
  return `${configuration.replace(/\.ya?ml$/i, '')}.consent.json`;
}

/**
 * Reads a consent record; undefined where there is none.
 *
 * @throws {FunnelError} FT_CONSENT_RECORD where the file is not a consent record.
 */
export async function readConsents(file: string): Promise<ConsentRecord | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(file, `it cannot be read (${code})`, error);
  }
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (error) {
    throw unreadable(file, 'it is not a consent record', error);
  }
}

/** Replaces the record atomically: a reader sees the old one or the new one. */
export async function writeConsents(file: string, record: ConsentRecord): Promise<void> {
  try {
    writeOutputFile(file, `${jsonText(record, 2)}\n`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    throw new FunnelError('FT_CONSENT_RECORD', `${file} cannot be written (${code}); nothing was recorded`, {
      cause: error,
    });
  }
}

/**
 * Returns why the consent does not cover a component, in words. Undefined where it does: for the same file,
 * and for the same piece where it wants no more.
 */
export function whyNoConsent(consented: Consented | undefined, now: ComponentClaims): string | undefined {
  if (consented?.sha256 === now.sha256) return undefined;
  const what = `\`${now.piece}\`, ${now.name} ${now.version},`;
  if (consented === undefined) {
    const all = wantsMore(undefined, now.wants);
    return `${what} is not in the consent record; it wants ${listed(all)}`;
  }
  if (consented.name !== now.name)
    return `${what} is another piece than ${consented.name} ${consented.version}, which the record allows; it wants ${listed(wantsMore(undefined, now.wants))}`;
  const more = wantsMore(consented.wants, now.wants);
  if (more.length === 0) return undefined;
  return `${what} wants more than ${consented.version}, which the record allows: ${listed(more)}`;
}

export function consentedOf({ piece, name, version, sha256, wants }: ComponentClaims): Consented {
  return {
    piece,
    name,
    version,
    sha256,
    wants: {
      grants: [...wants.grants],
      edges: Object.fromEntries(Object.entries(wants.edges).map(([edge, shapes]) => [edge, [...shapes]])),
    },
  };
}

function listed(words: readonly string[]): string {
  return words.length === 0 ? 'nothing' : words.join('; ');
}

function unreadable(file: string, why: string, cause: unknown): FunnelError {
  return new FunnelError(
    'FT_CONSENT_RECORD',
    `${file}: ${why}; repair it, or remove it and record again with \`funnel consent\``,
    { cause },
  );
}

const consentedSchema = z.strictObject({
  piece: z.string(),
  name: z.string(),
  version: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  wants: z.strictObject({
    grants: z.array(z.string()),
    edges: z.record(z.string(), z.array(z.string())),
  }),
});

const recordSchema = z.strictObject({
  format: z.literal(1),
  /** By the name of the instance. */
  pieces: z.record(z.string(), consentedSchema),
});
