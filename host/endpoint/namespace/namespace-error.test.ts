import { expect, test } from 'vitest';
import { namespaceError } from './namespace-error.ts';

/** Cases from real systems of users. */
const cases: readonly [
  what: string,
  step: string,
  code: string,
  variables: Record<string, string>,
  message: RegExp,
][] = [
  [
    'Debian with the old setting',
    'user namespace',
    'EPERM',
    { 'kernel/unprivileged_userns_clone': '0' },
    /kernel\.unprivileged_userns_clone is 0.*sysctl -w kernel\.unprivileged_userns_clone=1/,
  ],
  [
    'Ubuntu 24.04, where the map fails',
    '/proc/self/uid_map',
    'EPERM',
    { 'kernel/apparmor_restrict_unprivileged_userns': '1', 'user/max_user_namespaces': '30000' },
    /apparmor_restrict_unprivileged_userns is 1[\s\S]*profile funnel-namespace "\/opt\/helper" flags=\(unconfined\) \{\n {2}userns,/,
  ],
  [
    'Ubuntu 24.04, where the network fails',
    'network namespace',
    'EACCES',
    { 'kernel/apparmor_restrict_unprivileged_userns': '1' },
    /apparmor_parser -r/,
  ],
  [
    'an administrator who allows none',
    'user namespace',
    'ENOSPC',
    { 'user/max_user_namespaces': '0' },
    /user\.max_user_namespaces is 0.*sysctl -w user\.max_user_namespaces=/,
  ],
  [
    'no more network namespaces',
    'network namespace',
    'ENOSPC',
    { 'user/max_net_namespaces': '0' },
    /no network namespaces/,
  ],
  [
    'too many, or nested too deep',
    'user namespace',
    'EUSERS',
    { 'user/max_user_namespaces': '9' },
    /nested 32 deep/,
  ],
  ['Docker', 'user namespace', 'EPERM', { 'user/max_user_namespaces': '9' }, /seccomp=unconfined/],
  ['a kernel without them', 'user namespace', 'EINVAL', {}, /CONFIG_USER_NS/],
];

test.each(cases)('%s', (_, step, code, variables, message) => {
  const error = namespaceError({ step, code, helper: '/opt/helper', variable: (name) => variables[name] });
  expect(error.code).toBe('FT_NAMESPACE_FORBIDDEN');
  expect(error.message).toContain(`(${step}: ${code})`);
  expect(error.message).toMatch(message);
});

test('a refusal that no setting explains has a separate code', () => {
  const error = namespaceError({ step: 'loopback', code: 'EIO', helper: '', variable: () => undefined });
  expect(error.code).toBe('FT_NAMESPACE');
});
