-- The first schema. Ids of accounts and webhooks are made here; ids of clients, campaigns and
-- categories are the caller's own. Times are milliseconds since 1970. Event ids are UUIDv7: they rise
-- with the time of acceptance, so a day of events is a range of ids, and the tables of history are cut
-- by it: one partition a day, made by the program, dropped as a whole when it has grown old.
--
-- Texts that are compared have COLLATE "C": their indexes outlive an upgrade of the system's locales.

CREATE TABLE account (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL CHECK (name <> ''),
  -- Raised by every change of what matching looks at.
  version bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
  created_at bigint NOT NULL
);

CREATE TABLE api_key (
  hash text COLLATE "C" PRIMARY KEY CHECK (length(hash) = 64),
  account_id bigint NOT NULL,
  -- A client's key sees that client only.
  client_id bigint CHECK (client_id > 0),
  created_at bigint NOT NULL
);

CREATE TABLE client (
  account_id bigint NOT NULL,
  id bigint NOT NULL CHECK (id > 0),
  name text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (account_id, id)
);

CREATE TABLE campaign (
  account_id bigint NOT NULL,
  id bigint NOT NULL CHECK (id > 0),
  name text,
  client_id bigint CHECK (client_id > 0),
  status text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (account_id, id)
);

CREATE INDEX campaign_with_client ON campaign (account_id, id, client_id)
  WHERE client_id IS NOT NULL;

CREATE TABLE category (
  account_id bigint NOT NULL,
  id bigint NOT NULL CHECK (id > 0),
  name text,
  sentiment_type text,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (account_id, id)
);

-- A webhook as it is now. What its owner may change is in webhook_version, by `version`.
CREATE TABLE webhook (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id bigint NOT NULL,
  association integer NOT NULL CHECK (association IN (1, 2, 3)),
  target_id bigint CHECK (target_id > 0),
  -- For the look-up of similar ones.
  normalized_url text COLLATE "C" NOT NULL,
  secret text NOT NULL CHECK (secret <> ''),
  status text COLLATE "C" NOT NULL CHECK (status IN ('active', 'paused', 'disabled', 'deleted')),
  disabled_reason text,
  version bigint NOT NULL CHECK (version > 0),
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  CHECK ((association = 1) = (target_id IS NULL)),
  CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL))
);

CREATE INDEX webhook_by_account ON webhook (account_id, id);
CREATE INDEX webhook_by_target ON webhook (account_id, association, target_id, id);
CREATE INDEX webhook_by_status ON webhook (account_id, status, id);
-- By the URL's hash: an entry of an index has room for 2,700 bytes, a URL may be longer.
CREATE INDEX webhook_similar ON webhook (account_id, association, md5(normalized_url))
  WHERE status <> 'deleted';
CREATE INDEX webhook_stopped ON webhook (id) WHERE status IN ('disabled', 'deleted');

-- Every change of a webhook, by the account's version from which it was true. With the version that
-- an event keeps, it is known for ever why a webhook got it or did not.
CREATE TABLE webhook_version (
  webhook_id bigint NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  status text NOT NULL CHECK (status IN ('active', 'paused', 'disabled', 'deleted')),
  name text,
  url text NOT NULL,
  -- json, not jsonb: as it was given, down to the order of its keys.
  event_type_map json,
  category_id_map json,
  webhook_type text,
  created_at bigint NOT NULL,
  PRIMARY KEY (webhook_id, version)
);

