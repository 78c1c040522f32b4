import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What kind of place an address is. Only `public` may be connected to without leave. */
type AddressClass =
  | 'public'
  | 'loopback'
  | 'private'
  | 'link-local'
  | 'shared'
  | 'multicast'
  | 'tunnel'
  | 'reserved';

/** ipaddr.js's ranges in our words; a range that is not listed is reserved. */
const CLASSES: Readonly<Record<string, AddressClass>> = {
  unicast: 'public',
  loopback: 'loopback',
  private: 'private',
  uniqueLocal: 'private',
  deprecatedSiteLocal: 'private',
  linkLocal: 'link-local',
  carrierGradeNat: 'shared',
  multicast: 'multicast',
  rfc6145: 'tunnel',
  rfc6052: 'tunnel',
  '6to4': 'tunnel',
  teredo: 'tunnel',
};

/**
 * The one spelling under which an address is judged and compared, or undefined where the text is no
 * address or has a zone. An IPv4 address mapped into IPv6 (`::ffff:a.b.c.d`) is that IPv4 address:
 * connecting to it goes there.
 */
export function oneSpelling(address: string): string | undefined {
  if (isIPv4(address)) return address;
  if (!isIPv6(address) || address.includes('%')) return undefined;
  const { text, groups } = parseIPv6(address);
  return startsWith(groups, MAPPED) ? embeddedIPv4(groups) : text;
}

/** The class of an address in its one spelling. */
export function addressClass(address: string): AddressClass {
  if (!isIPv4(address)) return classOfIPv6(parseIPv6(address).groups);
  if (address === AZURE_HOST) return 'reserved';
  return CLASSES[ipaddr.IPv4.parse(address).range()] ?? 'reserved';
}

/** Looks public; to a machine on Azure it is the host that it runs on, which gives out its certificates. */
const AZURE_HOST = '168.63.129.16';

const MAPPED = [0, 0, 0, 0, 0, 0xffff];
const NAT64 = [0x64, 0xff9b, 0, 0, 0, 0];
/** 3ffe::/16, returned to IANA in 2006 (RFC 3701). */
const SIX_BONE = 0x3ffe;

/**
 * Only 2000::/3 is global unicast, whatever else is not registered as special. NAT64's well-known
 * prefix is what the embedded IPv4 address is: networks without IPv4 reach all of it that way.
 * Other embeddings lead through a relay that we cannot judge.
 */
function classOfIPv6(groups: readonly number[]): AddressClass {
  if (startsWith(groups, NAT64)) return addressClass(embeddedIPv4(groups));
  const range = new ipaddr.IPv6([...groups]).range();
  if (range !== 'unicast') return CLASSES[range] ?? 'reserved';
  if (isIsatap(groups)) return 'tunnel';
  const first = groups[0] ?? 0;
  return first >> 13 === 1 && first !== SIX_BONE ? 'public' : 'reserved';
}

/** RFC 5214: the interface part is `0:5efe:a.b.c.d` or `200:5efe:a.b.c.d`. */
function isIsatap(groups: readonly number[]): boolean {
  return ((groups[4] ?? 0) & 0xfdff) === 0 && groups[5] === 0x5efe;
}

function startsWith(groups: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((group, index) => groups[index] === group);
}

function embeddedIPv4(groups: readonly number[]): string {
  const high = groups[6] ?? 0;
  const low = groups[7] ?? 0;
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/** The URL parser spells without dots first: ipaddr.js would take `::8.8.8.8` for a mapped address. */
function parseIPv6(address: string): { text: string; groups: readonly number[] } {
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  return { text, groups: ipaddr.IPv6.parse(text).parts };
}
