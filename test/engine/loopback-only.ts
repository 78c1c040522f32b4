import { connect, isIP, isIPv4, type Socket, type TcpNetConnectOpts } from 'node:net';

/**
 * Opens sockets to 127.0.0.0/8 and ::1 and throws for all else, whatever the code under test asks for: a
 * broken guard must turn a test red, not send something out. It also keeps a list of what was asked for.
 */
export class LoopbackOnly {
  /** The addresses offered for each connection. */
  readonly offered: string[][] = [];

  readonly open = (options: TcpNetConnectOpts): Socket => {
    const offered = addressesOf(options);
    this.offered.push(offered);
    const outside = offered.find((address) => !isLoopback(address));
    if (outside !== undefined) throw new Error(`A socket to ${outside} was asked for.`);
    return connect({
      ...options,
      lookup: (_host, how, callback) => {
        const list = offered.map((address) => ({ address, family: isIP(address) }));
        if (how.all) callback(null, list);
        else callback(null, offered[0] ?? '', isIP(offered[0] ?? ''));
      },
    });
  };
}

/** What node:net would connect to: the host if it is an address, else what `lookup` gives. */
function addressesOf({ host = '', lookup }: TcpNetConnectOpts): string[] {
  if (isIP(host) !== 0) return [host];
  if (lookup === undefined) throw new Error(`The system would have to look ${host} up.`);
  const found: string[] = [];
  lookup(host, { all: true }, (_error, list) => {
    found.push(...(Array.isArray(list) ? list.map(({ address }) => address) : [list]));
  });
  return found;
}

export function isLoopback(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'));
}
