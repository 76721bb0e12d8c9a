import { Classifier } from '../../frame/classifier.ts';
import { type Direction, opposes } from '../../stack/direction.ts';
import type { Protocols } from '../../stack/protocols.ts';
import { StackMemo } from '../../stack/stack-memo.ts';

/**
 * The place where Edges come together. It has a classifier for each direction of the Shapes that take frames.
 */
export class Joint<Member extends { readonly edge: number; readonly seat: unknown }> {
  readonly name: string;
  /** A frame that several Shapes match equally goes to each of them. */
  copies: boolean;
  readonly members: Member[] = [];
  /** The Shapes that take frames, by the tags of the classifiers. */
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

  /**
   * Returns the classifier for frames that leave by a Shape of this direction: its Shapes oppose the
   * direction.
   */
  classifierFrom(direction: Direction): Classifier {
    return direction === 'up'
      ? this.#classifiers.down
      : direction === 'down'
        ? this.#classifiers.up
        : this.#classifiers.peer;
  }

  /**
   * Gives frames of a stack to a Shape of an Edge from now on. Returns the tag for {@link remove}.
   *
   * @throws FunnelError FT_PROTOCOL_FULL, and nothing has changed
   */
  add(member: Member, shape: number, direction: Direction, stack: string): number {
    const tag = this.#freeTags.at(-1) ?? this.receivers.length;
    // It throws where no protocol number is left, so nothing may have changed before. The tags of one Edge
    // are adjacent, so that a frame that several of them accept goes to it once.
    const isBeside = (other: number) => this.receivers[other]?.member === member;
    this.#classifiers[direction].add(this.#stacks.parsed(stack), tag, isBeside);
    this.#freeTags.pop();
    this.receivers[tag] = { member, edgeShape: (member.edge | (shape << 16)) >>> 0, direction, stack };
    this.version++;
    return tag;
  }

  /**
   * Gives the frames of a tag to the same Shape of another Edge: that of the successor of a replaced piece.
   */
  reassign(tag: number, member: Member): number {
    const receiver = this.receivers[tag]!;
    const edgeShape = ((receiver.edgeShape & 0xffff_0000) | member.edge) >>> 0;
    this.receivers[tag] = { ...receiver, member, edgeShape };
    this.version++;
    return tag;
  }

  /** Returns the only Edge that can take a frame of a sender and direction; undefined for none or several. */
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
