-- The first schema. Ids of accounts and webhooks are made here; ids of clients, campaigns and
-- categories are the caller's own. Times are milliseconds since 1970. Event ids are the 16 bytes of
-- their UUIDv7: they rise with the time of acceptance, so the big tables grow at their end only.

CREATE TABLE account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL CHECK (name <> ''),
  -- Raised by every change of what matching looks at.
  version INTEGER NOT NULL DEFAULT 0 CHECK (version >= 0),
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
  hash TEXT PRIMARY KEY CHECK (length(hash) = 64),
  account_id INTEGER NOT NULL,
  -- A client's key sees that client only.
  client_id INTEGER CHECK (client_id > 0),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE client (
  account_id INTEGER NOT NULL,
  id INTEGER NOT NULL CHECK (id > 0),
  name TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE campaign (
  account_id INTEGER NOT NULL,
  id INTEGER NOT NULL CHECK (id > 0),
  name TEXT,
  client_id INTEGER CHECK (client_id > 0),
  status TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

-- With the client in it: else the table itself, which holds campaigns without one, is walked.
CREATE INDEX campaign_with_client ON campaign (account_id, id, client_id)
  WHERE client_id IS NOT NULL;

CREATE TABLE category (
  account_id INTEGER NOT NULL,
  id INTEGER NOT NULL CHECK (id > 0),
  name TEXT,
  sentiment_type TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, id)
) STRICT, WITHOUT ROWID;

-- A webhook as it is now. What its owner may change is in webhook_version, by `version`.
CREATE TABLE webhook (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account_id INTEGER NOT NULL,
  association INTEGER NOT NULL CHECK (association IN (1, 2, 3)),
  target_id INTEGER CHECK (target_id > 0),
  -- For the look-up of similar ones.
  normalized_url TEXT NOT NULL,
  secret TEXT NOT NULL CHECK (secret <> ''),
  status TEXT NOT NULL CHECK (status IN ('active', 'paused', 'disabled', 'deleted')),
  disabled_reason TEXT,
  version INTEGER NOT NULL CHECK (version > 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK ((association = 1) = (target_id IS NULL)),
  CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL))
) STRICT;

CREATE INDEX webhook_by_account ON webhook (account_id, id);
CREATE INDEX webhook_by_target ON webhook (account_id, association, target_id, id);
CREATE INDEX webhook_by_status ON webhook (account_id, status, id);
CREATE INDEX webhook_similar ON webhook (account_id, association, target_id, normalized_url)
  WHERE status <> 'deleted';
CREATE INDEX webhook_stopped ON webhook (id) WHERE status IN ('disabled', 'deleted');

-- Every change of a webhook, by the account's version from which it was true. With the version that
-- an event keeps, it is known for ever why a webhook got it or did not.
CREATE TABLE webhook_version (
  webhook_id INTEGER NOT NULL,
  version INTEGER NOT NULL CHECK (version > 0),
  status TEXT NOT NULL CHECK (status IN ('active', 'paused', 'disabled', 'deleted')),
  name TEXT,
  url TEXT NOT NULL,
  event_type_map TEXT CHECK (json_valid(event_type_map)),
  category_id_map TEXT CHECK (json_valid(category_id_map)),
  webhook_type TEXT,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (webhook_id, version)
) STRICT, WITHOUT ROWID;

-- Apart from webhook: this row changes with every commit that records something of it.
CREATE TABLE webhook_health (
  webhook_id INTEGER PRIMARY KEY,
  last_success_at INTEGER,
  last_failure_at INTEGER,
  consecutive_failures INTEGER NOT NULL CHECK (consecutive_failures >= 0)
) STRICT;

CREATE TABLE event (
  account_id INTEGER NOT NULL,
  id BLOB NOT NULL CHECK (length(id) = 16),
  type TEXT NOT NULL,
  campaign_id INTEGER NOT NULL CHECK (campaign_id > 0),
  -- The client that counted: named by the event, or declared for its campaign.
  client_id INTEGER CHECK (client_id > 0),
  lead_email TEXT,
  -- The lead email in the form in which it is compared.
  lead TEXT,
  category_id INTEGER CHECK (category_id > 0),
  -- The account's version at which it was matched.
  account_version INTEGER NOT NULL,
  caller_event_id TEXT,
  -- JSON in the seed's form, without NUL: the bytes that receivers get.
  body TEXT NOT NULL,
  -- A rowid table: bodies are too long to lie in the inner pages of a tree.
  PRIMARY KEY (account_id, id)
) STRICT;

CREATE INDEX event_by_type ON event (account_id, type, id);
CREATE INDEX event_by_campaign ON event (account_id, campaign_id, id);
CREATE INDEX event_by_client ON event (account_id, client_id, id) WHERE client_id IS NOT NULL;
CREATE INDEX event_by_lead ON event (account_id, lead, id) WHERE lead IS NOT NULL;
CREATE UNIQUE INDEX event_by_caller_id ON event (account_id, caller_event_id)
  WHERE caller_event_id IS NOT NULL;

-- Pending deliveries only: small and hot.
CREATE TABLE queue (
  account_id INTEGER NOT NULL,
  event_id BLOB NOT NULL CHECK (length(event_id) = 16),
  webhook_id INTEGER NOT NULL,
  webhook_version INTEGER NOT NULL,
  attempt_count INTEGER NOT NULL CHECK (attempt_count >= 0),
  next_attempt_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (webhook_id, event_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX queue_due ON queue (webhook_id, next_attempt_at, event_id);
CREATE INDEX queue_by_account ON queue (account_id, event_id, webhook_id);

-- Ended deliveries.
CREATE TABLE delivery (
  account_id INTEGER NOT NULL,
  event_id BLOB NOT NULL CHECK (length(event_id) = 16),
  webhook_id INTEGER NOT NULL,
  webhook_version INTEGER NOT NULL,
  status TEXT NOT NULL
    CHECK (status = 'succeeded' OR status = 'exhausted' OR status = 'canceled'),
  attempt_count INTEGER NOT NULL CHECK (attempt_count >= 0),
  created_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, event_id, webhook_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_by_webhook ON delivery (webhook_id, status, event_id);
-- Most have succeeded; those are found by walking the table itself.
CREATE INDEX delivery_failed ON delivery (account_id, status, event_id, webhook_id)
  WHERE status <> 'succeeded';

CREATE TABLE attempt (
  event_id BLOB NOT NULL CHECK (length(event_id) = 16),
  webhook_id INTEGER NOT NULL,
  number INTEGER NOT NULL CHECK (number > 0),
  started_at INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL CHECK (duration_ms >= 0),
  outcome TEXT NOT NULL
    CHECK (outcome = 'delivered' OR outcome = 'rejected' OR outcome = 'timed_out'
      OR outcome = 'unreachable' OR outcome = 'blocked'),
  url TEXT NOT NULL,
  signature TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  response_status INTEGER,
  response_headers TEXT CHECK (json_valid(response_headers)),
  response_body TEXT,
  error TEXT,
  PRIMARY KEY (event_id, webhook_id, number)
) STRICT, WITHOUT ROWID;

-- Who may send to a shard's webhooks: the epoch rises with every change of owner.
CREATE TABLE shard (
  id INTEGER PRIMARY KEY CHECK (id BETWEEN 0 AND 63),
  epoch INTEGER NOT NULL CHECK (epoch >= 0)
) STRICT;

WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 63)
INSERT INTO shard (id, epoch) SELECT n, 0 FROM number;
