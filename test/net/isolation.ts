import { hasCommand, runAnyway } from './command.ts';

/** Whether, and how, network namespaces with tun devices can be made on this machine. */
export type Isolation =
  | { readonly kind: 'root' }
  /** Only inside a user namespace: run everything by way of this command. */
  | { readonly kind: 'user-namespace'; readonly wrapper: readonly string[] }
  | { readonly kind: 'none'; readonly reason: string };

/**
 * Finds out by trying, because what is allowed depends on the kernel, on its settings, on security modules,
 * on the container around us, and on the mode of /dev/net/tun.
 */
export async function findIsolation(): Promise<Isolation> {
  for (const command of ['ip', 'unshare', 'ping']) {
    if (!hasCommand(command)) return { kind: 'none', reason: `the command ${command} is not installed` };
  }
  if (process.getuid?.() === 0) {
    // In a mount namespace of its own, so that the trial leaves nothing behind, whatever happens.
    const trial = await runAnyway(['unshare', '-m', 'sh', '-c', `${PREPARE} && ${TRIAL}`]);
    if (trial.status === 0) return { kind: 'root' };
    if (process.env[INSIDE] !== undefined) return { kind: 'none', reason: reasonOf(trial.stderr) };
  }
  const trial = await runAnyway([...WRAPPER, 'sh', '-c', TRIAL]);
  if (trial.status === 0) return { kind: 'user-namespace', wrapper: WRAPPER };
  return { kind: 'none', reason: reasonOf(trial.stderr) };
}

/** Set for what runs by way of the wrapper. */
const INSIDE = 'FUNNEL_IN_USER_NAMESPACE';

/**
 * `ip netns` keeps its namespaces in /run/netns; a user namespace may not write to the system's, so it gets
 * its own.
 */
const PREPARE = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns';

const WRAPPER = [
  'unshare',
  '--user',
  '--map-root-user',
  '--net',
  '--mount',
  'sh',
  '-c',
  `${PREPARE} && ip link set lo up && ${INSIDE}=1 exec "$@"`,
  'sh',
];

const TRIAL = [
  'ip netns add trial',
  'ip -n trial link add t0 type veth peer name t1',
  'ip -n trial link add t2 type bridge',
  'ip netns exec trial ip tuntap add dev t3 mode tun',
].join(' && ');

function reasonOf(text: string): string {
  const line = text.trim().split('\n').pop() ?? '';
  return `network namespaces with tun devices are not allowed here (${line || 'no message'})`;
}
