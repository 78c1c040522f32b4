-- How long a webhook has been failing, so that after five days it can be disabled; and what its breaker
-- remembers, so that whoever sends to it next goes on probing instead of sending all at once. In
-- webhook_health, since they change in the commits that record attempts, and only while they fail.
--
-- A node of the version before leaves these columns as they are, also when it records a success. So what
-- they say holds only while `last_success_at` is no later than `failing_since`.

ALTER TABLE webhook_health
  -- When the first failed attempt ended since the last success; null: the last one succeeded.
  ADD COLUMN failing_since bigint,
  -- When a delivery was last given up on, since then.
  ADD COLUMN exhausted_at bigint,
  -- When an open breaker lets its next probe through; null: closed.
  ADD COLUMN probe_at bigint,
  ADD COLUMN failed_probes bigint CHECK (failed_probes >= 0);

-- By the shard: whoever takes one over reads its part.
CREATE INDEX webhook_failing ON webhook_health ((webhook_id % 64), webhook_id)
  WHERE failing_since IS NOT NULL;

-- What has happened to a webhook and is to become an operational event: written in the transaction in
-- which it happened, struck out in the one that stores the event. Nearly always empty.
CREATE TABLE announcement (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id bigint NOT NULL,
  webhook_id bigint NOT NULL,
  type text NOT NULL,
  at bigint NOT NULL,
  reason text,
  -- The rest is the delivery's that was given up on, as its event has it, which may be gone by then.
  event_id uuid,
  event_type text,
  campaign_id bigint,
  client_id bigint,
  attempt_count bigint
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0);
