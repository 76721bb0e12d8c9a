#!/usr/bin/env node
import { demandProgramRoom } from '../policy/pieces/thread-room.ts';
import { jsonText } from '../stack/foreign-text.ts';
import { errorJson, errorText } from './text/error-text.ts';

// The engine ends the process where it has no room to load the program, so a few modules look first.
try {
  demandProgramRoom();
  await import('./program.ts');
} catch (error) {
  process.stderr.write(
    process.argv.includes('--json') ? `${jsonText(errorJson(error))}\n` : errorText(error),
  );
  process.exitCode = 1;
}
