import { BlockList, isIP, isIPv4 } from 'node:net';
import { addressClass, oneSpelling } from './address-classes.ts';
import { parseCidr } from './cidr.ts';

export type Verdict = 'allowed' | 'forbidden';

/**
 * Says which addresses a webhook may reach: public ones, and those that the operator allows.
 * It is asked three times on the way: about the URL, about every DNS answer, about the socket.
 */
export class AddressGuard {
  /** One list for each family: a BlockList of both lets `::/0` stand for every IPv4 address too. */
  readonly #allowed = { ipv4: new BlockList(), ipv6: new BlockList() };

  /** @param allowed CIDRs, or single addresses, that may be reached though they are not public */
  constructor(allowed: readonly string[] = []) {
    for (const entry of allowed) this.#allow(entry);
  }

  /** Anything that is no address is forbidden, and so is an address with a zone. */
  judge(address: string): Verdict {
    const spelled = oneSpelling(address);
    if (spelled === undefined) return 'forbidden';
    const family = isIPv4(spelled) ? 'ipv4' : 'ipv6';
    const allowed =
      addressClass(spelled) === 'public' || this.#allowed[family].check(spelled, family);
    return allowed ? 'allowed' : 'forbidden';
  }

  /** A sentence where the URL's host is an address that is not allowed. Names are judged when sending. */
  judgeUrl(url: URL): string | undefined {
    const host = hostOf(url);
    if (isIP(host) === 0 || this.judge(host) === 'allowed') return undefined;
    return `${host} is not a public address (${classOf(host)}).`;
  }

  #allow(entry: string): void {
    const cidr = parseCidr(entry);
    if (!cidr) throw new RangeError(`"${entry}" is no address and no CIDR.`);
    this.#allowed[cidr.family].addSubnet(cidr.address, cidr.bits, cidr.family);
  }
}

/** A URL's host without the brackets that an IPv6 address has there. */
export function hostOf(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
}

/** The class of an address in any spelling, for sentences. */
export function classOf(address: string): string {
  const spelled = oneSpelling(address);
  return spelled === undefined ? 'no address' : addressClass(spelled);
}
