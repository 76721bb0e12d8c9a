import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Running } from '../net/command.ts';
import type { Namespace } from '../net/namespace.ts';

/** The settings of a software phone of a test. */
export interface Phone {
  /** Its address as a URI has it: in brackets where it is of IPv6. */
  readonly address: string;
  readonly port?: number;
  readonly user: string;
  /** The host of its own URI; the address where this is left out. */
  readonly domain?: string;
  /** Parameters of its account, each with a semicolon in front. */
  readonly account?: string;
  /** Modules of baresip beside those that a call needs, such as `srtp`. */
  readonly modules?: readonly string[];
  /** A command that it carries out as soon as it runs, such as `/dial sip:bob@192.0.2.1`. */
  readonly command?: string;
}

/**
 * Starts a baresip that plays a tone, and answers each call. Resolves when it takes requests.
 *
 * @param folder for its configuration; made here
 */
export async function startBaresip(host: Namespace, folder: string, phone: Phone): Promise<Running> {
  const port = phone.port ?? 5060;
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'config'),
    [
      `sip_listen ${phone.address}:${port}`,
      'module_path /usr/lib/baresip/modules',
      // An account may name what a module brings, so `account` comes behind them.
      ...[...(phone.modules ?? []), 'account', 'menu', 'stdio', 'ausine', 'aufile', 'g711'].map(
        (name) => `module ${name}.so`,
      ),
      // The module refuses any other form, and baresip then never answers, without a word of that.
      'audio_source ausine,440',
      'ausrc_srate 48000',
      'ausrc_channels 2',
      'audio_player aufile,/dev/null',
      '',
    ].join('\n'),
  );
  const uri = `sip:${phone.user}@${phone.domain ?? phone.address}`;
  writeFileSync(join(folder, 'accounts'), `<${uri}>;answermode=auto${phone.account ?? ';regint=0'}\n`);
  writeFileSync(join(folder, 'contacts'), '');
  const commands = phone.command === undefined ? [] : ['-e', phone.command];
  const running = host.start(['baresip', '-f', folder, ...commands], { cwd: folder });
  await running.waitFor(/^baresip is ready/m);
  const listening = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} `);
  while (running.isRunning && !listening.test(await host.run(['cat', '/proc/net/udp', '/proc/net/udp6'])))
    await sleep(20);
  return running;
}
