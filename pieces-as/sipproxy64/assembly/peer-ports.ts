// The ports of peers to which we open TCP connections. The bytes of such a peer come to a port that the
// system has chosen, so the piece listens by the port of the peer.

import { Level, Line, listenLine, listenProblem, unlisten } from 'funnel-tunnel/as';
import { at, ConnectionTable, Phase, phase, REMOTE } from './connection-table';
import { Edges, SHAPE_OPENED } from './edges';
import { familyOf, portOf } from './endpoint';
import { Load } from './load';

/** Ports of peers to which we connect, by family. */
@inline const MOST_PORTS: i32 = 32;

const line = new Line();

/** The Shapes on which we listen for peers of a port. */
class PeerPorts {
  ports: StaticArray<u16> = new StaticArray<u16>(MOST_PORTS);
  shapes: StaticArray<u16> = new StaticArray<u16>(MOST_PORTS);
  count: i32 = 0;
}

const ports4 = new PeerPorts();
const ports6 = new PeerPorts();

/** The Shapes of a family are gone. */
export function forgetPeerPorts(family: u32): void {
  portsOf(family).count = 0;
}

@inline
function portsOf(family: u32): PeerPorts {
  return family == 4 ? ports4 : ports6;
}

/** The Shape for peers of a port; -1 where nothing can listen for it. */
export function peerShape(family: u32, port: u32): i32 {
  const known = portsOf(family);
  for (let i = 0; i < known.count; i++) {
    if (unchecked(known.ports[i]) == <u16>port) return unchecked(known.shapes[i]);
  }
  const edge = Edges.stream(family);
  if (edge < 0) return -1;
  Load.spend(200_000);
  if (known.count == MOST_PORTS) {
    // One that no connection uses makes room.
    const unused = unusedPort(family);
    if (unused < 0) return -1;
    known.count--;
    unlisten(<u16>edge, unchecked(known.shapes[unused]));
    unchecked((known.ports[unused] = known.ports[known.count]));
    unchecked((known.shapes[unused] = known.shapes[known.count]));
  }
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
  unchecked((known.ports[known.count] = <u16>port));
  unchecked((known.shapes[known.count] = <u16>shape));
  known.count++;
  return shape;
}

function unusedPort(family: u32): i32 {
  const known = portsOf(family);
  for (let i = 0; i < known.count; i++) {
    let isUsed = false;
    for (let c = 0; c < ConnectionTable.used && !isUsed; c++) {
      const remote = at(c) + REMOTE;
      isUsed =
        phase(c) != Phase.free && portOf(remote) == unchecked(known.ports[i]) && familyOf(remote) == family;
    }
    if (!isUsed) return i;
  }
  return -1;
}
