import { Resolver } from 'node:dns/promises';
import { isIP, Socket, type LookupFunction } from 'node:net';
import { isLoopback } from './loopback-only.ts';

interface Target {
  readonly host?: string;
  readonly path?: string;
  lookup?: LookupFunction;
}

let held = false;

/**
 * From now on no socket of this process connects outside loopback and no DNS server outside of it is
 * asked, whoever wants that. `LoopbackOnly` stands where the guarded connector opens a socket; this holds
 * also where that connector is passed by.
 */
export function shutTheWayOut(): void {
  if (held) return;
  held = true;
  const connect = methodOf(Socket.prototype, 'connect');
  Reflect.set(Socket.prototype, 'connect', function inside(this: Socket, ...args: unknown[]) {
    const target = targetOf(args);
    const { host = 'localhost', path, lookup } = target;
    if (path === undefined && host !== 'localhost') {
      if (isIP(host) === 0 && lookup) target.lookup = insideOnly(lookup);
      else if (!isLoopback(host)) return this.destroy(wayOut(host));
    }
    return Reflect.apply(connect, this, args);
  });
  for (const name of ['resolve4', 'resolve6']) {
    const resolve = methodOf(Resolver.prototype, name);
    Reflect.set(Resolver.prototype, name, function inside(this: Resolver, ...args: unknown[]) {
      const server = this.getServers().find((each) => !isLoopback(each.replace(/:\d+$/, '')));
      if (server !== undefined) throw wayOut(server);
      return Reflect.apply(resolve, this, args);
    });
  }
}

function methodOf(prototype: object, name: string): (...args: unknown[]) => unknown {
  return Reflect.get(prototype, name) as (...args: unknown[]) => unknown;
}

/** What was asked for: as options, as `net.connect` hands them on (in a list), or as port and host. */
function targetOf(args: readonly unknown[]): Target {
  const [first, host] = args;
  if (Array.isArray(first)) return first[0] as Target;
  return typeof first === 'object' && first !== null
    ? first
    : { host: typeof host === 'string' ? host : 'localhost' };
}

function insideOnly(lookup: LookupFunction): LookupFunction {
  return (host, options, callback) => {
    lookup(host, options, (error, found, family) => {
      const addresses = Array.isArray(found) ? found.map(({ address }) => address) : [found];
      const outside = error ? undefined : addresses.find((address) => !isLoopback(address));
      if (outside === undefined) callback(error, found, family);
      else callback(wayOut(outside), '');
    });
  };
}

function wayOut(address: string): Error {
  return new Error(`A way out of this machine was asked for: ${address}`);
}
