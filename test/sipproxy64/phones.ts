import { type Driver, type Endpoint, message, type Result, sdp } from './driver.ts';

/** Where the phones of the tests are. */
export const ALICE: Endpoint = '192.0.2.4:5060';
export const BOB: Endpoint = '[2001:db8::6]:5060';
export const CAROL: Endpoint = '[2001:db8::7]:5060';

export interface RequestOptions {
  readonly branch?: string;
  readonly uri?: string;
  readonly from?: string;
  readonly to?: string;
  readonly callId?: string;
  readonly cseq?: string;
  readonly contact?: string;
  /** More header fields, as whole lines. */
  readonly extra?: readonly string[];
  readonly body?: string;
  readonly contentType?: string;
}

/** A request of Alice, as her phone writes it, with the given changes. */
export function request(method: string, options: RequestOptions = {}): string {
  const { branch = 'z9hG4bKalice1', uri = 'sip:bob@192.0.2.1', body = '' } = options;
  return message(
    [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP 192.0.2.4:5060;branch=${branch};rport`,
      `From: ${options.from ?? '"Alice" <sip:alice@192.0.2.4>;tag=alice'}`,
      `To: ${options.to ?? '<sip:bob@192.0.2.1>'}`,
      `Call-ID: ${options.callId ?? 'call-1@192.0.2.4'}`,
      `CSeq: ${options.cseq ?? `1 ${method}`}`,
      `Contact: ${options.contact ?? '<sip:alice@192.0.2.4:5060>'}`,
      'Max-Forwards: 70',
      ...(options.extra ?? []),
      ...(body === '' ? [] : [`Content-Type: ${options.contentType ?? 'application/sdp'}`]),
    ],
    body,
  );
}

export interface ResponseOptions {
  readonly tag?: string;
  readonly contact?: string;
  readonly extra?: readonly string[];
  readonly body?: string;
  readonly contentType?: string;
}

/** A response to a request as it arrived. */
export function response(received: string, status: string, options: ResponseOptions = {}): string {
  const { tag = 'bob', body = '' } = options;
  const to = headerOf(received, 'To');
  return message(
    [
      `SIP/2.0 ${status}`,
      ...headersOf(received, 'Via').map((value) => `Via: ${value}`),
      ...headersOf(received, 'Record-Route').map((value) => `Record-Route: ${value}`),
      `From: ${headerOf(received, 'From')}`,
      `To: ${to}${to.includes(';tag=') || tag === '' ? '' : `;tag=${tag}`}`,
      `Call-ID: ${headerOf(received, 'Call-ID')}`,
      `CSeq: ${headerOf(received, 'CSeq')}`,
      ...(options.contact === undefined ? [] : [`Contact: ${options.contact}`]),
      ...(options.extra ?? []),
      ...(body === '' ? [] : [`Content-Type: ${options.contentType ?? 'application/sdp'}`]),
    ],
    body,
  );
}

/** All values of a header field by its long name, in their order; folds as they are. */
export function headersOf(text: string, name: string): string[] {
  const head = text.slice(0, text.indexOf('\r\n\r\n') + 2);
  return [...head.matchAll(new RegExp(`^${name}[ \t]*:[ \t]*((?:[^\r\n]|\r\n[ \t])*)\r\n`, 'gim'))].map(
    ([, value]) => value!,
  );
}

export function headerOf(text: string, name: string): string {
  const [value] = headersOf(text, name);
  if (value === undefined) throw new Error(`no ${name} in\n${text}`);
  return value;
}

export function bodyOf(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}

/** The text of the one message that was sent. */
export function only(result: Result): string {
  if (result.sent.length !== 1)
    throw new Error(`${result.sent.length} messages were sent; ended: ${result.ended.join(', ')}`);
  return result.sent[0]!.text;
}

/** A description of one line of audio. */
export function audio(address: string, port: number, ...lines: readonly string[]): string {
  const family = address.includes(':') || address.endsWith('.invalid') ? 'IP6' : 'IP4';
  return sdp(
    'v=0',
    `o=- 1 1 IN ${family} ${address}`,
    's=-',
    `c=IN ${family} ${address}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0`,
    ...lines,
  );
}

/** The port of the n-th line of media. */
export function portIn(description: string, line = 0): number {
  return Number([...description.matchAll(/^m=\w+ (\d+)/gm)][line]![1]);
}

/** A packet of RTP, or of another protocol that its bytes identify. */
export function rtp(sequence: number): Uint8Array {
  return Uint8Array.of(
    0x80,
    0,
    sequence >> 8,
    sequence & 255,
    0,
    0,
    0,
    1,
    0,
    0,
    0,
    2,
    ...Array<number>(20).fill(sequence),
  );
}

export interface Established {
  /** The INVITE as Bob got it, and the answer as Alice got it. */
  readonly invite: string;
  readonly answer: string;
  /** Ports of the proxy: where Alice sends to, and where Bob does. */
  readonly port4: number;
  readonly port6: number;
}

/** Alice calls Bob, who answers. His media are at [2001:db8::6]:7000, hers at 192.0.2.4:6000. */
export function establish(driver: Driver, options: RequestOptions = {}): Established {
  const invite = only(driver.send(ALICE, request('INVITE', { body: audio('192.0.2.4', 6000), ...options })));
  const answer = only(
    driver.send(
      BOB,
      response(invite, '200 OK', {
        contact: '<sip:bob@[2001:db8::6]:5060>',
        body: audio('2001:db8::6', 7000),
      }),
    ),
  );
  return { invite, answer, port4: portIn(answer), port6: portIn(invite) };
}

/** A request in the dialog, of Alice; `answer` is the 200 that she got. */
export function inDialog(method: string, answer: string, options: RequestOptions = {}): string {
  const routes = headersOf(answer, 'Record-Route')
    .flatMap((value) => value.split(','))
    .reverse();
  const [, uri] = /<([^>]*)>/.exec(headerOf(answer, 'Contact'))!;
  return request(method, {
    branch: `z9hG4bKalice-${method}`,
    uri: uri!,
    to: headerOf(answer, 'To'),
    cseq: `2 ${method}`,
    ...options,
    extra: [...(routes.length > 0 ? [`Route: ${routes.join(',')}`] : []), ...(options.extra ?? [])],
  });
}

/** A request in the dialog, of Bob; `invite` is the INVITE that he got. */
export function fromBob(method: string, invite: string, options: RequestOptions = {}): string {
  const routes = headersOf(invite, 'Record-Route').flatMap((value) => value.split(','));
  const [, uri] = /<([^>]*)>/.exec(headerOf(invite, 'Contact'))!;
  return request(method, {
    branch: `z9hG4bKbob-${method}`,
    uri: uri!,
    from: `${headerOf(invite, 'To')};tag=bob`,
    to: headerOf(invite, 'From'),
    cseq: `1 ${method}`,
    contact: '<sip:bob@[2001:db8::6]:5060>',
    ...options,
    extra: [...(routes.length > 0 ? [`Route: ${routes.join(',')}`] : []), ...(options.extra ?? [])],
  }).replace('Via: SIP/2.0/UDP 192.0.2.4:5060', 'Via: SIP/2.0/UDP [2001:db8::6]:5060');
}
