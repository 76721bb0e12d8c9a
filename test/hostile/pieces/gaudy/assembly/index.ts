// A piece whose every word could steer a terminal, for tests of what is shown: the setting `where` says which
// of its words do.
import {
  Batch,
  Description,
  Direction,
  edgeOf,
  Kind,
  Level,
  log,
  Outcome,
  offerText,
  Piece,
  Reach,
  Settings,
  Wish,
} from 'funnel-tunnel/as';

/**
 * An escape sequence that sets a title, one that clears the screen, a line that is forged, and a mark that
 * turns the direction of writing.
 */
const EVIL =
  '\x1b]0;owned\x07\x1b[2J\r\nfault: other: FT_FAULT_TRAP\u202e\u0085\u061c\ufeff\u200b\u3164\udb40\udc41\ue000';

class Gaudy extends Piece {
  where: string = '';

  describe(d: Description, settings: Settings): void {
    const where = settings.text('where');
    d.piece(
      'gaudy' + (where == 'name' ? EVIL : ''),
      '1.0.0' + (where == 'version' ? EVIL : ''),
      'Shines.' + (where == 'summary' ? EVIL : ''),
    );
    d.setting('where', Kind.Text, 'Which words.', 'nowhere');
    d.optional(
      'other' + (where == 'setting' ? EVIL : ''),
      Kind.Text,
      'No matter.' + (where == 'setting summary' ? EVIL : ''),
    );
    d.setting('third', Kind.Text, 'No matter.', 'x' + (where == 'default' ? EVIL : ''));
    const a = d
      .edge('a' + (where == 'edge' ? EVIL : ''))
      .shape('ip' + (where == 'stack' ? EVIL : ''), Direction.Up, Reach.WholeFrame);
    if (where == 'property') a.wish(Wish.Available, 'nice' + EVIL);
    if (where == 'property text') a.wishText(Wish.Available, 'nice', EVIL);
    if (where == 'required') a.wish(Wish.Required, 'nice' + EVIL);
    d.edge('b').shape('ip', Direction.Down, Reach.WholeFrame);
    const curve = d.curve(0, 0, 1, 0);
    if (where == 'keeps') curve.keeps('nice' + EVIL);
    d.reason(
      'lost' + (where == 'reason' ? EVIL : ''),
      true,
      'It is lost' + (where == 'reason' ? EVIL : '') + '.',
    );
    if (where == 'protocol') d.protocol('gaudy' + EVIL);
    if (where == 'definition') d.protocol('gaudy', '{"name":"gaudy","summary":"' + EVIL + '"}');
    if (where == 'problem') settings.problem('where', EVIL);
  }

  start(now: f64, settings: Settings): void {
    this.where = settings.text('where');
    if (this.where == 'start problem') settings.problem('where', EVIL);
    if (this.where == 'log') log(Level.Error, EVIL);
  }

  process(now: f64, batch: Batch, out: Outcome): void {
    if (this.where == 'offer') offerText(<u16>edgeOf(1), 'nice', 'text' + EVIL, true);
    for (let i = 0; i < batch.length; i++) out.forward(batch.frame(i), <u16>edgeOf(1), 0);
  }
}

export function create(): Piece {
  return new Gaudy();
}
