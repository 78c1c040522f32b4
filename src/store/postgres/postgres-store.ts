import type { NodeId } from '../../domain/shard.ts';
import type { ResealStep } from '../sealing-store.ts';
import type { RetentionStep, Store } from '../store.ts';
import { Vault } from '../vault.ts';
import { AccountWrites } from './account-writes.ts';
import { Announcing } from './announcing.ts';
import { CatalogWrites } from './catalog-writes.ts';
import { Committing } from './committing.ts';
import { targetOf } from './connection.ts';
import { DispatchReads } from './dispatch-reads.ts';
import { DueInOrder } from './due-in-order.ts';
import { DuePages, retried } from './due-pages.ts';
import { ExplainReads } from './explain-reads.ts';
import { HealthReads } from './health-reads.ts';
import { LookReads } from './look-reads.ts';
import { migrate } from './migrate.ts';
import { Nodes } from './nodes.ts';
import { Partitions } from './partitions.ts';
import { RedoReads } from './redo-reads.ts';
import { RedoWrites } from './redo-writes.ts';
import { Registrar } from './registrar.ts';
import { Retention } from './retention.ts';
import { Sealing } from './sealing.ts';
import { SessionPool } from './session-pool.ts';
import { Signals } from './signals.ts';
import { openingError } from './sql-errors.ts';

interface Opened {
  readonly pool: SessionPool;
  readonly partitions: Partitions;
  readonly vault: Vault;
}

/** Many nodes on one database of PostgreSQL 14 or later. See docs/store.md. */
export class PostgresStore implements Store {
  /** PostgreSQL itself ends when a sync fails, and goes on from its log: never. */
  readonly broken: Promise<never> = new Promise(() => undefined);
  readonly #pool: SessionPool;
  readonly #partitions: Partitions;
  readonly #signals: Signals;
  readonly #committing: Committing;
  readonly #accounts: AccountWrites;
  readonly #catalog: CatalogWrites;
  readonly #retention: Retention;
  readonly #dispatch: DispatchReads;
  readonly #duePages: DuePages;
  readonly #dueInOrder: DueInOrder;
  readonly #look: LookReads;
  readonly #sealing: Sealing;
  readonly #explain: ExplainReads;
  readonly #redoReads: RedoReads;
  readonly #redoWrites: RedoWrites;
  readonly #health: HealthReads;
  readonly #announcing: Announcing;
  readonly #nodes: Nodes;
  #closed: Promise<void> | undefined;

