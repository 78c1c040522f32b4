import { isIP, type LookupFunction } from 'node:net';
import { oneSpelling } from './address-classes.ts';
import { classOf, type AddressGuard } from './address-guard.ts';
import { SendFailure } from './send-failure.ts';

/** Of a name with many addresses so many of each family are tried; all of them are judged. */
const TRIED_PER_FAMILY = 4;

export interface ResolvesNames {
  /** All addresses of a name; rejects with a SendFailure where there are none. */
  resolve(host: string): Promise<readonly string[]>;
}

/** The addresses that a host stands for: every one of them allowed, each in its one spelling. */
export class JudgedAddresses {
  readonly #addresses: readonly string[];
  readonly #guard: AddressGuard;

  private constructor(addresses: readonly string[], guard: AddressGuard) {
    this.#addresses = addresses;
    this.#guard = guard;
  }

  /**
   * One forbidden address among a name's answers is enough to refuse the name. The sentence does not tell
   * the address: an account must not be able to map the names of the network that Posthorn runs in.
   */
  static async of(
    hostname: string,
    guard: AddressGuard,
    resolver: ResolvesNames,
  ): Promise<JudgedAddresses> {
    const isName = isIP(hostname) === 0;
    const found = isName ? await resolver.resolve(hostname) : [hostname];
    const forbidden = found.find((address) => guard.judge(address) === 'forbidden');
    if (forbidden !== undefined) {
      const what = isName ? `The name ${hostname} leads to` : `${hostname} is`;
      const why = `an address that is not public (${classOf(forbidden)})`;
      throw new SendFailure('blocked', `${what} ${why}.`);
    }
    return new JudgedAddresses(found.map(oneSpelling).filter(isText), guard);
  }

  /** Stands in for looking the name up: a socket that is given this cannot go anywhere else. */
  get lookup(): LookupFunction {
    const list = [...this.#ofFamily(4), ...this.#ofFamily(6)];
    return (_hostname, options, callback) => {
      const [first] = list;
      if (options.all || first === undefined) callback(null, list);
      else callback(null, first.address, first.family);
    };
  }

  /** Whether an address that a socket says it is connected to is one of these. */
  include(remoteAddress: string): boolean {
    const remote = oneSpelling(remoteAddress);
    if (remote === undefined || this.#guard.judge(remote) === 'forbidden') return false;
    return this.#addresses.includes(remote);
  }

  #ofFamily(family: number): { address: string; family: number }[] {
    return this.#addresses
      .filter((address) => isIP(address) === family)
      .slice(0, TRIED_PER_FAMILY)
      .map((address) => ({ address, family }));
  }
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}
