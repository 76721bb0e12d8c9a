// Tables beside the lines `m=`, by the `id` of a line.

import { State } from 'funnel-tunnel/as';

export abstract class LineTable {
  /** Makes the table for as many lines as there may be. */
  abstract start(lines: i32): void;

  /** The line of a fork begins: what was offered on the line `from` holds for it too. */
  abstract fork(from: i32, line: i32): void;

  /** The line has ended: erases what the table has of it. The next line may have its `id`. */
  abstract end(line: i32): void;

  abstract state(state: State): void;
}

export abstract class LineTables {
  private static all: LineTable[] = [];

  static start(all: LineTable[], lines: i32): void {
    LineTables.all = all;
    for (let i = 0; i < all.length; i++) all[i].start(lines);
  }

  static fork(from: i32, line: i32): void {
    for (let i = 0; i < LineTables.all.length; i++) LineTables.all[i].fork(from, line);
  }

  static end(line: i32): void {
    for (let i = 0; i < LineTables.all.length; i++) LineTables.all[i].end(line);
  }

  static state(state: State): void {
    for (let i = 0; i < LineTables.all.length; i++) LineTables.all[i].state(state);
  }
}
