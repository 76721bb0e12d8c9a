import { EndpointError } from '../endpoint-error.ts';

/** A step that the helper could not take, with facts about this system. */
export interface NamespaceRefusal {
  /**
   * The helper's name of the step: `user namespace`, `/proc/self/uid_map`, `network namespace`,
   * `mount namespace`, `loopback`.
   */
  readonly step: string;
  /** The name of the system's error, such as `EPERM`. */
  readonly code: string;
  /** The path of the helper: a security profile is tied to it. */
  readonly helper: string;
  /** Returns a variable under /proc/sys, without its line end; undefined if it does not exist. */
  readonly variable: (name: string) => string | undefined;
}

/** Returns a message about a refusal: which setting of which system forbids it, and the remedy. */
export function namespaceError(refusal: NamespaceRefusal): EndpointError {
  const { step, code } = refusal;
  return new EndpointError(
    isForbidden(code) ? 'FT_NAMESPACE_FORBIDDEN' : 'FT_NAMESPACE',
    `a network namespace for the command cannot be made (${step}: ${code}). ${reasonFor(refusal)}`,
  );
}

function isForbidden(code: string): boolean {
  return ['EPERM', 'EACCES', 'ENOSPC', 'EINVAL', 'EUSERS', 'ENOSYS'].includes(code);
}

function reasonFor({ step, code, helper, variable }: NamespaceRefusal): string {
  // The first setting that applies explains it; several may forbid it.
  for (const [name, kind] of [
    ['user/max_user_namespaces', 'user'],
    ['user/max_net_namespaces', 'network'],
    ['user/max_mnt_namespaces', 'mount'],
  ] as const) {
    if (variable(name) === '0')
      return `This system allows no ${kind} namespaces: the sysctl ${dotted(name)} is 0. An administrator allows them: sysctl -w ${dotted(name)}=10000`;
  }
  if (variable('kernel/unprivileged_userns_clone') === '0')
    return 'This system (Debian, Arch) forbids user namespaces to users: the sysctl kernel.unprivileged_userns_clone is 0. An administrator allows them: sysctl -w kernel.unprivileged_userns_clone=1';
  const isRefused = code === 'EPERM' || code === 'EACCES';
  if (isRefused && variable('kernel/apparmor_restrict_unprivileged_userns') === '1')
    return `This system (Ubuntu 23.10 and later) lets only programs with an AppArmor profile have user namespaces: the sysctl kernel.apparmor_restrict_unprivileged_userns is 1. An administrator writes these lines to /etc/apparmor.d/funnel-namespace, and runs apparmor_parser -r on that file:\n${appArmorProfile(helper)}`;
  if (code === 'ENOSPC' || code === 'EUSERS')
    return 'As many namespaces exist as the sysctls under user.max_…_namespaces allow, or they are nested 32 deep. End programs that use some, or let an administrator raise user.max_user_namespaces and user.max_net_namespaces';
  if (code === 'EINVAL' || code === 'ENOSYS')
    return `This kernel has no ${step === 'user namespace' ? 'user namespaces (CONFIG_USER_NS)' : 'network namespaces (CONFIG_NET_NS)'}`;
  if (isRefused)
    return 'No sysctl forbids it, so a container (its seccomp filter), a security module (SELinux, AppArmor) or a chroot does. For Docker: --security-opt seccomp=unconfined, or a profile that allows clone, unshare, setns and mount; for systemd: RestrictNamespaces=no. As root it works without user namespaces';
  return 'Please report this, with the kernel that you run (uname -a)';
}

/** A profile that confines nothing, and gives the helper the right to user namespaces. */
export function appArmorProfile(helper: string): string {
  return [
    'abi <abi/4.0>,',
    'include <tunables/global>',
    `profile funnel-namespace "${helper}" flags=(unconfined) {`,
    '  userns,',
    '}',
  ].join('\n');
}

function dotted(name: string): string {
  return name.replaceAll('/', '.');
}
