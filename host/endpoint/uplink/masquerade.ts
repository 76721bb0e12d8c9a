import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { OUTER_DEVICE } from './connector.ts';

/**
 * Connects the namespace of an uplink to the network of root: by a pair of devices (veth), of which one is in
 * the namespace, and by forwarding and masquerading in the network of this process.
 *
 * A shell does it, and takes all back when its standard input ends: at {@link close}, and when this process
 * ends in any way. It is no descendant that ends with the Funnel.
 */
export class Masquerade {
  readonly #child: ChildProcess;

  /**
   * @param pid a process in the namespace
   * @param output the file for messages of the shell
   */
  constructor(
    pid: number,
    { ipv4, ipv6 }: { readonly ipv4: boolean; readonly ipv6: boolean },
    output: number,
    onEnd: () => void,
  ) {
    const random = randomBytes(5);
    random[3]! |= 0x80; // not the network of the puzzle
    // One of 32768 networks of four addresses that RFC 2544 §C.2.2 sets aside. No packet leaves with them.
    const four = `198.${18 + (random[0]! & 1)}.${random[1]}`;
    const last = random[2]! & 0xfc;
    const six = `fd66:756e:6e65:${random.toString('hex', 3, 5)}`;
    const device = `${DEVICES}${random.toString('hex', 0, 4)}`;
    const values = [pid, OUTER_DEVICE, device, `${four}.${last + 1}`, `${four}.${last + 2}`, six];
    const families = [ipv4 ? '4' : '', ipv6 ? '6' : ''];
    this.#child = spawn('sh', ['-c', SCRIPT, 'funnel-masquerade', ...values.map(String), ...families], {
      stdio: ['pipe', output, output],
      detached: true,
      // Administrators' programs, which are not on the path of every service.
      env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/bin:/bin` },
    });
    this.#child.on('error', () => {}); // there is no process then
    this.#child.stdin?.on('error', () => {});
    this.#child.once('exit', onEnd);
    this.#child.unref();
  }

  get isRunning(): boolean {
    try {
      return !/\) [ZX] /.test(readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8'));
    } catch {
      return false; // no process has that number any more
    }
  }

  close(): void {
    this.#child.stdin?.destroy();
  }
}

const DEVICES = 'fup';

/**
 * The variables of the system are those of a network namespace, and so is what is remembered of them. The
 * first uplink remembers them, and the last one sets them again. A router that forwards IPv6 takes no routes
 * from others (accept_ra 1), so they are taken nevertheless (2).
 */
const SCRIPT = String.raw`
set -eu
pid=$1 inner=$2 outer=$3 near=$4 far=$5 six=$6 v4=$7 v6=$8
state=/run/funnel-masquerade/$(stat -Lc %i /proc/self/ns/net)
mkdir -p -m 700 "$state"
exec 9>"$state/lock"
get() { cat "/proc/sys/net/$1" 2>/dev/null || true; }
put() { echo "$2" > "/proc/sys/net/$1"; }
undo() {
  set +e
  trap '' INT TERM HUP
  flock 9
  nft delete table inet "$outer" 2>/dev/null
  ip link delete "$outer" 2>/dev/null
  rm -f "$state/user-$outer"
  for user in "$state"/user-*; do
    [ -e "$user" ] || break
    [ -e "/sys/class/net/$(basename "$user" | cut -c6-)" ] && exit
    rm -f "$user"
  done
  if [ -e "$state/saved" ]; then
    while read -r name value; do put "$name" "$value" 2>/dev/null; done < "$state/saved"
    rm -f "$state/saved"
  fi
}
trap undo EXIT
trap '' INT HUP
flock 9
if [ ! -e "$state/saved" ]; then
  {
    for name in ipv4/ip_forward ipv6/conf/all/forwarding; do
      value=$(get "$name")
      [ "$value" != 0 ] || echo "$name 0"
    done
    for path in /proc/sys/net/ipv6/conf/*/accept_ra; do
      name=$(echo "$path" | cut -c15-)
      [ "$(get "$name")" != 1 ] || echo "$name 1"
    done
  } > "$state/new"
  mv "$state/new" "$state/saved"
fi
: > "$state/user-$outer"
ip link add "$outer" type veth peer name "$inner" netns "$pid"
in="nsenter --target $pid --net"
ip link set "$outer" up
$in ip link set "$inner" up
closed=
through=
if [ -n "$v4" ]; then
  ip addr add "$near/30" dev "$outer"
  $in ip addr add "$far/30" dev "$inner"
  through="ip saddr $far oifname != $outer masquerade"
  if grep -q '^ipv4/ip_forward 0' "$state/saved"; then closed="meta nfproto ipv4 drop"; fi
  put ipv4/ip_forward 1
fi
if [ -n "$v6" ]; then
  put "ipv6/conf/$outer/disable_ipv6" 0
  ip addr add "$six::1/64" dev "$outer" nodad
  $in ip addr add "$six::2/64" dev "$inner" nodad
  through="$through
    ip6 saddr $six::2 oifname != $outer masquerade"
  if grep -q '^ipv6/conf/all/forwarding 0' "$state/saved"; then
    closed="$closed
    meta nfproto ipv6 drop"
  fi
  while read -r name value; do
    case $name in ipv6/conf/*/accept_ra) put "$name" 2 ;; esac
  done < "$state/saved"
  put ipv6/conf/all/forwarding 1
fi
nft -f - <<RULES
table inet $outer {
  chain outgoing {
    type nat hook postrouting priority 100
    $through
  }
  chain through {
    type filter hook forward priority -10
    oifname "$outer" ct state established,related accept
    oifname "$outer" drop
    iifname "${DEVICES}*" accept
    oifname "${DEVICES}*" accept
    $closed
  }
  chain here {
    type filter hook input priority -10
    iifname "$outer" icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    iifname "$outer" drop
  }
}
RULES
if [ -n "$v4" ]; then $in ip route add default via "$near" dev "$inner"; fi
if [ -n "$v6" ]; then $in ip -6 route add default via "$six::1" dev "$inner"; fi
flock -u 9
while read -r line; do :; done
`;
