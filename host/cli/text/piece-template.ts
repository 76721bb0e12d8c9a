/**
 * The files of a new piece in AssemblyScript, by their paths in its folder. The piece passes IP packets
 * between two Edges, and drops those that are too long. Pure.
 *
 * @param name of the piece: letters, digits and `-`
 */
export function pieceTemplate(name: string): ReadonlyMap<string, string> {
  return new Map([
    ['assembly/index.ts', source(name)],
    [
      'assembly/tsconfig.json',
      '{\n  "extends": "assemblyscript/std/assembly.json",\n  "include": ["./**/*.ts"]\n}\n',
    ],
    [`${name}.yaml`, configuration(name)],
    ['README.md', readme(name)],
  ]);
}

function source(name: string): string {
  const className = name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
  return `/**
 * ${name}: drops IP packets that are too long
 *
 *   a   ip/udp down; headers only
 *   b   ip/udp down; headers only
 *
 * SETTINGS
 *   most   bytes of the longest packet that passes, 20 to 65535; default 1280
 *
 * COUNTERS AND REASONS
 *   not-joined   lost: the other Edge is on no network
 *   too-long     lost: the packet has more than MOST bytes
 *   too-many     lost: the frames of one call do not fit in one outcome
 */
import { Batch, Description, Direction, edgeOf, Kind, Outcome, Piece, Reach, Settings } from 'funnel-tunnel/as';

class ${className} extends Piece {
  private most: i32 = 0;

  describe(d: Description, settings: Settings): void {
    d.piece('${name}', '0.1.0', 'Drops IP packets that are too long.');
    d.setting('most', Kind.Number, 'Bytes of the longest packet that passes.', '1280');
    this.most = <i32>settings.number('most', 20, 65535);
    d.edge('a').shape('ip/udp', Direction.Down, Reach.Headers);
    d.edge('b').shape('ip/udp', Direction.Down, Reach.Headers);
    d.curve(0, 0, 1, 0).keepsAll();
    d.reason('not-joined', true, 'The other Edge is on no network.');
    d.reason('too-long', true, 'The packet is longer than the setting allows.');
    d.reason('too-many', true, 'The piece passes no more frames in this call.');
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    const a = edgeOf(0);
    const b = edgeOf(1);
    for (let i = 0; i < batch.length; i++) {
      const frame = batch.frame(i);
      const to = <i32>frame.edge == a ? b : a;
      if (to < 0) out.end(frame.ticket, 0);
      else if (frame.lengthFrom(<i32>frame.skipHeaders) > this.most) out.end(frame.ticket, 1);
      else if (!out.forward(frame, <u16>to, frame.shape)) out.end(frame.ticket, 2);
    }
  }
}

export function create(): Piece {
  return new ${className}();
}
`;
}

function configuration(name: string): string {
  return `# funnel run ${name}.yaml
pieces:
  left:
    piece: udp
    settings: { port: 20001, address: 127.0.0.1, to-loopback: true }
    edges: { udp: west }
  mine:
    piece: ./${name}.wasm
    settings: { most: 1280 }
    edges: { a: west, b: east }
  right:
    piece: udp
    settings: { port: 20002, address: 127.0.0.1, to-loopback: true }
    edges: { udp: east }
`;
}

function readme(name: string): string {
  return `# ${name}

A piece of the Funnel Tunnel. \`assembly/index.ts\` is its source, and the comment at its head its manual page.

    funnel piece build .            # makes ${name}.wasm
    funnel piece test .             # builds it, and checks that it keeps the contract
    funnel piece doc ./${name}.wasm
    funnel run ${name}.yaml

Building and testing need the packages \`assemblyscript\` and \`@bytecodealliance/jco-transpile\`. The SDK is
documented in \`node_modules/funnel-tunnel/abi/as/README.md\`, and \`node_modules/funnel-tunnel/pieces-as\` has the
source of the pieces that come with the Funnel.
`;
}
