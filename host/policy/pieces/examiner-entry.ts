import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { inspectComponent } from '../../engine/inspect-component.ts';
import { componentFrom, loadComponent } from '../../engine/load-component.ts';
import { eagerV8 } from '../../engine/wasm/webassembly-engine.ts';
import {
  type ExaminerMessage,
  type ExaminerRequest,
  type ExaminerRequests,
  type PortableInspection,
  portableError,
} from './examiner-messages.ts';
import { readComponent } from './read-component.ts';
import { threadNumber } from './thread-time.ts';

/*
 * The entry of the examiner's thread. It reports that it has loaded its code, and then handles one request at
 * a time: the other thread sends the next one after the reply.
 */

const port = parentPort;
if (port === null) throw new Error('this module is for a worker thread');
reply({ thread: threadNumber() });

port.on('message', (request: ExaminerRequest) => {
  handle(request).then(
    (value) => reply({ value }),
    (error: unknown) => reply({ error: portableError(error) }),
  );
});

function reply(message: ExaminerMessage): void {
  port?.postMessage(message);
}

async function handle(request: ExaminerRequest): Promise<unknown> {
  switch (request.kind) {
    case 'admit':
      return admit(request.order);
    case 'inspect':
      return inspect(request.order);
    case 'describe':
      return componentFrom(request.order.component).describe(request.order.settings);
  }
}

async function admit({
  file,
  maxBytes,
  terms,
  known,
}: ExaminerRequests['admit']['order']): Promise<ExaminerRequests['admit']['result']> {
  const bytes = await readComponent(file, maxBytes);
  const sha256 = digestOf(bytes);
  if (known.includes(sha256)) return { sha256 };
  const { limits } = terms;
  const loaded = await loadComponent(bytes, { grants: new Set(terms.grants), limits, engine: eagerV8 });
  return { sha256, component: loaded.portable };
}

async function inspect({
  file,
  maxBytes,
  terms,
}: ExaminerRequests['inspect']['order']): Promise<ExaminerRequests['inspect']['result']> {
  const bytes = await readComponent(file, maxBytes);
  const inspections: PortableInspection[] = [];
  for (const { grants, limits } of terms) {
    const options = { grants: new Set(grants), limits, engine: eagerV8 };
    const { refusals, ...rest } = await inspectComponent(bytes, options);
    inspections.push({ ...rest, refusals: refusals.map(portableError) });
  }
  return { sha256: digestOf(bytes), inspections };
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
