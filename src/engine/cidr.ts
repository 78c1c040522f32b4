import { isIPv4 } from 'node:net';
import { oneSpelling } from './address-classes.ts';

/** A range of addresses of one family. */
export interface Cidr {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** The range that `10.1.0.0/16`, or a single address, names; undefined where the text names none. */
export function parseCidr(entry: string): Cidr | undefined {
  const [text = '', prefixText, ...rest] = entry.trim().split('/');
  const address = oneSpelling(text);
  const prefix = prefixText ?? (isIPv4(text) ? '32' : '128');
  if (address === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(prefix))
    return undefined;
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  // A range of mapped addresses is the IPv4 range that it maps.
  const bits = Number(prefix) - (family === 'ipv4' && !isIPv4(text) ? 96 : 0);
  if (bits < 0 || bits > (family === 'ipv4' ? 32 : 128)) return undefined;
  return { address, bits, family };
}
