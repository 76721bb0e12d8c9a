import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LaneSnapshot } from '../../host/puzzle/runtime/snapshot.ts';
import type { Finished, Running } from './command.ts';
import type { Namespace } from './namespace.ts';
import { funnelCommand } from './project-root.ts';

/** A `funnel run` in a host of a lab. */
export class FunnelProcess {
  readonly running: Running;
  readonly #statsFile: string;

  private constructor(running: Running, statsFile: string) {
    this.running = running;
    this.#statsFile = statsFile;
  }

  /**
   * Starts a Funnel and waits until frames can flow.
   *
   * @param configuration its YAML file
   * @param folder where it works: the files that its settings name, relatively, are there
   * @param control the path of its control socket; without one it listens nowhere
   * @throws CommandError with all it printed, when it ends instead
   */
  static async start(
    host: Namespace,
    configuration: string,
    folder: string,
    control?: string,
  ): Promise<FunnelProcess> {
    const statsFile = join(folder, `${host.name}.counters.json`);
    const listening = control === undefined ? ['--no-control'] : ['--control', control];
    const options = ['--stats-file', statsFile, '--interval', '0.2', ...listening];
    rmSync(statsFile, { force: true });
    const running = host.start([process.execPath, funnelCommand, 'run', configuration, ...options], {
      cwd: folder,
    });
    await running.waitFor(/^ready$/m);
    return new FunnelProcess(running, statsFile);
  }

  /** The counters of an instant after this call. */
  async snapshot(): Promise<LaneSnapshot> {
    const before = this.#read()?.uptimeMs ?? -1;
    for (const end = performance.now() + 60_000; performance.now() < end; ) {
      const snapshot = this.#read();
      if (snapshot !== undefined && snapshot.uptimeMs > before) return snapshot;
      if (!this.running.isRunning)
        throw new Error(`the Funnel has ended:\n${this.running.stdout}${this.running.stderr}`);
      await sleep(20);
    }
    // The write can fail, for example because the disk is full.
    const said = `${this.running.stdout}${this.running.stderr}`.trim().split('\n').slice(-3).join('\n');
    throw new Error(`no new counters in ${this.#statsFile}; the Funnel said last:\n${said}`);
  }

  /** Ends it cleanly. */
  stop(): Promise<Finished> {
    return this.running.stop('SIGTERM');
  }

  /** Ends it at once; it gets no chance to clean up. */
  kill(): Promise<Finished> {
    return this.running.stop('SIGKILL');
  }

  #read(): LaneSnapshot | undefined {
    try {
      return JSON.parse(readFileSync(this.#statsFile, 'utf8')) as LaneSnapshot;
    } catch {
      return undefined; // not written yet
    }
  }
}

/** Frames that left a piece by an Edge; in is to the piece. */
export function framesAt(snapshot: LaneSnapshot, piece: string, edge: string): { in: number; out: number } {
  const counters = pieceOf(snapshot, piece).edges.find(({ name }) => name === edge);
  if (counters === undefined) throw new Error(`the piece ${piece} has no Edge ${edge}`);
  return { in: counters.framesIn, out: counters.framesOut };
}

/** Frames that ended at a piece for a reason. */
export function endedFor(snapshot: LaneSnapshot, piece: string, reason: string): number {
  return pieceOf(snapshot, piece).reasons.find(({ name }) => name === reason)?.frames ?? 0;
}

/**
 * Packets that a `6bed4-router` called `relay` has passed on: all that it sent, less what it answered itself.
 */
export function framesRelayed(snapshot: LaneSnapshot): number {
  const answered =
    endedFor(snapshot, 'relay', 'solicitation-answered') + endedFor(snapshot, 'relay', 'mapping-changed');
  return framesAt(snapshot, 'relay', 'carrier').out - answered;
}

/** Frames that were lost, by piece and reason. */
export function losses(snapshot: LaneSnapshot): Map<string, number> {
  const lost = new Map<string, number>();
  for (const { name, reasons } of snapshot.pieces) {
    // TCP fills the queue of a device until it overruns; a busy machine does that with any traffic.
    for (const { name: reason, frames, loss } of reasons)
      if (loss && frames > 0 && reason !== 'queue-overrun') lost.set(`${name} ${reason}`, frames);
  }
  return lost;
}

function pieceOf(snapshot: LaneSnapshot, name: string): LaneSnapshot['pieces'][number] {
  const found = snapshot.pieces.find((piece) => piece.name === name);
  if (found === undefined) throw new Error(`no piece ${name} runs there`);
  return found;
}
