-- How long a webhook has been failing, so that after five days it can be disabled; and what its breaker
-- remembers, so that whoever sends to it next goes on probing instead of sending all at once. In
-- webhook_health, since they change in the commits that record attempts, and only while they fail.

-- When the first failed attempt ended since the last success; null: the last one succeeded.
ALTER TABLE webhook_health ADD COLUMN failing_since INTEGER;
-- When a delivery was last given up on, since then.
ALTER TABLE webhook_health ADD COLUMN exhausted_at INTEGER;
-- When an open breaker lets its next probe through; null: closed.
ALTER TABLE webhook_health ADD COLUMN probe_at INTEGER;
ALTER TABLE webhook_health ADD COLUMN failed_probes INTEGER CHECK (failed_probes >= 0);

CREATE INDEX webhook_failing ON webhook_health (webhook_id) WHERE failing_since IS NOT NULL;

-- What has happened to a webhook and is to become an operational event: written in the transaction in
-- which it happened, struck out in the one that stores the event. Nearly always empty.
CREATE TABLE announcement (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL,
  webhook_id INTEGER NOT NULL,
  type TEXT NOT NULL,
  at INTEGER NOT NULL,
  reason TEXT,
  -- The rest is the delivery's that was given up on, as its event has it, which may be gone by then.
  event_id BLOB CHECK (length(event_id) = 16),
  event_type TEXT,
  campaign_id INTEGER,
  client_id INTEGER,
  attempt_count INTEGER
) STRICT;
