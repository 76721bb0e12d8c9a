import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BoundComponent } from '../compliance/run-through-bindings.ts';
import { Driver, sipProxy } from './driver.ts';
import { ALICE, headerOf, headersOf, only, request, response } from './phones.ts';

const REGISTRAR = '[2001:db8::9]:5060';
const SETTINGS = { proxy6: REGISTRAR, proxy4: '192.0.2.9:5060' };

let make: BoundComponent;
let driver: Driver;
beforeAll(async () => {
  make = await sipProxy();
});
beforeEach(() => {
  driver = new Driver(make, SETTINGS).start();
});

const AOR = '<sip:alice@example.com>';

/** Alice registers; the registrar answers with the contacts that it got, and `more`. */
function register(
  contact: string,
  params: string,
  more: readonly string[] = [],
  extra: readonly string[] = [],
): string {
  const options = { uri: 'sip:example.com', from: `${AOR};tag=r`, to: AOR, contact, extra };
  const arrived = only(driver.send(ALICE, request('REGISTER', options)));
  const contacts = headersOf(arrived, 'Contact').map((value) => `Contact: ${value}${params}`);
  return only(driver.send(REGISTRAR, response(arrived, '200 OK', { extra: [...more, ...contacts] })));
}

/** Where a call goes that comes from IPv6 to Alice here, with the URI that it has then; or why nowhere. */
function find(user = 'alice'): string {
  const { sent, ended } = driver.send(
    '[2001:db8::6]:5060',
    request('OPTIONS', { uri: `sip:${user}@[2001:db8::1]` }),
  );
  return sent[0]!.to === '[2001:db8::6]:5060'
    ? ended.join()
    : `${sent[0]!.to} ${sent[0]!.text.split(' ')[1]}`;
}

