-- How a webhook wants to be delivered to, and the secret that a rotation leaves behind for a while. Here
-- and not in webhook_version: neither what matches nor a body follows from it, and old values of
-- secrets are better not kept.

ALTER TABLE webhook ADD COLUMN previous_secret TEXT CHECK (previous_secret <> '');
ALTER TABLE webhook ADD COLUMN previous_valid_until INTEGER
  CHECK ((previous_valid_until IS NULL) = (previous_secret IS NULL));
-- Milliseconds, as JSON: [5000,60000].
ALTER TABLE webhook ADD COLUMN retry_schedule TEXT CHECK (json_valid(retry_schedule));
ALTER TABLE webhook ADD COLUMN timeout_ms INTEGER CHECK (timeout_ms > 0);
ALTER TABLE webhook ADD COLUMN concurrency INTEGER CHECK (concurrency > 0);
ALTER TABLE webhook ADD COLUMN rate_limit INTEGER CHECK (rate_limit > 0);
-- Name -> value, as JSON.
ALTER TABLE webhook ADD COLUMN headers TEXT CHECK (json_valid(headers));
ALTER TABLE webhook ADD COLUMN ordering TEXT NOT NULL DEFAULT 'none'
  CHECK (ordering IN ('none', 'lead'));

-- Of deliveries to webhooks that take a lead's events one after another: the lead, or what stands for it.
-- Null for all others, which so pay nothing for it.
ALTER TABLE queue ADD COLUMN ordering_key TEXT;

CREATE INDEX queue_in_order ON queue (webhook_id, ordering_key, event_id)
  WHERE ordering_key IS NOT NULL;