-- Apart from webhook: this row changes with every commit that records something of it. `seq` rises
-- with each change and is in the key, so that the newest version of the row is found first. Nothing
-- dead is removed while somebody holds a transaction open, and every commit would walk over all
-- versions since: with 100 webhooks in each commit, 8,800 events a second became 3,900 in a minute.
-- With `seq` it stayed what it was.
CREATE TABLE webhook_health (
  webhook_id bigint NOT NULL,
  seq bigint NOT NULL,
  last_success_at bigint,
  last_failure_at bigint,
  consecutive_failures bigint NOT NULL CHECK (consecutive_failures >= 0),
  PRIMARY KEY (webhook_id, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_cost_delay = 0);

CREATE TABLE event (
  account_id bigint NOT NULL,
  id uuid NOT NULL,
  type text COLLATE "C" NOT NULL,
  campaign_id bigint NOT NULL CHECK (campaign_id > 0),
  -- The client that counted: named by the event, or declared for its campaign.
  client_id bigint CHECK (client_id > 0),
  lead_email text,
  -- The lead email in the form in which it is compared.
  lead text COLLATE "C",
  category_id bigint CHECK (category_id > 0),
  -- The account's version at which it was matched.
  account_version bigint NOT NULL,
  caller_event_id text COLLATE "C",
  -- JSON in the seed's form, without NUL: the bytes that receivers get.
  body text NOT NULL,
  PRIMARY KEY (account_id, id)
) PARTITION BY RANGE (id);

CREATE INDEX event_by_type ON event (account_id, type, id);
CREATE INDEX event_by_campaign ON event (account_id, campaign_id, id);
CREATE INDEX event_by_client ON event (account_id, client_id, id) WHERE client_id IS NOT NULL;
CREATE INDEX event_by_lead ON event (account_id, lead, id) WHERE lead IS NOT NULL;

-- The caller's own ids. Apart from event, whose partitions could each be unique in themselves only.
CREATE TABLE event_key (
  account_id bigint NOT NULL,
  caller_event_id text COLLATE "C" NOT NULL,
  event_id uuid NOT NULL,
  PRIMARY KEY (account_id, caller_event_id)
);

CREATE INDEX event_key_by_event ON event_key (event_id);

-- Pending deliveries only: small and hot. Whatever the server's settings say, what is dead in it is
-- removed as soon as some thousands have come together.
CREATE TABLE queue (
  account_id bigint NOT NULL,
  event_id uuid NOT NULL,
  webhook_id bigint NOT NULL,
  shard integer NOT NULL GENERATED ALWAYS AS ((webhook_id % 64)::integer) STORED,
  webhook_version bigint NOT NULL,
  attempt_count integer NOT NULL CHECK (attempt_count >= 0),
  next_attempt_at bigint NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (webhook_id, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000,
  autovacuum_vacuum_cost_delay = 0);

CREATE INDEX queue_due ON queue (shard, webhook_id, next_attempt_at, event_id);
CREATE INDEX queue_by_account ON queue (account_id, event_id, webhook_id);

-- Ended deliveries.
CREATE TABLE delivery (
  account_id bigint NOT NULL,
  event_id uuid NOT NULL,
  webhook_id bigint NOT NULL,
  webhook_version bigint NOT NULL,
  status text COLLATE "C" NOT NULL CHECK (status IN ('succeeded', 'exhausted', 'canceled')),
  attempt_count integer NOT NULL CHECK (attempt_count >= 0),
  created_at bigint NOT NULL,
  ended_at bigint NOT NULL,
  PRIMARY KEY (account_id, event_id, webhook_id)
) PARTITION BY RANGE (event_id);

CREATE INDEX delivery_by_webhook ON delivery (webhook_id, status, event_id);
-- Most have succeeded; those are found by walking the table itself.
CREATE INDEX delivery_failed ON delivery (account_id, status, event_id, webhook_id)
  WHERE status <> 'succeeded';

CREATE TABLE attempt (
  event_id uuid NOT NULL,
  webhook_id bigint NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  started_at bigint NOT NULL,
  duration_ms bigint NOT NULL CHECK (duration_ms >= 0),
  outcome text NOT NULL
    CHECK (outcome IN ('delivered', 'rejected', 'timed_out', 'unreachable', 'blocked')),
  url text NOT NULL,
  signature text NOT NULL,
  user_agent text NOT NULL,
  response_status integer,
  response_headers json,
  response_body text,
  error text,
  PRIMARY KEY (event_id, webhook_id, number)
) PARTITION BY RANGE (event_id);

-- Nodes that deliver, each alive until its time, by the clock of this database. Heartbeats are here
-- and not in shard: commits lock rows of shard, and would wait for them.
CREATE TABLE node (
  id text COLLATE "C" PRIMARY KEY,
  expires_at timestamptz NOT NULL
);

-- Who may send to a shard's webhooks: the epoch rises with every change of owner.
CREATE TABLE shard (
  id integer PRIMARY KEY CHECK (id BETWEEN 0 AND 63),
  owner text COLLATE "C",
  epoch bigint NOT NULL CHECK (epoch >= 0)
);

INSERT INTO shard (id, epoch) SELECT n, 0 FROM generate_series(0, 63) AS n;

-- One row for each change of what is registered, kept for an hour: says of a commit whose answer got
-- lost whether it took effect. The id of a transaction cannot say it: after a crash it is given again.
CREATE TABLE change_marker (
  id uuid PRIMARY KEY,
  made_at timestamptz NOT NULL DEFAULT now()
);
