import type { EndedStatus } from '../domain/delivery.ts';
import type { Redo, RedoKind, RedoStatus } from '../domain/redo.ts';

/** A redo's row; an adapter names what it has for an event's id, and for a list. */
export interface RedoColumns<Key, Statuses = readonly EndedStatus[]> {
  readonly id: number;
  readonly account_id: number;
  readonly webhook_id: number;
  readonly kind: RedoKind;
  readonly webhook_version: number;
  readonly account_version: number;
  readonly from_at: number;
  readonly to_at: number;
  readonly statuses: Statuses;
  readonly status: RedoStatus;
  readonly total: number | null;
  readonly put_back: number;
  /** The event that it has come to. */
  readonly cursor: Key | null;
  readonly created_at: number;
  readonly ended_at: number | null;
}

export function redoOf(row: RedoColumns<unknown>): Redo {
  return {
    id: row.id,
    accountId: row.account_id,
    webhookId: row.webhook_id,
    kind: row.kind,
    from: row.from_at,
    to: row.to_at,
    statuses: row.statuses,
    status: row.status,
    count: row.total,
    done: row.put_back,
    createdAt: row.created_at,
    endedAt: row.ended_at,
  };
}
