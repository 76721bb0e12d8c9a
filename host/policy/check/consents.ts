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
 * What component files may want, in one check of a configuration: as it was recorded beside the configuration; where it
 * says nothing, as it runs already. Where there is neither, the configuration is trusted as it stands, with its grants.
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

  /** Why an instance may not be what it is now, and what to do; undefined where it may. */
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
  'look at it with `funnel piece inspect`; to let it in, record that with `funnel consent` and this configuration';
const HINT_RUNNING =
  'look at it with `funnel piece inspect`; to let it in, consent to it: `funnel consent`, or `funnel apply --consent`';
