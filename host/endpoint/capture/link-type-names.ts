/**
 * The registered link types (draft-ietf-opsawg-pcaplinktype), a number and a name for people on each line:
 * what a message says of a capture. Numbers that an operating system gave its own meaning in classic pcap
 * files, as 12 and 14, have it here too.
 */
const NAMES = `
0 BSD loopback
1 Ethernet
2 experimental Ethernet
3 AX.25
4 Proteon ProNET
5 Chaosnet
6 Token Ring
7 ARCNET of BSD
8 SLIP
9 PPP
10 FDDI
11 ATM with LLC
12 raw IP
13 SLIP of BSD/OS
14 raw IP of OpenBSD
15 SLIP of BSD/OS
16 PPP of BSD/OS
19 classical IP over ATM of Linux
50 PPP in HDLC framing
51 PPPoE
99 Symantec Enterprise Firewall
100 ATM with LLC
101 raw IP
104 Cisco HDLC
105 802.11
106 classical IP over ATM
107 Frame Relay
108 OpenBSD loopback
109 OpenBSD IPsec
113 Linux cooked
114 LocalTalk
115 Econet
116 OpenBSD IP filter log
117 OpenBSD packet filter log
118 Cisco IOS internal
119 802.11 with Prism header
120 Aironet header
121 Siemens HiPath HDLC
122 IP over Fibre Channel
123 raw ATM of SunATM
124 RapidIO
125 PCI Express
126 Xilinx Aurora
127 802.11 with radiotap header
128 Tazmen Sniffer Protocol
129 ARCNET of Linux
130 Juniper MLPPP
131 Juniper MLFR
132 Juniper encryption services
133 Juniper GGSN
134 Juniper multi-link Frame Relay
135 Juniper ATM 2
136 Juniper services
137 Juniper ATM 1
138 Apple IP over IEEE 1394
139 SS7 MTP2 with pseudo-header
140 SS7 MTP2
141 SS7 MTP3
142 SS7 SCCP
143 DOCSIS
144 IrDA of Linux
145 IBM Next Federation switch
146 IBM switch adapter
147 private 0
148 private 1
149 private 2
150 private 3
151 private 4
152 private 5
153 private 6
154 private 7
155 private 8
156 private 9
157 private 10
158 private 11
159 private 12
160 private 13
161 private 14
162 private 15
163 802.11 with AVS header
164 Juniper monitor
165 BACnet MS/TP
166 PPP of pppd
167 Juniper PPPoE
168 Juniper PPPoE over ATM
169 GPRS LLC
170 GPF-T
171 GPF-F
172 Gcom T1/E1 line
173 Gcom serial
174 Juniper PIC peer
175 Ethernet with ERF header
176 packet over SONET with ERF header
177 LAPD of Linux
178 Juniper Ethernet
179 Juniper PPP
180 Juniper Frame Relay
181 Juniper Cisco HDLC
182 multi-link Frame Relay
183 Juniper voice
184 ARINC 429
185 ARINC 653
186 USB of FreeBSD
187 Bluetooth HCI
188 WiMAX
189 USB of Linux
190 CAN 2.0B
191 802.15.4 of Linux
192 Per-Packet Information
193 WiMAX with radiotap header
194 Juniper integrated services
195 802.15.4 with checksum
196 SITA
197 Endace ERF
198 u10 Networks Ethernet
199 IPMB of Kontron
200 Juniper secure tunnel
201 Bluetooth HCI with direction
202 AX.25 with KISS header
203 LAPD
204 PPP with direction
205 Cisco HDLC with direction
206 Frame Relay with direction
207 LAPB with direction
209 I2C of Linux
210 FlexRay
211 MOST
212 LIN
213 X2E serial
214 X2E Xoraya
215 802.15.4 of another physical layer
216 input events of Linux
217 GSM Um
218 GSM Abis
219 MPLS
220 USB of Linux, padded
221 DECT
222 AOS space data link
223 WirelessHART
224 Fibre Channel
225 Fibre Channel with delimiters
226 ipnet of Solaris
227 CAN of Linux
228 IPv4
229 IPv6
230 802.15.4 without checksum
231 D-Bus
232 Juniper virtual server
233 Juniper SRX
234 Juniper Fibre Channel
235 DVB common interface
236 3GPP multiplexer
237 STANAG 5066
238 Juniper ATM
239 netfilter log of Linux
240 netANALYZER Ethernet
241 netANALYZER Ethernet with preamble
242 IP over InfiniBand
243 MPEG-2 transport stream
244 ng40 protocol tester
245 NFC LLCP
246 OpenBSD pfsync
247 InfiniBand
248 SCTP
249 USB of USBPcap
250 RTAC serial
251 Bluetooth Low Energy
252 Wireshark upper protocols
253 netlink of Linux
254 Bluetooth monitor of Linux
255 Bluetooth baseband
256 Bluetooth Low Energy with pseudo-header
257 PROFIBUS
258 PKTAP of Apple
259 Ethernet with EPON preamble
260 IPMI trace
261 Z-Wave R1 and R2
262 Z-Wave R3
263 WattStopper lighting
264 ISO 14443
265 Radio Data System
266 USB of macOS
267 OpenFlow of OpenBSD
268 SDLC
269 TI sniffer
270 LoRaTap
271 VSOCK of Linux
272 Nordic Bluetooth sniffer
273 DOCSIS 3.1 of Excentis
274 Ethernet fragments
275 DisplayPort AUX
276 Linux cooked 2
277 Sercos monitor
278 USB of OpenVizsla
279 Elektrobit high-speed capture
280 VPP dispatch trace
281 Broadcom switch tag
282 Broadcom switch tag in front
283 802.15.4 with metadata
284 Marvell switch tag
285 Marvell switch tag with EtherType
286 lawful intercept of ELEE
287 Z-Wave serial
288 USB 2.0
289 ATSC link layer
290 Event Tracing for Windows
291 netANALYZER of another generation
292 ZBOSS network co-processor
293 low-speed USB 2.0
294 full-speed USB 2.0
295 high-speed USB 2.0
296 Auerswald log
297 Z-Wave with metadata
298 Silicon Labs debug channel
299 ultra-wideband of FiRa
300 vending machine bus
301 DECT-2020
`;

const nameByNumber = new Map(
  NAMES.trim()
    .split('\n')
    .map((line): [number, string] => {
      const at = line.indexOf(' ');
      return [Number(line.slice(0, at)), line.slice(at + 1)];
    }),
);

/** A link type for a message: `113 (Linux cooked)`. A number that is not registered stands alone. */
export function linkTypeText(linkType: number): string {
  const name = nameByNumber.get(linkType);
  return name === undefined ? String(linkType) : `${linkType} (${name})`;
}
