-- Deliveries that have ended can be put back by a person (retry, replay), and those that were missed be
-- made (backfill). What is too much for one transaction is a row of `redo`, which goes on step by step.

-- Which of its attempts a delivery's retry schedule begins after, for attempts are numbered on when it
-- was put back; -1: it has one attempt only, and no schedule. A node of the last version passes over it:
-- what was put back may be exhausted early by it.
ALTER TABLE queue ADD COLUMN schedule_base integer NOT NULL DEFAULT 0;

-- The last redo that was asked for of one of the shard's webhooks; and, with each ended delivery, what
-- that was when it ended. So a redo is about what had ended before it, whatever clocks say: not about
-- what ends meanwhile, nor once more about what it has put back. What a node of the last version ends has
-- ended before all of them: a redo that is asked for while such nodes deliver may put it back too.
ALTER TABLE shard ADD COLUMN redo_id bigint NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN after_redo bigint NOT NULL DEFAULT 0;

CREATE TABLE redo (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id bigint NOT NULL,
  webhook_id bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('replay', 'backfill')),
  -- A backfill goes by what the webhook was then, and is about events that were matched by then.
  webhook_version bigint NOT NULL,
  account_version bigint NOT NULL,
  from_at bigint NOT NULL,
  to_at bigint NOT NULL,
  statuses text[] NOT NULL,
  status text NOT NULL CHECK (status IN ('running', 'done', 'canceled')),
  -- How many it is about; null until they are counted.
  total bigint CHECK (total >= 0),
  put_back bigint NOT NULL CHECK (put_back >= 0),
  -- The event that it has come to.
  cursor uuid,
  created_at bigint NOT NULL,
  ended_at bigint,
  CHECK ((status = 'running') = (ended_at IS NULL))
);

CREATE INDEX redo_unfinished ON redo (webhook_id, id) WHERE ended_at IS NULL;
