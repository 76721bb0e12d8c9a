import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ComponentError } from '../../engine/wasm/component-error.ts';

/**
 * Reads a component file.
 *
 * @throws {ComponentError} FT_COMPONENT_READ, FT_COMPONENT_TOO_LARGE.
 */
export async function readComponent(file: string, maxBytes: number): Promise<Uint8Array> {
  try {
    // Opening a pipe without a writer would otherwise block for ever.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const status = await handle.stat();
      if (!status.isFile())
        throw new ComponentError(
          'FT_COMPONENT_READ',
          `${file} is not a file; name a component, such as ./mine.wasm`,
        );
      if (status.size > maxBytes) {
        throw tooLarge(file, String(status.size), maxBytes);
      }
      // Files of the kernel claim no size, and may never end.
      const bytes = await readAtMost(handle, maxBytes + 1);
      if (bytes.length > maxBytes) throw tooLarge(file, `more than ${maxBytes}`, maxBytes);
      return bytes;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof ComponentError) throw error;
    const reason = error instanceof Error && 'code' in error ? error.code : error;
    const what =
      reason === 'ENOENT'
        ? 'there is no such file'
        : reason === 'EACCES'
          ? 'there is no permission to read it'
          : String(reason);
    throw new ComponentError('FT_COMPONENT_READ', `${file} cannot be read: ${what}`, { cause: error });
  }
}

function tooLarge(file: string, size: string, maxBytes: number): ComponentError {
  return new ComponentError(
    'FT_COMPONENT_TOO_LARGE',
    `${file} has ${size} bytes, more than the limit of ${maxBytes}; if you trust it, raise \`limits: { component: … }\``,
  );
}

/** The bytes of a file, up to its end or to the limit. */
async function readAtMost(handle: FileHandle, limit: number): Promise<Uint8Array> {
  const blocks: Uint8Array[] = [];
  let length = 0;
  while (length < limit) {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(Math.min(BLOCK_BYTES, limit - length)));
    if (bytesRead === 0) break;
    blocks.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  const [only] = blocks;
  return blocks.length === 1 ? only! : Buffer.concat(blocks, length);
}

const BLOCK_BYTES = 1024 * 1024;
