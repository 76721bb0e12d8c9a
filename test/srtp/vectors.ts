// Test vectors of SRTP, in hexadecimal, from the RFC that each names.

/** AES in counter mode: source, key, counter block, keystream of this block. */
export const KEYSTREAMS: readonly (readonly [string, string, string, string])[] = [
  [
    'RFC 3711 B.2',
    '2b7e151628aed2a6abf7158809cf4f3c',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfd0000',
    'e03ead0935c95e80e166b16dd92b4eb4',
  ],
  [
    'RFC 3711 B.2',
    '2b7e151628aed2a6abf7158809cf4f3c',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfd0001',
    'd23513162b02d0f72a43a2fe4a5f97ab',
  ],
  [
    'RFC 3711 B.2',
    '2b7e151628aed2a6abf7158809cf4f3c',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfd0002',
    '41e95b3bb0a2e8dd477901e4fca894c0',
  ],
  [
    'RFC 3711 B.2',
    '2b7e151628aed2a6abf7158809cf4f3c',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
    'ec8cdf7398607cb0f2d21675ea9ea1e4',
  ],
  [
    'RFC 3711 B.2',
    '2b7e151628aed2a6abf7158809cf4f3c',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfdff00',
    '362b7c3c6773516318a077d7fc5073ae',
  ],
  [
    'RFC 3711 B.2',
    '2b7e151628aed2a6abf7158809cf4f3c',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfdff01',
    '6a2cc3787889374fbeb4c81b17ba6c44',
  ],
  [
    'RFC 6188 7.1',
    '57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfd0000',
    '92bdd28a93c3f52511c677d08b5515a4',
  ],
  [
    'RFC 6188 7.1',
    '57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfd0001',
    '9da71b2378a854f67050756ded165bac',
  ],
  [
    'RFC 6188 7.1',
    '57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfd0002',
    '63c4868b7096d88421b563b8c94c9a31',
  ],
  [
    'RFC 6188 7.1',
    '57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
    'cea518c90fd91ced9cbb18c078a54711',
  ],
  [
    'RFC 6188 7.1',
    '57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfdff00',
    '3dbc4814f4da5f00a08772b63c6a046d',
  ],
  [
    'RFC 6188 7.1',
    '57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfdff01',
    '6eb246913062a16891433e97dd01a57f',
  ],
  [
    'RFC 6188 7.3',
    'eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfd0000',
    '35096cba4610028dc1b57503804ce37c',
  ],
  [
    'RFC 6188 7.3',
    'eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfd0001',
    '5de986291dcce161d5165ec4568f5c9a',
  ],
  [
    'RFC 6188 7.3',
    'eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfd0002',
    '474a40c77894bc17180202272a4c264d',
  ],
  [
    'RFC 6188 7.3',
    'eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
    'd108d1a31a00bad6367ec23eb044b415',
  ],
  [
    'RFC 6188 7.3',
    'eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfdff00',
    'c8f57129fdeb970b59f917b257662d4c',
  ],
  [
    'RFC 6188 7.3',
    'eab234764e517b2d3d160d587d8c86219740f65f99b6bcf7',
    'f0f1f2f3f4f5f6f7f8f9fafbfcfdff01',
    'a5dab625811034e8cebdfeb6dc158dd3',
  ],
];

/** Key derivation: source, master key, master salt, cipher key, authentication key, salt. */
export const DERIVATIONS: readonly (readonly [string, string, string, string, string, string])[] = [
  [
    'RFC 3711 B.3',
    'e1f97a0d3e018be0d64fa32c06de4139',
    '0ec675ad498afeebb6960b3aabe6',
    'c61e7a93744f39ee10734afe3ff7a087',
    'cebe321f6ff7716b6fd4ab49af256a156d38baa4',
    '30cbbc08863d8c85d49db34a9ae1',
  ],
  [
    'RFC 6188 7.2',
    'f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6',
    '3b04803de51ee7c96423ab5b78d2',
    '5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4',
    'fd9c32d39ed5fbb5a9dc96b30818454d1313dc05',
    'fa31791685ca444a9e07c6c64e93',
  ],
  [
    'RFC 6188 7.4',
    '73edc66c4fa15776fb57f9505c17136550ffda71f3e8e5f1',
    'c8522f3acd4ce86d5add78edbb11',
    '31874736a8f1143870c26e4857d8a5b2c4a354407faadabb',
    '355b10973cd95b9eacf4061c7e1a7151e7cfbfcb',
    '2372b82d639b6d8503a47adc0a6c',
  ],
];

/** AES-GCM: section of RFC 7714, key, nonce, additional data, plain text, cipher text with its tag. */
export const GCM: readonly (readonly [string, string, string, string, string, string])[] = [
  [
    '16.1.1',
    '000102030405060708090a0b0c0d0e0f',
    '51753c6580c2726f20718414',
    '8040f17b8041f8d35501a0b2',
    '47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573',
    'f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce',
  ],
  [
    '16.2.1',
    '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    '51753c6580c2726f20718414',
    '8040f17b8041f8d35501a0b2',
    '47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573',
    '32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13',
  ],
  [
    '17.1',
    '000102030405060708090a0b0c0d0e0f',
    '517524055203726f207170bb',
    '81c8000d4d617273800005d4',
    '4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef',
    '63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade',
  ],
];
