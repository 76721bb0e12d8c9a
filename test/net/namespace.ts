import { type CommandOptions, type Finished, Running, run, runAnyway } from './command.ts';

/** A network namespace of a lab: a host, as far as the network is concerned. */
export class Namespace {
  /** The name in the lab. */
  readonly name: string;
  /** The name for `ip netns`. */
  readonly systemName: string;
  readonly #started: Running[] = [];

  constructor(name: string, systemName: string) {
    this.name = name;
    this.systemName = systemName;
  }

  /** @throws CommandError */
  run(argv: readonly string[], options?: CommandOptions): Promise<string> {
    return run(this.#within(argv), options);
  }

  runAnyway(argv: readonly string[], options?: CommandOptions): Promise<Finished> {
    return runAnyway(this.#within(argv), options);
  }

  /** Runs beside us, until it ends, is stopped, or the lab is closed. */
  start(argv: readonly string[], options?: CommandOptions): Running {
    const running = new Running(this.#within(argv), options);
    this.#started.push(running);
    return running;
  }

  /** `ip` with these arguments, inside. */
  async ip(...args: string[]): Promise<string> {
    return run(['ip', '-n', this.systemName, ...args]);
  }

  /** Sets a variable of the kernel under `net.` inside. */
  async sysctl(name: string, value: string | number): Promise<void> {
    const path = `/proc/sys/net/${name.replaceAll('.', '/')}`;
    await this.run(['sh', '-c', `echo '${value}' > ${path}`]);
  }

  async addAddress(device: string, address: string): Promise<void> {
    await this.ip('addr', 'add', address, 'dev', device);
  }

  /** The global IPv6 addresses of a device, without their prefix lengths. */
  async globalAddresses(device: string): Promise<string[]> {
    const shown = await this.runAnyway(['ip', '-6', '-o', 'addr', 'show', 'dev', device, 'scope', 'global']);
    return [...shown.stdout.matchAll(/inet6 ([0-9a-f:]+)\//g)].map((match) => match[1]!);
  }

  /** Ends what was started here and still runs. */
  async stopAll(): Promise<void> {
    await Promise.all(this.#started.map((running) => running.stop()));
  }

  #within(argv: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.systemName, ...argv];
  }
}
