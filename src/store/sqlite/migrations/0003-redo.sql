-- Deliveries that have ended can be put back by a person (retry, replay), and those that were missed be
-- made (backfill). What is too much for one transaction is a row of `redo`, which goes on step by step.

-- Which of its attempts a delivery's retry schedule begins after, for attempts are numbered on when it
-- was put back; -1: it has one attempt only, and no schedule.
ALTER TABLE queue ADD COLUMN schedule_base INTEGER NOT NULL DEFAULT 0;

-- The last redo that was asked for of one of the shard's webhooks; and, with each ended delivery, what
-- that was when it ended. So a redo is about what had ended before it, whatever clocks say: not about
-- what ends meanwhile, nor once more about what it has put back.
ALTER TABLE shard ADD COLUMN redo_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN after_redo INTEGER NOT NULL DEFAULT 0;

CREATE TABLE redo (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL,
  webhook_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('replay', 'backfill')),
  -- A backfill goes by what the webhook was then, and is about events that were matched by then.
  webhook_version INTEGER NOT NULL,
  account_version INTEGER NOT NULL,
  from_at INTEGER NOT NULL,
  to_at INTEGER NOT NULL,
  statuses TEXT NOT NULL CHECK (json_valid(statuses)),
  status TEXT NOT NULL CHECK (status IN ('running', 'done', 'canceled')),
  -- How many it is about; null until they are counted.
  total INTEGER CHECK (total >= 0),
  put_back INTEGER NOT NULL CHECK (put_back >= 0),
  -- The event that it has come to.
  cursor BLOB CHECK (length(cursor) = 16),
  created_at INTEGER NOT NULL,
  ended_at INTEGER,
  CHECK ((status = 'running') = (ended_at IS NULL))
) STRICT;

CREATE INDEX redo_unfinished ON redo (webhook_id, id) WHERE ended_at IS NULL;
