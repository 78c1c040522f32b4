import { Resolver } from 'node:dns/promises';
import { HostsFile } from './hosts-file.ts';
import { SendFailure } from './send-failure.ts';

const SHORTEST_TTL_MS = 1_000;
const LONGEST_TTL_MS = 60_000;
const FAILURE_TTL_MS = 2_000;
const MAX_NAMES = 10_000;
/** c-ares reads the system's DNS settings once, when it is made; they may change. */
const SETTINGS_TTL_MS = 60_000;
/** 1 s, then 2 s: both fit into the time for connecting. */
const QUERY = { timeout: 1_000, tries: 2 };

const LOOPBACK = ['127.0.0.1', '::1'];

export interface NameResolverOptions {
  /** DNS servers as `address:port`; the system's where left out. */
  readonly servers?: readonly string[];
  readonly hostsPath?: string;
  /** A clock that never steps back, in milliseconds. */
  readonly now?: () => number;
}

interface Answer {
  readonly addresses: Promise<readonly string[]>;
  freshUntil: number;
}

/**
 * Names to addresses, by c-ares: `dns.lookup` shares four threads with the whole process, so that four
 * slow names would hold up everything. Answers are kept for their TTL, within bounds; one name is asked
 * for once at a time. Names are taken as they stand: search domains do not apply. Nothing here judges.
 */
export class NameResolver {
  readonly #servers: readonly string[] | undefined;
  readonly #hosts: HostsFile;
  readonly #now: () => number;
  readonly #answers = new Map<string, Answer>();
  #resolver: Resolver | undefined;
  #resolverMadeAt = 0;

  constructor(options: NameResolverOptions = {}) {
    this.#servers = options.servers;
    this.#now = options.now ?? (() => performance.now());
    this.#hosts = new HostsFile(options.hostsPath, this.#now);
  }

  /** All addresses of a name. Rejects with a SendFailure where there are none. */
  async resolve(host: string): Promise<readonly string[]> {
    const name = host.toLowerCase().replace(/\.$/, '');
    const listed = this.#hosts.addressesOf(name);
    if (listed.length > 0) return listed;
    // RFC 6761: these are loopback, whatever a DNS server says.
    if (name === 'localhost' || name.endsWith('.localhost')) return LOOPBACK;
    const known = this.#answers.get(name);
    return known && known.freshUntil > this.#now() ? known.addresses : this.#ask(name);
  }

  /** Gives up what is still being asked: a query that nobody waits for would keep the process alive. */
  close(): void {
    this.#resolver?.cancel();
  }

  #ask(name: string): Promise<readonly string[]> {
    const answer: Answer = {
      freshUntil: Number.POSITIVE_INFINITY,
      addresses: this.#query(name).then(
        ({ addresses, ttlMs }) => {
          answer.freshUntil = this.#now() + ttlMs;
          return addresses;
        },
        (error: unknown) => {
          answer.freshUntil = this.#now() + FAILURE_TTL_MS;
          throw error;
        },
      ),
    };
    this.#answers.delete(name);
    this.#answers.set(name, answer);
    if (this.#answers.size > MAX_NAMES) this.#forgetOldest();
    return answer.addresses;
  }

  async #query(name: string): Promise<{ addresses: readonly string[]; ttlMs: number }> {
    const resolver = this.#currentResolver();
    const [v4, v6] = await Promise.allSettled([
      resolver.resolve4(name, { ttl: true }),
      resolver.resolve6(name, { ttl: true }),
    ]);
    const records = [v4, v6].flatMap((part) => (part.status === 'fulfilled' ? part.value : []));
    if (records.length === 0) throw nameFailure(name, [v4, v6]);
    const ttlMs = Math.min(...records.map((record) => record.ttl)) * 1_000;
    return {
      addresses: records.map((record) => record.address),
      ttlMs: Math.min(Math.max(ttlMs, SHORTEST_TTL_MS), LONGEST_TTL_MS),
    };
  }

  #currentResolver(): Resolver {
    const now = this.#now();
    if (this.#resolver === undefined || now - this.#resolverMadeAt > SETTINGS_TTL_MS) {
      this.#resolver = new Resolver(QUERY);
      this.#resolverMadeAt = now;
      if (this.#servers) this.#resolver.setServers(this.#servers);
    }
    return this.#resolver;
  }

  #forgetOldest(): void {
    for (const oldest of this.#answers.keys()) {
      this.#answers.delete(oldest);
      return;
    }
  }
}

function nameFailure(name: string, parts: PromiseSettledResult<unknown>[]): SendFailure {
  const codes = parts.map((part) => (part.status === 'rejected' ? String(part.reason.code) : ''));
  // "No data" from one family says less than any other complaint from the other one.
  const code = codes.find((each) => each !== 'ENODATA') ?? 'ENODATA';
  return new SendFailure('unreachable', nameSentence(name, code));
}

function nameSentence(name: string, code: string): string {
  switch (code) {
    case 'ENODATA':
      return `The name ${name} has no address.`;
    case 'ENOTFOUND':
      return `The name ${name} does not exist.`;
    case 'EBADNAME':
      return `${name} is no valid name.`;
    case 'ETIMEOUT':
    case 'ETIMEDOUT':
      return `No DNS server answered for ${name}.`;
    case 'ECONNREFUSED':
      return `No DNS server could be asked for ${name}.`;
    default:
      return `DNS could not resolve ${name} (${code}).`;
  }
}
