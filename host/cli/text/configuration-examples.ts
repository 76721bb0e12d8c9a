/**
 * The examples of the reference, by the part of a configuration that they show. A test checks each of them.
 */
export const EXAMPLES: Readonly<Record<string, string>> = {
  whole: `pieces:
  system:                              # a name of your choice
    piece: tun                         # a network device of this machine
    settings: { device: six }
    edges: { ip: lan }                 # its Edge \`ip\` is on the network \`lan\`
  six:
    piece: 6bed4
    settings: { router: 192.0.2.1 }
    edges: { ipv6: lan, carrier: wan }
  net:
    piece: udp
    edges: { udp: wan }
`,
  settings: `pieces:
  net:
    piece: udp
    settings:
      port: [5060, 5062]               # a list, since this setting may be repeated
      address: 127.0.0.1
      to-loopback: true
    edges: { udp: lan }
  dump:
    piece: pcap-writer
    settings: { file: /tmp/dump.pcapng, stack: ip/udp, direction: down }
    edges: { frames: lan }
`,
  edges: `pieces:
  left: { piece: udp, settings: { port: 20001 }, edges: { udp: west } }
  hub:
    piece: hub
    settings: { stack: ip/udp }
    edges: { net: [west, east] }       # a repeated Edge, on two networks
  right: { piece: udp, settings: { port: 20002 }, edges: { udp: east } }
`,
  omitted: `pieces:
  system: { piece: tun }               # no \`edges\`: each Edge joins where it matches
  six: { piece: 6bed4, settings: { router: 192.0.2.1 } }
  net: { piece: udp }
`,
  failure: `pieces:
  system: { piece: tun, edges: { ip: lan } }
  six:
    piece: 6bed4
    settings: { router: 192.0.2.1 }
    edges: { ipv6: lan, carrier: wan }
    failure: restart                   # after a fault, a new instance starts
    save: 10s                          # and continues from the state of ten seconds ago at most
    limits: { memory: 16MiB }
  net: { piece: udp, edges: { udp: wan } }
`,
  parameters: `parameters:
  device: fun0                         # a default
  router: { default: 192.0.2.1, env: SIX_ROUTER }
pieces:
  system: { piece: tun, settings: { device: "\${device}" }, edges: { ip: lan } }
  six: { piece: 6bed4, settings: { router: "\${router}" }, edges: { ipv6: lan, carrier: wan } }
  net: { piece: udp, edges: { udp: wan } }
`,
  networks: `pieces:
  system: { piece: tun, settings: { device: six }, edges: { ip: lan } }
  first: { piece: pcap-writer, settings: { file: /tmp/first.pcapng, stack: ip }, edges: { frames: lan } }
  second: { piece: pcap-writer, settings: { file: /tmp/second.pcapng, stack: ip }, edges: { frames: lan } }
networks:
  lan: { copies: true }                # each packet goes to both
`,
};
