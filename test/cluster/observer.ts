import type pg from 'pg';
import { withClient } from '../postgres/test-databases.ts';

/**
 * What happens to shards and attempts is written down by the database itself, in the transactions that
 * do it: who took which shard from whom, what was pending there at that moment, and who recorded what.
 * Nodes are told apart by the application's name of their connections.
 */
const INSTALL = `
  CREATE SCHEMA observed;
  CREATE TABLE observed.node (id text PRIMARY KEY, name text NOT NULL);
  CREATE TABLE observed.owner (
    shard integer, epoch bigint, owner text, before text,
    at bigint DEFAULT extract(epoch FROM clock_timestamp()) * 1000
  );
  CREATE TABLE observed.pending (
    shard integer, epoch bigint, event_id uuid, webhook_id bigint, attempt_count integer
  );
  CREATE TABLE observed.attempt (
    event_id uuid, webhook_id bigint, number integer, node text, owner text, epoch bigint
  );

  CREATE FUNCTION observed.see_node() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO observed.node VALUES (NEW.id, current_setting('application_name'))
      ON CONFLICT DO NOTHING;
    RETURN NULL;
  END $$;
  CREATE TRIGGER see AFTER INSERT ON node FOR EACH ROW EXECUTE FUNCTION observed.see_node();

  CREATE FUNCTION observed.see_owner() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO observed.owner (shard, epoch, owner, before)
      VALUES (NEW.id, NEW.epoch, NEW.owner, OLD.owner);
    IF OLD.owner IS NOT NULL AND NEW.owner IS NOT NULL THEN
      INSERT INTO observed.pending
        SELECT NEW.id, NEW.epoch, event_id, webhook_id, attempt_count FROM queue WHERE shard = NEW.id;
    END IF;
    RETURN NULL;
  END $$;
  CREATE TRIGGER see AFTER UPDATE ON shard FOR EACH ROW EXECUTE FUNCTION observed.see_owner();

  CREATE FUNCTION observed.see_attempt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO observed.attempt
      SELECT NEW.event_id, NEW.webhook_id, NEW.number, current_setting('application_name'),
        owner, epoch
      FROM shard WHERE id = NEW.webhook_id % 64;
    RETURN NULL;
  END $$;
  CREATE TRIGGER see AFTER INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION observed.see_attempt();`;

/** A shard that was taken from an owner who had not given it up. */
export interface Takeover {
  readonly shard: number;
  readonly epoch: number;
  /** Milliseconds since 1970, by the clock of the database, which is this machine's. */
  readonly at: number;
  /** Names of nodes. */
  readonly from: string;
  readonly by: string;
  /** What was pending: delivery id -> attempts recorded. */
  readonly pending: ReadonlyMap<string, number>;
}

/** A shard between the owner who gave it up and the next one. */
export interface Ownerless {
  readonly shard: number;
  readonly forMs: number;
}

/** An attempt that was recorded, by whom, and whose the shard was in that transaction. */
export interface RecordedAttempt {
  readonly delivery: string;
  readonly number: number;
  readonly outcome: string;
  readonly durationMs: number;
  readonly by: string;
  readonly owner: string;
  readonly epoch: number;
}

export interface EndedDelivery {
  readonly delivery: string;
  readonly status: string;
  readonly attemptCount: number;
}

const DELIVERY_ID = (table: string): string =>
  `'dlv_' || replace(${table}.event_id::text, '-', '') || '_' || ${table}.webhook_id`;

/** Looks into a cluster's database, beside the nodes. */
export class Observer {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  /** Before the first node comes. */
  static async install(url: string): Promise<Observer> {
    await withClient(url, (client) => client.query(INSTALL));
    return new Observer(url);
  }

