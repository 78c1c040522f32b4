import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';

const CHECK_EVERY_MS = 2_000;

/** The system's hosts file: c-ares does not read it, and what an operator wrote there has to count. */
export class HostsFile {
  readonly #path: string;
  readonly #now: () => number;
  #addresses: ReadonlyMap<string, readonly string[]> = new Map();
  #modifiedAt = -1;
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(path = '/etc/hosts', now: () => number = () => performance.now()) {
    this.#path = path;
    this.#now = now;
  }

  /** The addresses of a name in lower case; empty where the file does not know it. */
  addressesOf(name: string): readonly string[] {
    this.#refresh();
    return this.#addresses.get(name) ?? [];
  }

  /** Synchronous: one `stat` of a local file in two seconds costs less than a thread's turn. */
  #refresh(): void {
    const now = this.#now();
    if (now - this.#checkedAt < CHECK_EVERY_MS) return;
    this.#checkedAt = now;
    try {
      const { mtimeMs } = statSync(this.#path);
      if (mtimeMs === this.#modifiedAt) return;
      this.#addresses = parseHosts(readFileSync(this.#path, 'utf8'));
      this.#modifiedAt = mtimeMs;
    } catch {
      // A file that is missing or cannot be read names nothing.
      this.#addresses = new Map();
      this.#modifiedAt = -1;
    }
  }
}

function parseHosts(text: string): Map<string, string[]> {
  const addresses = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const known = addresses.get(name.toLowerCase());
      if (known) known.push(address);
      else addresses.set(name.toLowerCase(), [address]);
    }
  }
  return addresses;
}
