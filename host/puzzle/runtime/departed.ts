import type { JoinedEdge, Seat } from './seat.ts';
import { departedEdge, departedPiece, type PieceSnapshot } from './snapshot.ts';
import { mergeDeparted } from './snapshot-sums.ts';

/**
 * The counters of what a change has removed: of pieces, and of Edges that have left their network. Without
 * them the totals of a run would lack frames, also lost ones.
 */
export class Departed {
  #settled: readonly PieceSnapshot[] = [];
  /**
   * The pieces that the last change removed. Each counts the frames that it holds when it is closed, which is
   * after the change.
   */
  #recent: Seat[] = [];

  /** A change begins: the pieces that the one before removed are closed. */
  settle(): void {
    if (this.#recent.length === 0) return;
    this.#settled = this.all();
    this.#recent = [];
  }

  addPiece(seat: Seat): void {
    this.#recent.push(seat);
  }

  addEdge(seat: Seat, name: string, { joint, traffic }: JoinedEdge): void {
    if (traffic.every((count) => count === 0)) return;
    this.#settled = mergeDeparted(this.#settled, [departedEdge(seat, name, joint.name, traffic)]);
  }

  all(): readonly PieceSnapshot[] {
    return mergeDeparted(this.#settled, this.#recent.map(departedPiece));
  }
}
