import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Running } from '../net/command.ts';
import type { Namespace } from '../net/namespace.ts';
import type { NetLab } from '../net/net-lab.ts';

/** Starts FreeRADIUS at 10.0.2.2, and returns when it can get requests. */
export async function startRadius(lab: NetLab, server: Namespace): Promise<Running> {
  const folder = join(lab.folder, 'raddb');
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'users'),
    'bob Cleartext-Password := "hello"\n\tReply-Message := "from the other site"\n',
  );
  writeFileSync(join(folder, 'radiusd.conf'), RADIUSD(folder));
  const radius = server.start(['freeradius', '-d', folder, '-f', '-l', 'stdout']);
  await radius.waitFor(/Ready to process requests/);
  return radius;
}

/** Starts an SNMP agent at an address of a server, and returns when it can get requests. */
export async function startAgent(lab: NetLab, server: Namespace, address: string): Promise<Running> {
  const configuration = join(lab.folder, 'snmpd.conf');
  writeFileSync(configuration, 'rocommunity public\nsysLocation the other site\n');
  const agent = server.start(['snmpd', '-f', '-Lo', '-C', '-c', configuration, `udp:${address}:161`]);
  await server.run([
    'sh',
    '-c',
    'for n in $(seq 100); do grep -q :00A1 /proc/net/udp && exit 0; sleep 0.1; done; exit 1',
  ]);
  return agent;
}

/** A server with one client network and one file of users, and nothing else of Debian's configuration. */
const RADIUSD = (folder: string) => `
prefix = /usr
libdir = /usr/lib/freeradius
logdir = ${folder}
run_dir = ${folder}
pidfile = ${folder}/pid
client sites { ipaddr = 10.0.2.0/24
  secret = secret
}
modules {
  pap { }
  always ok { rcode = ok }
  files { filename = ${folder}/users }
}
server default {
  listen { type = auth
    ipaddr = 10.0.2.2
    port = 1812
  }
  listen { type = acct
    ipaddr = 10.0.2.2
    port = 1813
  }
  authorize {
    files
    pap
  }
  authenticate {
    Auth-Type PAP {
      pap
    }
  }
  accounting {
    ok
  }
}
`;
