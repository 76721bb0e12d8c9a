import type { Command } from 'commander';
import { addressOf, pluginPuzzle, portOfEnd, runPlugin } from '../../exec/plugin.ts';
import { PtRefusal, ptEnds, ptFailed, ptReady, ptWish } from '../../exec/plugin-pt.ts';
import { sip003Ends, sip003Wish } from '../../exec/plugin-sip003.ts';
import type { FunnelEvent } from '../../policy/funnel.ts';
import { jsonText } from '../../stack/foreign-text.ts';
import type { Output } from '../report/output.ts';
import { eventJson, eventLine, isNotable } from '../report/run-reporter.ts';
import { type AddCommand, jsonOption } from './command-context.ts';

const FILE = 'the pieces between the networks `application` and `peer`, in YAML; without it, none';

/** `funnel plugin`: a puzzle in the way of the streams of another program, which starts it. */
export const addPlugin: AddCommand = (parent, { output, errors }) => {
  const plugin = parent
    .command('plugin')
    .description('be a plugin of Shadowsocks or Tor: its streams go through a puzzle');
  addSip003(plugin, errors);
  addPt(plugin, output, errors);
};

/** A plugin of Shadowsocks (SIP003). */
function addSip003(plugin: Command, errors: Output): void {
  plugin
    .command('sip003')
    .description('for Shadowsocks, which starts it; the plugin of a server has the option `server`')
    .argument('[file]', `${FILE}; the plugin's option \`config\` names it as well`)
    .addOption(jsonOption())
    .action(async (given: string | undefined, { json = false }: PluginCommandOptions) => {
      const wish = sip003Wish(process.env);
      const file = given ?? wish.options.get('config');
      const ends = sip003Ends(wish, await addressOf(wish.connect.host));
      await runPlugin(await pluginPuzzle(file, ends), {
        onEvent: (event) => reportTo(errors, event, json),
        onReady: () =>
          errors.write(
            json ? `${jsonText({ time: new Date().toISOString(), event: 'ready' })}\n` : 'funnel: ready\n',
          ),
        endsWithInput: false,
        endsWithParent: true,
      });
    });
}

/** A pluggable transport of Tor's. */
function addPt(plugin: Command, output: Output, errors: Output): void {
  plugin
    .command('pt')
    .description('for Tor, which starts it by ClientTransportPlugin or ServerTransportPlugin')
    .argument('[file]', FILE)
    .option('--transport <name>', 'the name of the transport in the configuration of Tor', 'funnel')
    .addOption(jsonOption())
    .action(async (file: string | undefined, { transport, json = false }: PtOptions) => {
      const say = (lines: readonly string[]): void => output.write(lines.map((each) => `${each}\n`).join(''));
      const wish = refusalsTo(say, () => ptWish(process.env, transport));
      say(['VERSION 1']);
      const options = {
        onEvent: (event: FunnelEvent) => reportTo(errors, event, json),
        endsWithInput: wish.endsWithInput,
        endsWithParent: false,
      };
      if (!wish.isWanted) {
        say(ptReady(wish, transport, 0));
        return;
      }
      let hasBegun = false;
      try {
        await runPlugin(await pluginPuzzle(file, ptEnds(wish)), {
          ...options,
          onReady: async (funnel) => {
            const port = await portOfEnd(funnel, wish.isServer ? 'peer' : 'application');
            hasBegun = true;
            say(ptReady(wish, transport, port));
          },
        });
      } catch (error) {
        if (!hasBegun) say(ptFailed(wish, transport, error instanceof Error ? error.message : String(error)));
        throw error;
      }
    });
}

interface PluginCommandOptions {
  readonly json?: boolean;
}

interface PtOptions extends PluginCommandOptions {
  readonly transport: string;
}

/** Reports a refusal to Tor as well. */
function refusalsTo<T>(say: (lines: readonly string[]) => void, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof PtRefusal) say([error.line]);
    throw error;
  }
}

/** The standard error is in the log of the program that started the plugin. */
function reportTo(errors: Output, event: FunnelEvent, isJson: boolean): void {
  const isShown = event.kind === 'log' ? event.level === 'warn' || event.level === 'error' : isNotable(event);
  if (!isShown) return;
  errors.write(isJson ? eventJson(event, new Date()) : `funnel: ${eventLine(event)}\n`);
}
