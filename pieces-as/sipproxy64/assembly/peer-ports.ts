// The ports of peers to which we open TCP connections. The bytes of such a peer come to a port that the
// system has chosen, so the piece listens by the port of the peer.

import { Level, Line, listenLine, listenProblem, unlisten } from 'funnel-tunnel/as';
import { at, ConnectionTable, Phase, phase, REMOTE } from './connection-table';
import { Edges, SHAPE_OPENED } from './edges';
import { familyOf, portOf } from './endpoint';
import { Load } from './load';

/** Ports of peers to which we connect, by family. */
@inline const MOST_PORTS: i32 = 32;
/** The listens of a family that end in one call: each takes work. */
@inline const MOST_ENDED: i32 = 8;

const line = new Line();

/** Shapes on which we listen for peers of a port. */
class PeerPorts {
  ports: StaticArray<u16> = new StaticArray<u16>(MOST_PORTS);
  shapes: StaticArray<u16> = new StaticArray<u16>(MOST_PORTS);
  count: i32 = 0;

  /** The Shape for a port; -1 if there is none. */
  find(port: u32): i32 {
    for (let i = 0; i < this.count; i++)
      if (unchecked(this.ports[i]) == <u16>port) return unchecked(this.shapes[i]);
    return -1;
  }

  add(port: u32, shape: u32): void {
    unchecked((this.ports[this.count] = <u16>port));
    unchecked((this.shapes[this.count] = <u16>shape));
    this.count++;
  }

  /** Removes a port, and returns its Shape; -1 if there is none. */
  take(port: u32): i32 {
    for (let i = 0; i < this.count; i++) {
      if (unchecked(this.ports[i]) != <u16>port) continue;
      const shape = unchecked(this.shapes[i]);
      this.count--;
      unchecked((this.ports[i] = this.ports[this.count]));
      unchecked((this.shapes[i] = this.shapes[this.count]));
      return shape;
    }
    return -1;
  }
}

const ports4 = new PeerPorts();
const ports6 = new PeerPorts();
// Listens that end with the next call, because this one may have sent on their Shapes.
const ended4 = new PeerPorts();
const ended6 = new PeerPorts();

/** The Shapes of a family are gone. */
export function forgetPeerPorts(family: u32): void {
  portsOf(family).count = 0;
  endedOf(family).count = 0;
}

/** Ends listens that the last call left. Returns whether that was all; if not, call it again. */
@inline export function endPeerPorts(): bool {
  return (ended4.count | ended6.count) == 0 || (endSome(4) && endSome(6));
}

function endSome(family: u32): bool {
  const ended = endedOf(family);
  for (let n = 0; ended.count > 0; n++) {
    if (n == MOST_ENDED) return false;
    Load.spend(120_000);
    ended.count--;
    unlisten(<u16>Edges.stream(family), unchecked(ended.shapes[ended.count]));
  }
  return true;
}

@inline
function portsOf(family: u32): PeerPorts {
  return family == 4 ? ports4 : ports6;
}

@inline
function endedOf(family: u32): PeerPorts {
  return family == 4 ? ended4 : ended6;
}

/** The Shape for peers of a port; -1 where nothing can listen for it. */
export function peerShape(family: u32, port: u32): i32 {
  const known = portsOf(family);
  const open = known.find(port);
  if (open >= 0) return open;
  const edge = Edges.stream(family);
  if (edge < 0) return -1;
  if (known.count == MOST_PORTS && !makeRoom(family)) return -1;
  const ended = endedOf(family).take(port);
  if (ended >= 0) {
    known.add(port, ended);
    return ended;
  }
  Load.spend(200_000);
  line
    .clear()
    .text(family == 4 ? 'ipv4' : 'ipv6')
    .text('/tcp/remote:')
    .unsigned(port);
  const shape = listenLine(<u16>edge, SHAPE_OPENED, line);
  if (shape < 0) {
    line.clear().text('cannot listen for TCP connections to port ').unsigned(port);
    line.text(': ').utf8(listenProblem()).log(Level.Warn);
    return -1;
  }
  known.add(port, shape);
  return shape;
}

/** Gives up one port that no connection uses. Returns false if there is none, or if too many have ended. */
function makeRoom(family: u32): bool {
  const unused = unusedPort(family);
  const ended = endedOf(family);
  if (unused < 0 || ended.count == MOST_PORTS) return false;
  ended.add(unused, portsOf(family).take(unused));
  return true;
}

/** A port that no connection uses; -1 if there is none. */
function unusedPort(family: u32): i32 {
  const known = portsOf(family);
  for (let i = 0; i < known.count; i++) {
    let isUsed = false;
    for (let c = 0; c < ConnectionTable.used && !isUsed; c++) {
      const remote = at(c) + REMOTE;
      isUsed =
        phase(c) != Phase.free && portOf(remote) == unchecked(known.ports[i]) && familyOf(remote) == family;
    }
    if (!isUsed) return unchecked(known.ports[i]);
  }
  return -1;
}
