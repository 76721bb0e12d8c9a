import { hostStatus } from './generated';
import { Line } from './line';

const MOST_FACTS: i32 = 32;
/** The number of bytes of a fact in a list: two texts, each an address and a length. */
const FACT_SIZE: i32 = 16;

/**
 * The status of the piece, for the user: how well it does its work, one short sentence, and named facts. It
 * allocates nothing in a call, so a piece may report whenever its state changes; the host ignores a report
 * that says what the last one said.
 *
 *     status.begin(Health.Good, 'has an address').fact('address').ipv6(at);
 *     status.fact('router').text('reachable');
 *     status.report();
 *
 * Make it in the constructor of the piece. Facts beyond 32, and what does not fit into 1024 bytes, are left
 * out.
 */
export class Status {
  private facts: usize = heap.alloc(MOST_FACTS * FACT_SIZE);
  private count: i32 = 0;
  private isOpen: bool = false;
  private health: i32 = 0;
  private summaryLength: i32 = 0;
  /** All texts, one after the other. */
  private line: Line = new Line();

  /** Begins a report; `health` is a `Health`, and `summary` one short sentence. */
  begin(health: i32, summary: string): Status {
    this.health = health;
    this.count = 0;
    this.isOpen = false;
    this.summaryLength = this.line.clear().text(summary).length;
    return this;
  }

  /** Adds a fact. The caller writes its value to the line that this returns. */
  fact(name: string): Line {
    this.endFact();
    if (this.count == MOST_FACTS) return this.line;
    const at = this.facts + this.count * FACT_SIZE;
    const from = this.line.length;
    store<usize>(at, this.line.address + from);
    store<i32>(at, this.line.text(name).length - from, 4);
    store<usize>(at, this.line.address + this.line.length, 8);
    this.isOpen = true;
    return this.line;
  }

  /** Ends the value of the last fact. */
  private endFact(): void {
    if (!this.isOpen) return;
    const value = this.facts + this.count * FACT_SIZE + 8;
    store<i32>(value, <i32>(this.line.address + this.line.length - load<usize>(value)), 4);
    this.count++;
    this.isOpen = false;
  }

  /** Hands the report to the host. */
  report(): void {
    this.endFact();
    hostStatus(this.health, <i32>this.line.address, this.summaryLength, <i32>this.facts, this.count);
  }
}