describe('a registration', () => {
  it('gives the phone its own Contact back, byte for byte, among others (A23)', () => {
    const contact =
      '"Alice, at home" <sip:alice-x@192.0.2.4:5062;line=a1b2;ob?X=y>;+sip.instance="<urn:uuid:1>"';
    const answer = register(contact, ';expires=600', ['Contact: <sip:alice@[2001:db8::44]>;expires=30']);
    expect(headersOf(answer, 'Contact')).toEqual([
      '<sip:alice@192.0.2.1;m64=[2001:db8::44]>;expires=30',
      `${contact};expires=600`,
    ]);
  });

  it('that the registrar accepts lets calls find the phone, until it ends', () => {
    register('<sip:alice-x@192.0.2.4:5062;line=a1b2>', ';expires=600');
    expect(find()).toBe('192.0.2.4:5062 sip:alice-x@192.0.2.4:5062;line=a1b2');
    driver.pass(599_000);
    expect(find()).toContain('192.0.2.4:5062');
    driver.pass(2000);
    expect(find()).toBe('192.0.2.9:5060 sip:alice@[2001:db8::1]');
  });

  it('counts only by a response of a proxy of the settings, where there is one', () => {
    const options = {
      uri: 'sip:[2001:db8::66]',
      from: `${AOR};tag=r`,
      to: AOR,
      contact: '<sip:x@192.0.2.66>',
    };
    const arrived = only(driver.send(ALICE, request('REGISTER', options)));
    const extra = [`Contact: ${headerOf(arrived, 'Contact')};expires=600`];
    const accepted = response(arrived, '200 OK', { extra });
    expect(only(driver.send('[2001:db8::66]:5060', accepted))).toContain('<sip:x@192.0.2.66>;expires=600');
    expect(find()).toBe('192.0.2.9:5060 sip:alice@[2001:db8::1]');
    // Any host may answer where nothing says which one is the registrar.
    driver = new Driver(make, { phone: 'x=192.0.2.9' }).start();
    const again = only(driver.send(ALICE, request('REGISTER', options)));
    driver.send('[2001:db8::66]:5060', response(again, '200 OK', { extra }));
    expect(find()).toBe('192.0.2.66:5060 sip:x@192.0.2.66');
  });

  it('has the time of Expires where its contact says none, and none where neither does', () => {
    register('<sip:alice@192.0.2.4>', '', ['Expires: 60']);
    expect(find()).toContain('192.0.2.4');
    driver.pass(61_000);
    register('<sip:alice@192.0.2.4>', '');
    expect(find()).toContain('192.0.2.9');
  });

  it('ends when the phone takes it back: the registrar lists it no more', () => {
    register('<sip:alice@192.0.2.4>', ';expires=600');
    const arrived = only(
      driver.send(
        ALICE,
        request('REGISTER', {
          uri: 'sip:example.com',
          from: `${AOR};tag=r`,
          to: AOR,
          contact: '*',
          extra: ['Expires: 0'],
        }),
      ),
    );
    expect(headerOf(arrived, 'Contact')).toBe('*');
    driver.send(REGISTRAR, response(arrived, '200 OK'));
    expect(find()).toContain('192.0.2.9');
  });

  it('that is refused is not kept, nor is one without a request', () => {
    const options = {
      uri: 'sip:example.com',
      from: `${AOR};tag=r`,
      to: AOR,
      contact: '<sip:mallory@192.0.2.66>',
    };
    const arrived = only(driver.send('192.0.2.66:5060', request('REGISTER', options)));
    driver.send(
      REGISTRAR,
      response(arrived, '401 Unauthorized', {
        extra: [`Contact: ${headerOf(arrived, 'Contact')};expires=600`],
      }),
    );
    expect(find()).toContain('192.0.2.9');
    const forged = response(arrived, '200 OK', {
      extra: ['Contact: <sip:m@[2001:db8::1];m64=192.0.2.66:5060>;expires=600'],
    });
    expect(driver.send(REGISTRAR, forged.replace(/m64-[0-9a-f]{16}/, `m64-${'0'.repeat(16)}`)).ended).toEqual(
      ['stray-response'],
    );
    expect(find()).toContain('192.0.2.9');
  });

  it('that names our own address or none is not kept', () => {
    for (const host of ['0.0.0.0', '127.0.0.1', '192.0.2.1', '224.0.0.1']) {
      register(`<sip:alice@${host}>`, ';expires=600');
      expect(find()).toContain('192.0.2.9');
    }
  });

  it('by a Path that went through us comes back to the proxy that wrote it', () => {
    const extra = ['Path: <sip:192.0.2.30:5070;lr>'];
    const arrived = only(
      driver.send(
        '192.0.2.30:5070',
        request('REGISTER', { uri: 'sip:example.com', from: `${AOR};tag=r`, to: AOR, extra }),
      ),
    );
    const path = headerOf(arrived, 'Path');
    expect(path).toBe('<sip:[2001:db8::1];m64=192.0.2.30:5070;lr>');
    const call = only(
      driver.send(REGISTRAR, request('INVITE', { uri: 'sip:alice@192.0.2.4', extra: [`Route: ${path}`] })),
    );
    expect(headersOf(call, 'Route')).toEqual(['<sip:192.0.2.30:5070;lr>']);
  });

  it('of a flood takes no room, because it has no response', () => {
    driver = new Driver(make, { ...SETTINGS, registrations: '2' }).start();
    for (let n = 0; n < 2000; n++)
      driver.send(
        ALICE,
        request('REGISTER', { uri: 'sip:example.com', to: `<sip:u${n}@example.com>`, branch: `z9hG4bK${n}` }),
      );
    register('<sip:alice@192.0.2.4>', ';expires=600');
    expect(find()).toContain('192.0.2.4');
  });

  it.each([
    ['refuse', ['192.0.2.4', '192.0.2.4', '192.0.2.9']],
    ['drop-oldest', ['192.0.2.9', '192.0.2.4', '192.0.2.4']],
  ])('is bounded in number: %s', (whenFull, expected) => {
    driver = new Driver(make, { ...SETTINGS, registrations: '2', 'when-full': whenFull }).start();
    for (const user of ['u0', 'u1', 'u2']) {
      const aor = `<sip:${user}@example.com>`;
      const arrived = only(
        driver.send(ALICE, request('REGISTER', { uri: 'sip:example.com', from: `${aor};tag=r`, to: aor })),
      );
      driver.pass(10);
      driver.send(
        REGISTRAR,
        response(arrived, '200 OK', { extra: [`Contact: ${headerOf(arrived, 'Contact')};expires=600`] }),
      );
    }
    expect(['u0', 'u1', 'u2'].map((user) => find(user).split(':')[0])).toEqual(expected);
  });
});