  private constructor(url: string, nodeId: NodeId, { pool, partitions, vault }: Opened) {
    const registrar = new Registrar();
    const signals = new Signals(pool, url, nodeId);
    this.#pool = pool;
    this.#partitions = partitions;
    this.#signals = signals;
    this.#committing = new Committing({
      url,
      pool,
      partitions,
      registrar,
      vault,
      disabled: (webhooks) => {
        for (const { accountId, version } of webhooks) signals.announceAccount(accountId, version);
      },
    });
    this.#accounts = new AccountWrites(pool);
    this.#catalog = new CatalogWrites({
      pool,
      registrar,
      vault,
      accountChanged: (accountId, version) => signals.announceAccount(accountId, version),
    });
    this.#retention = new Retention(pool, partitions);
    this.#dispatch = new DispatchReads(pool, vault);
    this.#duePages = new DuePages(pool);
    this.#dueInOrder = new DueInOrder(pool);
    this.#look = new LookReads(pool, vault);
    this.#sealing = new Sealing(pool, vault);
    this.#explain = new ExplainReads(pool);
    this.#redoReads = new RedoReads(pool);
    this.#redoWrites = new RedoWrites(pool);
    this.#health = new HealthReads(pool);
    this.#announcing = new Announcing(pool, partitions);
    this.#nodes = new Nodes(pool, nodeId);
  }

  /**
   * Brings the schema up to date where it is older.
   * @param keys encrypt secrets at rest: the first one writes, all of them read
   * @throws StoreNotUsable where the database is newer, not ours, has other keys, or is not to be had
   *   with this URL
   * @throws StoreUnavailable where the server is away
   */
  static async open(
    url: string,
    nodeId: NodeId,
    keys: readonly Uint8Array[] = [],
  ): Promise<PostgresStore> {
    const vault = new Vault(keys);
    await migrate(url, vault);
    const pool = new SessionPool(url);
    const partitions = new Partitions(pool);
    try {
      await partitions.start();
      return new PostgresStore(url, nodeId, { pool, partitions, vault });
    } catch (error) {
      await pool.close();
      throw openingError(error, targetOf(url));
    }
  }

  readonly commitsAtOnce = 1;
  readonly commit: Store['commit'] = (batch) => this.#committing.commit(batch);
  readonly probe: Store['probe'] = () => this.#committing.probe();

  readonly createAccount: Store['createAccount'] = (name) => this.#accounts.createAccount(name);
  readonly createFirstAccount: Store['createFirstAccount'] = (...of) =>
    this.#accounts.createFirstAccount(...of);
  readonly addApiKey: Store['addApiKey'] = (hash, key) => this.#accounts.addApiKey(hash, key);
  readonly createWebhook: Store['createWebhook'] = (...of) => this.#catalog.createWebhook(...of);
  readonly updateWebhook: Store['updateWebhook'] = (...of) => this.#catalog.updateWebhook(...of);
  readonly deleteWebhook: Store['deleteWebhook'] = (...of) => this.#catalog.deleteWebhook(...of);
  readonly moveWebhook: Store['moveWebhook'] = (...of) => this.#catalog.moveWebhook(...of);
  readonly rotateSecret: Store['rotateSecret'] = (...of) => this.#catalog.rotateSecret(...of);
  readonly cancelPending: Store['cancelPending'] = (...of) => this.#catalog.cancelPending(...of);
  readonly declareCampaign: Store['declareCampaign'] = (...of) =>
    this.#catalog.declareCampaign(...of);

  readonly account: Store['account'] = (id) => this.#dispatch.account(id);
  readonly accountVersions: Store['accountVersions'] = (ids) => this.#dispatch.accountVersions(ids);
  readonly pendingWebhooks: Store['pendingWebhooks'] = (shards) =>
    this.#dispatch.pendingWebhooks(shards);
  readonly due: Store['due'] = (...of) => this.#duePages.due(...of);
  readonly dueInOrder: Store['dueInOrder'] = (...of) => this.#dueInOrder.page(...of);
  readonly retried: Store['retried'] = (...of) => retried(this.#pool, ...of);
  readonly webhooksToCancel: Store['webhooksToCancel'] = () => this.#dispatch.webhooksToCancel();

  readonly accounts: Store['accounts'] = () => this.#look.accounts();
  readonly apiKey: Store['apiKey'] = (hash) => this.#look.apiKey(hash);
  readonly webhook: Store['webhook'] = (...of) => this.#look.webhook(...of);
  readonly webhooks: Store['webhooks'] = (...of) => this.#look.webhooks(...of);
  readonly campaign: Store['campaign'] = (...of) => this.#look.campaign(...of);
  readonly event: Store['event'] = (...of) => this.#look.event(...of);
  readonly events: Store['events'] = (...of) => this.#look.events(...of);
  readonly webhooksThen: Store['webhooksThen'] = (...of) => this.#explain.webhooksThen(...of);
  readonly delivery: Store['delivery'] = (...of) => this.#look.delivery(...of);
  readonly deliveries: Store['deliveries'] = (...of) => this.#look.deliveries(...of);

  readonly retryDelivery: Store['retryDelivery'] = (...of) => this.#redoWrites.retryDelivery(...of);
  readonly createRedo: Store['createRedo'] = (redo) => this.#redoWrites.createRedo(redo);
  readonly startRedo: Store['startRedo'] = (...of) => this.#redoWrites.startRedo(...of);
  readonly stepRedo: Store['stepRedo'] = (...of) => this.#redoWrites.stepRedo(...of);
  readonly redo: Store['redo'] = (...of) => this.#redoReads.redo(...of);
  readonly unfinishedRedos: Store['unfinishedRedos'] = (shards) =>
    this.#redoReads.unfinishedRedos(shards);
  readonly countRedo: Store['countRedo'] = (...of) => this.#redoReads.countRedo(...of);
  readonly failing: Store['failing'] = (shards) => this.#health.failing(shards);
  readonly announcements: Store['announcements'] = (...of) => this.#health.announcements(...of);
  readonly announce: Store['announce'] = (...of) => this.#announcing.announce(...of);

  readonly renew: Store['renew'] = (ttlMs) => this.#nodes.renew(ttlMs);
  readonly claimShards: Store['claimShards'] = (shards) => this.#nodes.claimShards(shards);
  readonly releaseShards: Store['releaseShards'] = (leases) => this.#nodes.releaseShards(leases);
  readonly leave: Store['leave'] = () => this.#nodes.leave();

  readonly announcePending: Store['announcePending'] = (webhooks) =>
    this.#signals.announcePending(webhooks);
  readonly announceRetried: Store['announceRetried'] = (delivery) =>
    this.#signals.announceRetried(delivery);
  readonly listen: Store['listen'] = (listener) => this.#signals.listen(listener);

  expire(before: number, limit: number): Promise<RetentionStep> {
    return this.#retention.expire(before, limit);
  }

  reseal(after: number, limit: number): Promise<ResealStep> {
    return this.#sealing.reseal(after, limit);
  }

  /** Lets calls under way end. */
  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#partitions.stop();
    await this.#committing.close();
    await this.#signals.close();
    await this.#pool.close();
  }
}
