/*
 * Registries that no package brings along; kept by hand, from the documents that are named. Each line: number, name,
 * other names; for text, only names.
 */

/** PPP data link layer protocol numbers, hexadecimal: RFC 1661 §2, RFC 1332, RFC 5072, RFC 3241, RFC 1990, RFC 1962, RFC 1968. */
export const pppNumbers = `
0001 padding
0003 rohc-small-cid
0005 rohc-large-cid
0021 ipv4
003d multilink
0053 encryption
0057 ipv6
00fb link-compression
00fd compression
8021 ipcp
8053 ecp
8057 ipv6cp
80fd ccp
c021 lcp
c023 pap
c025 lqr
c223 chap
`;

/** Payload protocol identifiers of SCTP: RFC 9260 §15.5 and the documents behind each. */
export const sctpPayloadProtocols = `
0 unspecified
1 iua
2 m2ua
3 m3ua
4 sua
5 m2pa
6 v5ua
10 dua
11 asap
12 enrp
46 diameter
47 diameter-dtls
50 webrtc-dcep
51 webrtc-string
53 webrtc-binary
56 webrtc-string-empty
57 webrtc-binary-empty
`;

/** Schemes of URIs: RFC 3261 §19, RFC 3986, RFC 9110, RFC 4516, RFC 3966, RFC 6068, RFC 8141, RFC 6455, RFC 7252, RFC 2326, RFC 7064, RFC 7065. */
export const uriSchemes = `
coap
coaps
data
file
ftp
http
https
imap
ldap
mailto
rtsp
sip
sips
stun
stuns
tel
turn
turns
urn
ws
wss
xmpp
`;

/** Payload types of RTP that mean the same everywhere: RFC 3551 §6. */
export const rtpPayloadTypes = `
0 pcmu
3 gsm
4 g723
5 dvi4-8000
6 dvi4-16000
7 lpc
8 pcma
9 g722
10 l16-2
11 l16-1
12 qcelp
13 cn
14 mpa
15 g728
16 dvi4-11025
17 dvi4-22050
18 g729
25 celb
26 jpeg
28 nv
31 h261
32 mpv
33 mp2t
34 h263
`;
