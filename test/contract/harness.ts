import type { Store } from '../../src/store/store.ts';

/** What an adapter's runner hands to the suite. The suite knows nothing else of the adapter. */
export interface StoreHarness {
  readonly name: string;
  /**
   * Whether the process that opened the store is the only one: then acquiring gives it every shard,
   * and acquiring again is a change of owner. A node of a cluster may own some of them only, and
   * has no reason to raise the epoch of one that it owns already.
   */
  readonly oneOwner: boolean;
  /** Whether one clock alone makes the ids of its events: then their order is that of acceptance. */
  readonly oneClock: boolean;
  /** Data that nobody else has, empty: a file in a new directory, a new database. */
  fresh(): Promise<Ground>;
}

/** The data of a store: it outlives whoever opens it. */
export interface Ground extends AsyncDisposable {
  /** With keys that encrypt secrets, or none. One at a time. Opening again when the last one was closed is a restart. */
  open(keys?: readonly Uint8Array[]): Promise<Store>;
  /** All that is stored of webhooks, as it is stored. */
  stored(): Promise<string>;
  /** Keeps the opened store from writing until disposed: a lock, a server that is away. */
  outage(): Promise<AsyncDisposable>;
  /** Puts every time that is kept with a webhook or its versions at this millisecond. */
  sameMoment(time: number): Promise<void>;
}
