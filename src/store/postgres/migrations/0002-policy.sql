-- How a webhook wants to be delivered to, and the secret that a rotation leaves behind for a while. Here
-- and not in webhook_version: neither what matches nor a body follows from it, old values of secrets are
-- better not kept, and a node of the last version, which changes a webhook without knowing of these,
-- leaves them as they are.

ALTER TABLE webhook
  ADD COLUMN previous_secret text CHECK (previous_secret <> ''),
  ADD COLUMN previous_valid_until bigint,
  -- Milliseconds: [5000,60000].
  ADD COLUMN retry_schedule json,
  ADD COLUMN timeout_ms bigint CHECK (timeout_ms > 0),
  ADD COLUMN concurrency bigint CHECK (concurrency > 0),
  ADD COLUMN rate_limit bigint CHECK (rate_limit > 0),
  -- Name -> value.
  ADD COLUMN headers json,
  ADD COLUMN ordering text NOT NULL DEFAULT 'none' CHECK (ordering IN ('none', 'lead')),
  ADD CHECK ((previous_valid_until IS NULL) = (previous_secret IS NULL));

-- Of deliveries to webhooks that take a lead's events one after another: the lead (or what stands for it),
-- and the place among those, in order of acceptance. The ids of events do not say that order: two nodes
-- make them by two clocks. Null for all others, which so pay nothing for it.
CREATE SEQUENCE queue_place;
ALTER TABLE queue ADD COLUMN ordering_key text COLLATE "C", ADD COLUMN place bigint;

CREATE INDEX queue_in_order ON queue (webhook_id, ordering_key, place)
  WHERE ordering_key IS NOT NULL;
