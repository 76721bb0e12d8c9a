import {
  type ComponentClaims,
  type ConsentRecord,
  consentedOf,
  consentFileOf,
  readConsents,
  whyNoConsent,
} from '../pieces/consent-record.ts';
import type { Puzzle } from './checked-puzzle.ts';

/**
 * Decides during a check what component files may want. The record beside the configuration decides; without
 * a record, the running puzzle does. Without either, the configuration and its grants are trusted.
 */
export class Consents {
  readonly #file: string | undefined;
  readonly #running: Puzzle | undefined;
  readonly #isGiven: boolean;
  #record: ConsentRecord | undefined;

  constructor(configuration: string | undefined, running: Puzzle | undefined, isGiven: boolean) {
    this.#file = configuration === undefined ? undefined : consentFileOf(configuration);
    this.#running = running;
    this.#isGiven = isGiven;
  }

  /** @throws {FunnelError} FT_CONSENT_RECORD */
  async read(): Promise<void> {
    if (this.#file !== undefined && !this.#isGiven) this.#record = await readConsents(this.#file);
  }

  /** Returns why an instance needs consent, and what to do; undefined where it needs none. */
  whyNot(
    instance: string,
    now: ComponentClaims,
  ): { readonly why: string; readonly hint: string } | undefined {
    if (this.#isGiven) return undefined;
    const record = this.#record?.pieces;
    if (record !== undefined) {
      const why = whyNoConsent(Object.hasOwn(record, instance) ? record[instance] : undefined, now);
      return why === undefined ? undefined : { why, hint: HINT_RECORD };
    }
    const runs = this.#running?.pieces.find(({ place }) => place.name === instance)?.claims;
    if (runs === undefined) return undefined;
    const why = whyNoConsent(consentedOf(runs), now);
    return why === undefined ? undefined : { why, hint: HINT_RUNNING };
  }
}

const HINT_RECORD =
  'look at it with `funnel piece inspect`; to accept it, run `funnel consent` with this configuration';
const HINT_RUNNING =
  'look at it with `funnel piece inspect`; to accept it, run `funnel consent`, or `funnel apply --consent`';
