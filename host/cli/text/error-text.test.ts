import { describe, expect, it } from 'vitest';
import { FunnelError } from '../../stack/funnel-error.ts';
import { errorText } from './error-text.ts';
import { plainPaint } from './paint.ts';

describe('errorText', () => {
  it('shows the code and the message of an expected error', () => {
    expect(errorText(new FunnelError('FT_X', 'it is \x1b[2J so'), plainPaint, {})).toBe(
      'funnel: FT_X: it is \\u{1b}[2J so\n',
    );
  });

  it('asks to report an unexpected error, and shows its stack only on request', () => {
    const error = new TypeError('oh');
    expect(errorText(error, plainPaint, {})).toBe(
      'funnel: FT_INTERNAL: TypeError: oh — please report this fault of the Funnel Tunnel, with what FUNNEL_DEBUG=1 adds to this line\n',
    );
    expect(errorText(error, plainPaint, { FUNNEL_DEBUG: '1' })).toContain('error-text.test.ts');
  });
});
