import { Classifier } from '../../frame/classifier.ts';
import { type Direction, opposes } from '../../stack/direction.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { StackMemo } from '../../stack/stack-memo.ts';

/** The place where Edges come together: for each direction, a plan of the Shapes that take frames travelling so. */
export class Joint<Member extends { readonly edge: number; readonly seat: unknown }> {
  readonly name: string;
  /** Frames that several Shapes match equally go to each. */
  copies: boolean;
  readonly members: Member[] = [];
  /** Who listens, by the tags of the plans. */
  readonly receivers: (Receiver<Member> | undefined)[] = [];
  readonly #stacks: StackMemo;
  readonly #classifiers: Record<Direction, Classifier>;
  /** Grows with each change of the receivers. */
  version = 0;
  readonly #freeTags: number[] = [];

  constructor(name: string, copies: boolean, protocols: Protocols) {
    this.name = name;
    this.copies = copies;
    this.#stacks = StackMemo.of(protocols);
    this.#classifiers = {
      up: new Classifier(protocols, []),
      down: new Classifier(protocols, []),
      peer: new Classifier(protocols, []),
    };
  }

  /** The plan of the Shapes that take frames from a Shape of this direction: those that oppose it. */
  classifierFrom(direction: Direction): Classifier {
    return direction === 'up'
      ? this.#classifiers.down
      : direction === 'down'
        ? this.#classifiers.up
        : this.#classifiers.peer;
  }

  /** From now on frames of this stack go to this Shape of this Edge. The tag ends it. */
  add(member: Member, shape: number, direction: Direction, stack: string): number {
    const tag = this.#freeTags.pop() ?? this.receivers.length;
    this.receivers[tag] = { member, edgeShape: (member.edge | (shape << 16)) >>> 0, direction, stack };
    this.version++;
    this.#classifiers[direction].add(this.#stacks.parsed(stack), tag);
    return tag;
  }

  /** What this tag takes goes to another Edge from now on, as the same Shape: of a piece that was replaced by one alike. */
  reassign(tag: number, member: Member): number {
    const receiver = this.receivers[tag]!;
    const edgeShape = ((receiver.edgeShape & 0xffff_0000) | member.edge) >>> 0;
    this.receivers[tag] = { ...receiver, member, edgeShape };
    this.version++;
    return tag;
  }

  /** The only Edge that could take a frame which this one sends from a Shape of `direction`; undefined for none or several. */
  soleReceiver(sender: Member, direction: Direction): Member | undefined {
    let sole: Member | undefined;
    for (const receiver of this.receivers) {
      if (receiver === undefined || receiver.member.seat === sender.seat) continue;
      if (!opposes(direction, receiver.direction) || receiver.member === sole) continue;
      if (sole !== undefined) return undefined;
      sole = receiver.member;
    }
    return sole;
  }

  remove(tag: number): void {
    const receiver = this.receivers[tag];
    if (receiver === undefined) return;
    this.#classifiers[receiver.direction].remove(this.#stacks.parsed(receiver.stack), tag);
    this.receivers[tag] = undefined;
    this.version++;
    this.#freeTags.push(tag);
  }
}

/** A Shape on a Joint that takes frames. */
export interface Receiver<Member> {
  readonly member: Member;
  /** Edge | Shape << 16. */
  readonly edgeShape: number;
  readonly direction: Direction;
  readonly stack: string;
}