  /** The number of shards that each living node owns, by name; of those that own any. */
  async owned(): Promise<Readonly<Record<string, number>>> {
    const rows = await this.#rows<{ name: string; shards: number }>(
      `SELECT o.name, count(*)::integer AS shards FROM shard s JOIN node n ON n.id = s.owner
       JOIN observed.node o ON o.id = n.id WHERE n.expires_at > clock_timestamp() GROUP BY o.name`,
    );
    return Object.fromEntries(rows.map(({ name, shards }) => [name, shards]));
  }

  /** The shards whose owner it is, however long it has been silent. */
  async ownedBy(name: string): Promise<number[]> {
    const rows = await this.#rows<{ id: number }>(
      `SELECT s.id FROM shard s JOIN observed.node o ON o.id = s.owner WHERE o.name = $1`,
      [name],
    );
    return rows.map(({ id }) => id);
  }

  /** Nodes that are among the living, by name. */
  async members(): Promise<string[]> {
    const rows = await this.#rows<{ name: string }>(
      `SELECT o.name FROM node n JOIN observed.node o ON o.id = n.id
       WHERE n.expires_at > clock_timestamp() ORDER BY o.name`,
    );
    return rows.map(({ name }) => name);
  }

  async attemptsOf(webhookId: number): Promise<number> {
    const [row] = await this.#rows<{ n: number }>(
      'SELECT count(*)::integer AS n FROM attempt WHERE webhook_id = $1',
      [webhookId],
    );
    return row?.n ?? 0;
  }

  /** In bytes: the difference of two is what was written to the database's log. */
  async logPosition(): Promise<number> {
    const [row] = await this.#rows<{ at: number }>(
      `SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::float AS at`,
    );
    return row?.at ?? 0;
  }

  /** The living node whose shards have most pending, by name; undefined where nobody's have any. */
  async busiest(): Promise<string | undefined> {
    const [row] = await this.#rows<{ name: string }>(
      `SELECT o.name FROM queue q JOIN shard s ON s.id = q.shard JOIN node n ON n.id = s.owner
         JOIN observed.node o ON o.id = n.id
       WHERE n.expires_at > clock_timestamp() GROUP BY o.name ORDER BY count(*) DESC LIMIT 1`,
    );
    return row?.name;
  }

  async pendingDeliveries(): Promise<number> {
    const [row] = await this.#rows<{ n: number }>('SELECT count(*)::integer AS n FROM queue');
    return row?.n ?? 0;
  }

  async events(): Promise<{ id: string; key: string }[]> {
    return this.#rows(
      `SELECT 'evt_' || replace(id::text, '-', '') AS id, caller_event_id AS key FROM event`,
    );
  }

  async ended(): Promise<EndedDelivery[]> {
    return this.#rows(
      `SELECT ${DELIVERY_ID('d')} AS delivery, status, attempt_count AS "attemptCount"
       FROM delivery d`,
    );
  }

  /** In the order of their numbers. */
  async attempts(): Promise<RecordedAttempt[]> {
    return this.#rows(
      `SELECT ${DELIVERY_ID('a')} AS delivery, a.number, a.outcome,
         a.duration_ms::integer AS "durationMs", s.node AS by, o.name AS owner,
         s.epoch::integer AS epoch
       FROM attempt a
         LEFT JOIN observed.attempt s USING (event_id, webhook_id, number)
         LEFT JOIN observed.node o ON o.id = s.owner
       ORDER BY a.number`,
    );
  }

  async takeovers(): Promise<Takeover[]> {
    const rows = await this.#rows<Omit<Takeover, 'pending'> & { pending: Record<string, number> }>(
      `SELECT t.shard, t.epoch::integer AS epoch, t.at::float AS at, f.name AS from, b.name AS by,
         (SELECT coalesce(json_object_agg(${DELIVERY_ID('p')}, p.attempt_count), '{}')
          FROM observed.pending p WHERE p.shard = t.shard AND p.epoch = t.epoch) AS pending
       FROM observed.owner t JOIN observed.node f ON f.id = t.before JOIN observed.node b ON b.id = t.owner
       ORDER BY t.at`,
    );
    return rows.map((row) => ({ ...row, pending: new Map(Object.entries(row.pending)) }));
  }

  async ownerless(): Promise<Ownerless[]> {
    return this.#rows(
      `SELECT shard, "forMs"::float FROM (
         SELECT shard, owner, lead(at) OVER (PARTITION BY shard ORDER BY epoch, owner IS NULL) - at
           AS "forMs" FROM observed.owner) spans
       WHERE owner IS NULL AND "forMs" IS NOT NULL`,
    );
  }

  async #rows<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const { rows } = await withClient(this.#url, (client) => client.query<Row>(sql, values));
    return rows;
  }
}
