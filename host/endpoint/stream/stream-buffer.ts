import type { Setting } from '../../../abi/host/contract.ts';
import { setting } from '../describe-items.ts';
import type { SettingReader } from '../setting-reader.ts';

/** The largest frame alone takes 66 KiB. */
const LEAST_BYTES = 131_072;
const MOST_BYTES = 1_073_741_824;
const STANDARD_BYTES = 4_194_304;

/** The setting `buffer` of endpoints of streams. */
export const bufferSetting: Setting = setting(
  'buffer',
  'Most bytes of the lane in which frames wait to be written, for all streams together',
  'number',
  { default: String(STANDARD_BYTES), range: [LEAST_BYTES, MOST_BYTES] },
);

export function readBuffer(reader: SettingReader): number {
  return reader.number('buffer') ?? STANDARD_BYTES;
}
