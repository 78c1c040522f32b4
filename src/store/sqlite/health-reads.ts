import type Database from 'better-sqlite3';
import type { Announcement } from '../../domain/announcement.ts';
import { shardOf } from '../../domain/shard.ts';
import { IS_FAILING } from '../health-change.ts';
import {
  FAILING_COLUMNS,
  toAnnouncement,
  toFailing,
  type AnnouncementRow,
  type FailingRow,
} from '../health-rows.ts';
import type { FailingWebhook } from '../health-store.ts';
import { fromKey } from './event-key.ts';

export const FAILING = `
  SELECT ${FAILING_COLUMNS}, v.url
  FROM webhook_health h INDEXED BY webhook_failing
  CROSS JOIN webhook w ON w.id = h.webhook_id
  CROSS JOIN webhook_version v ON v.webhook_id = w.id AND v.version = w.version
  WHERE ${IS_FAILING} AND w.status IN ('active', 'paused')`;

/** What whoever takes a shard over has to know of its webhooks, and what is to be announced. */
export class HealthReads {
  readonly #failing: Database.Statement<[], FailingRow>;
  readonly #announcements: Database.Statement<[number, number], AnnouncementRow<Buffer>>;

  constructor(database: Database.Database) {
    this.#failing = database.prepare(FAILING);
    this.#announcements = database.prepare(
      'SELECT * FROM announcement WHERE id > ? ORDER BY id LIMIT ?',
    );
  }

  failing(shards: readonly number[]): FailingWebhook[] {
    const wanted = new Set(shards);
    return this.#failing
      .all()
      .filter(({ webhook_id: id }) => wanted.has(shardOf(id)))
      .map(toFailing);
  }

  announcements(after: number, limit: number): Announcement[] {
    return this.#announcements.all(after, limit).map((row) => toAnnouncement(row, fromKey));
  }
}
