/** Hosts that the URL parser itself refuses: no request can be made of them. */
export const INVALID_HOSTS: readonly string[] = [
  '[fe80::1%eth0]',
  '[fe80::1%25eth0]',
  '[::1%0]',
  '256.0.0.1',
  '127.0.0.0.1',
  '127.0.0.256',
  '4294967296',
  '0x100000000',
  '[::ffff:127.0.0.1.]',
  '[127.0.0.1]',
  '[::1',
  '127.0.0.08',
];

/** Not in a URL but from DNS, a hosts file or a socket: text that is no plain address is forbidden. */
export const NO_ADDRESSES: readonly string[] = [
  '',
  'localhost',
  'fe80::1%eth0',
  '::1%lo',
  '2606:4700:4700::1111%1',
  '0177.0.0.1',
  '0x7f.1',
  '8.8.8.8.',
  ' 8.8.8.8',
  '8.8.8.8\n',
  '[2606:4700:4700::1111]',
  '8.8.8.8/32',
  '8.8.8.8:80',
  '134744072',
];
