/**
 * IANA's registries of special-purpose IPv4 and IPv6 addresses, with multicast and the blocks around
 * 2000::/3, and addresses at their ends. Written down apart from the code under test and from the library
 * that it uses. The 6bone's block stands in the registry of global unicast space. AS112 and AMT are
 * "globally reachable" there but are sinks and relays, no receivers.
 */
export const SPECIAL_PURPOSE: readonly {
  block: string;
  verdict: 'allowed' | 'forbidden';
  inside: readonly string[];
}[] = [
  { block: '0.0.0.0/8', verdict: 'forbidden', inside: ['0.0.0.0', '0.255.255.255'] },
  { block: '10.0.0.0/8', verdict: 'forbidden', inside: ['10.0.0.0', '10.255.255.255'] },
  { block: '100.64.0.0/10', verdict: 'forbidden', inside: ['100.64.0.0', '100.127.255.255'] },
  { block: '127.0.0.0/8', verdict: 'forbidden', inside: ['127.0.0.0', '127.255.255.255'] },
  { block: '169.254.0.0/16', verdict: 'forbidden', inside: ['169.254.0.0', '169.254.255.255'] },
  { block: '172.16.0.0/12', verdict: 'forbidden', inside: ['172.16.0.0', '172.31.255.255'] },
  {
    block: '192.0.0.0/24',
    verdict: 'forbidden',
    inside: ['192.0.0.0', '192.0.0.9', '192.0.0.10', '192.0.0.171', '192.0.0.255'],
  },
  { block: '192.0.2.0/24', verdict: 'forbidden', inside: ['192.0.2.0', '192.0.2.255'] },
  { block: '192.31.196.0/24', verdict: 'forbidden', inside: ['192.31.196.0', '192.31.196.255'] },
  { block: '192.52.193.0/24', verdict: 'forbidden', inside: ['192.52.193.0', '192.52.193.255'] },
  {
    block: '192.88.99.0/24',
    verdict: 'forbidden',
    inside: ['192.88.99.0', '192.88.99.2', '192.88.99.255'],
  },
  { block: '192.168.0.0/16', verdict: 'forbidden', inside: ['192.168.0.0', '192.168.255.255'] },
  { block: '192.175.48.0/24', verdict: 'forbidden', inside: ['192.175.48.0', '192.175.48.255'] },
  { block: '198.18.0.0/15', verdict: 'forbidden', inside: ['198.18.0.0', '198.19.255.255'] },
  { block: '198.51.100.0/24', verdict: 'forbidden', inside: ['198.51.100.0', '198.51.100.255'] },
  { block: '203.0.113.0/24', verdict: 'forbidden', inside: ['203.0.113.0', '203.0.113.255'] },
  { block: '224.0.0.0/4', verdict: 'forbidden', inside: ['224.0.0.0', '239.255.255.255'] },
  { block: '240.0.0.0/4', verdict: 'forbidden', inside: ['240.0.0.0', '255.255.255.255'] },
  { block: '::/128', verdict: 'forbidden', inside: ['::'] },
  { block: '::1/128', verdict: 'forbidden', inside: ['::1'] },
  {
    block: '::ffff:0:0/96, as what it maps',
    verdict: 'forbidden',
    inside: ['::ffff:0.0.0.0', '::ffff:255.255.255.255'],
  },
  {
    block: '::ffff:0:0/96, of public ones',
    verdict: 'allowed',
    inside: ['::ffff:1.0.0.0', '::ffff:223.255.255.255'],
  },
  {
    block: '64:ff9b::/96, as what it embeds',
    verdict: 'forbidden',
    inside: ['64:ff9b::', '64:ff9b::ffff:ffff'],
  },
  {
    block: '64:ff9b::/96, of public ones',
    verdict: 'allowed',
    inside: ['64:ff9b::100:0', '64:ff9b::dfff:ffff'],
  },
  {
    block: '64:ff9b:1::/48',
    verdict: 'forbidden',
    inside: ['64:ff9b:1::', '64:ff9b:1:ffff:ffff:ffff:ffff:ffff'],
  },
  { block: '100::/64', verdict: 'forbidden', inside: ['100::', '100::ffff:ffff:ffff:ffff'] },
  {
    block: '100:0:0:1::/64',
    verdict: 'forbidden',
    inside: ['100:0:0:1::', '100:0:0:1:ffff:ffff:ffff:ffff'],
  },
  {
    block: '2001::/23',
    verdict: 'forbidden',
    inside: ['2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  { block: '2001::/32', verdict: 'forbidden', inside: ['2001:0:ffff:ffff:ffff:ffff:ffff:ffff'] },
  {
    block: '2001:1::1/128 to ::3',
    verdict: 'forbidden',
    inside: ['2001:1::1', '2001:1::2', '2001:1::3'],
  },
  {
    block: '2001:2::/48',
    verdict: 'forbidden',
    inside: ['2001:2::', '2001:2:0:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '2001:3::/32',
    verdict: 'forbidden',
    inside: ['2001:3::', '2001:3:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '2001:4:112::/48',
    verdict: 'forbidden',
    inside: ['2001:4:112::', '2001:4:112:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '2001:10::/28',
    verdict: 'forbidden',
    inside: ['2001:10::', '2001:1f:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '2001:20::/28',
    verdict: 'forbidden',
    inside: ['2001:20::', '2001:2f:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '2001:30::/28',
    verdict: 'forbidden',
    inside: ['2001:30::', '2001:3f:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '2001:db8::/32',
    verdict: 'forbidden',
    inside: ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '2002::/16',
    verdict: 'forbidden',
    inside: ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '2620:4f:8000::/48',
    verdict: 'forbidden',
    inside: ['2620:4f:8000::', '2620:4f:8000:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '3ffe::/16, the 6bone that was returned',
    verdict: 'forbidden',
    inside: ['3ffe::', '3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '3fff::/20',
    verdict: 'forbidden',
    inside: ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: '5f00::/16',
    verdict: 'forbidden',
    inside: ['5f00::', '5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: 'fc00::/7',
    verdict: 'forbidden',
    inside: ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: 'fe80::/10',
    verdict: 'forbidden',
    inside: ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: 'ff00::/8',
    verdict: 'forbidden',
    inside: ['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: 'below 2000::/3',
    verdict: 'forbidden',
    inside: ['1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: 'above 2000::/3',
    verdict: 'forbidden',
    inside: ['4000::', 'fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  },
  {
    block: 'the rest of 2000::/3',
    verdict: 'allowed',
    inside: [
      '2000::',
      '2001:200::',
      '2001:db7:ffff::',
      '2001:db9::',
      '2003::',
      '2620:4f:7fff::',
      '2620:4f:8001::',
      '3ffd:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      '3fff:1000::',
      '3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    ],
  },
];
