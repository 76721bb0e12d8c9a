import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
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
        throw new ComponentError(
          'FT_COMPONENT_TOO_LARGE',
          `${file} has ${status.size} bytes, more than the limit of ${maxBytes}; if you trust it, raise \`limits: { component: … }\``,
        );
      }
      return await handle.readFile();
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
