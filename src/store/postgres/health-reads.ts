import type { Announcement } from '../../domain/announcement.ts';
import { SHARD_COUNT } from '../../domain/shard.ts';
import { IS_FAILING } from '../health-change.ts';
import {
  FAILING_COLUMNS,
  toAnnouncement,
  toFailing,
  type AnnouncementRow,
  type FailingRow,
} from '../health-rows.ts';
import type { FailingWebhook } from '../health-store.ts';
import { fromUuid, numberArray } from './arrays.ts';
import { lookUp } from './look-up.ts';
import type { SessionPool } from './session-pool.ts';

const FAILING = {
  name: 'failing',
  text: `SELECT ${FAILING_COLUMNS}, w.url
    FROM webhook_health h CROSS JOIN LATERAL (
      SELECT v.url FROM webhook w JOIN webhook_version v
        ON ${lookUp('v.webhook_id', 'w.id')} AND v.version = w.version
      WHERE w.id = h.webhook_id AND w.status IN ('active', 'paused') OFFSET 0) AS w
    WHERE ${IS_FAILING} AND h.webhook_id % ${SHARD_COUNT} = ANY ($1::bigint[])`,
};

const ANNOUNCEMENTS = {
  name: 'announcements',
  text: 'SELECT * FROM announcement WHERE id > $1 ORDER BY id LIMIT $2',
};

/** What whoever takes a shard over has to know of its webhooks, and what is to be announced. */
export class HealthReads {
  readonly #pool: SessionPool;

  constructor(pool: SessionPool) {
    this.#pool = pool;
  }

  async failing(shards: readonly number[]): Promise<FailingWebhook[]> {
    const rows = await this.#pool.run((session) =>
      session.query<FailingRow>(FAILING, [numberArray(shards)]),
    );
    return rows.map(toFailing);
  }

  async announcements(after: number, limit: number): Promise<Announcement[]> {
    const rows = await this.#pool.run((session) =>
      session.query<AnnouncementRow<string>>(ANNOUNCEMENTS, [after, limit]),
    );
    return rows.map((row) => toAnnouncement(row, fromUuid));
  }
}
