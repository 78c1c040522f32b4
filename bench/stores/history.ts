/**
 * Ended deliveries that are put into a store by SQL: as months of work leave them, in minutes. The same
 * on both stores. What looks random is a number times an odd one, so each fill is like the last one.
 */
export interface HistoryFill {
  readonly deliveries: number;
  /** When the first event was accepted, and a time after the last one, in milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
}

/** Each event went to so many webhooks of its account. */
const FAN_OUT = 2;
/** The first is the one that is measured: it has its share of the history. */
const ACCOUNTS = 5;
const WEBHOOKS_PER_ACCOUNT = 10;
const CAMPAIGNS_PER_ACCOUNT = 50;
/** Above those that the load names. */
const FIRST_CAMPAIGN_ID = 2_000;
const CLIENTS = 20;
const LEADS = 100_000;

/** What the stores write in different words. */
export interface SqlWords {
  /** Rows `n` from a number on, below another one. */
  readonly numbers: (from: number, below: number) => string;
  /** An event id's column, from text of 32 hex digits. */
  readonly id: (text: string) => string;
  /** A number as so many hex digits. */
  readonly hex: (value: string, digits: number) => string;
}

export function eventCount({ deliveries }: HistoryFill): number {
  return Math.ceil(deliveries / FAN_OUT);
}

/** The first event that was accepted at this time or later. */
export function firstEventAt(fill: HistoryFill, time: number): number {
  const share = (time - fill.from) / (fill.to - fill.from);
  return Math.min(Math.max(Math.ceil(share * eventCount(fill)), 0), eventCount(fill));
}

/** Accounts beside the first, and the webhooks of all: no load of this benchmark matches any of them. */
export function ownerInserts({ numbers }: SqlWords): string[] {
  const webhooks = numbers(0, ACCOUNTS * WEBHOOKS_PER_ACCOUNT);
  const account = `1 + n / ${WEBHOOKS_PER_ACCOUNT}`;
  const ofAccount = (each: number): string => numbers(0, ACCOUNTS * each);
  return [
    `INSERT INTO account (name, created_at) SELECT 'account ' || n, 0 FROM ${numbers(2, ACCOUNTS + 1)}`,
    'UPDATE account SET version = 1',
    `INSERT INTO webhook (account_id, association, target_id, normalized_url, secret, status, version,
      created_at, updated_at) SELECT ${account}, 3, ${FIRST_CAMPAIGN_ID} + n % ${WEBHOOKS_PER_ACCOUNT},
      ${url('n + 1')}, 'whsec_AAAA', 'active', 1, 0, 0 FROM ${webhooks} ORDER BY n`,
    `INSERT INTO webhook_version (webhook_id, version, status, url, created_at)
      SELECT n + 1, 1, 'active', ${url('n + 1')}, 0 FROM ${webhooks}`,
    `INSERT INTO campaign (account_id, id, created_at, updated_at)
      SELECT 1 + n / ${CAMPAIGNS_PER_ACCOUNT}, ${FIRST_CAMPAIGN_ID} + n % ${CAMPAIGNS_PER_ACCOUNT}, 0, 0
      FROM ${ofAccount(CAMPAIGNS_PER_ACCOUNT)}`,
    `INSERT INTO client (account_id, id, created_at, updated_at)
      SELECT 1 + n / ${CLIENTS}, 1 + n % ${CLIENTS}, 0, 0 FROM ${ofAccount(CLIENTS)}`,
  ];
}

/** Some of the events, in order of their ids, with all that hangs on them; by the table they go into. */
export function historyInserts(
  words: SqlWords,
  fill: HistoryFill,
  from: number,
  below: number,
): Record<'event' | 'delivery' | 'attempt', (table: string) => string> {
  const events = words.numbers(from, below);
  const deliveries = `${events} CROSS JOIN (SELECT 0 AS w UNION ALL SELECT 1) AS fan_out`;
  return {
    event: insertInto(eventColumns(words, fill), events),
    delivery: insertInto(deliveryColumns(words, fill), deliveries),
    attempt: insertInto(attemptColumns(words, fill), deliveries),
  };
}

function insertInto(
  columns: Readonly<Record<string, string>>,
  rows: string,
): (table: string) => string {
  return (table) => `INSERT INTO ${table} (${Object.keys(columns).join(', ')})
    SELECT ${Object.values(columns).join(', ')} FROM ${rows}`;
}

const RANDOM = '((n * 2654435761) % 4294967296)';
const LEAD = `((n * 40503) % ${LEADS})`;
const EMAIL = `'Lead-' || ${LEAD} || '@customer-' || ${LEAD} % 1000 || '.example.com'`;
const CAMPAIGN = `(${FIRST_CAMPAIGN_ID} + ${RANDOM} % ${CAMPAIGNS_PER_ACCOUNT})`;
const TYPE = `(CASE ${RANDOM} % 20 WHEN 0 THEN 'REPLIED' WHEN 1 THEN 'BOUNCED' WHEN 2 THEN 'CLICKED'
  WHEN 3 THEN 'OPENED' ELSE 'SENT' END)`;
const ACCOUNT = `1 + n % ${ACCOUNTS}`;
const WEBHOOK = `((n % ${ACCOUNTS}) * ${WEBHOOKS_PER_ACCOUNT} + 1 +
  (n / ${ACCOUNTS} * ${FAN_OUT} + w) % ${WEBHOOKS_PER_ACCOUNT})`;
const BODY = `'{"event_type":"' || ${TYPE} || '","campaign_id":' || ${CAMPAIGN} || ',"lead_email":"' ||
  ${EMAIL} || '","lead_first_name":"John","lead_last_name":"Doe","email_account":' ||
  '"sender@yourdomain.com","subject":"Re: Quick question","message":"Thanks for reaching out. ' ||
  'Could you send me the prices for a team of ' || ${RANDOM} % 100 || '? We would like to begin in ' ||
  'the next quarter, if all goes well.","timestamp":"2025-11-26T10:30:00Z","category_id":5}'`;

function url(webhookId: string): string {
  return `'https://hooks.customer-' || (${webhookId}) || '.example.com/campaigns/events'`;
}

function at(fill: HistoryFill): string {
  return `(${fill.from} + n * ${fill.to - fill.from} / ${eventCount(fill)})`;
}

function id({ hex, id: column }: SqlWords, fill: HistoryFill): string {
  const digits = [hex(at(fill), 12), `'7'`, hex('n % 4096', 3), `'80'`, hex(RANDOM, 14)];
  return column(digits.join(' || '));
}

function eventColumns(words: SqlWords, fill: HistoryFill): Record<string, string> {
  return {
    account_id: ACCOUNT,
    id: id(words, fill),
    type: TYPE,
    campaign_id: CAMPAIGN,
    client_id: `CASE WHEN ${RANDOM} % 3 = 0 THEN 1 + ${RANDOM} % ${CLIENTS} END`,
    lead_email: EMAIL,
    lead: `lower(${EMAIL})`,
    category_id: `CASE WHEN ${RANDOM} % 20 = 0 THEN 1 + n % 7 END`,
    account_version: '1',
    body: BODY,
  };
}

/** Most succeeded; of a hundred two were given up and one was canceled. */
function deliveryColumns(words: SqlWords, fill: HistoryFill): Record<string, string> {
  return {
    account_id: ACCOUNT,
    event_id: id(words, fill),
    webhook_id: WEBHOOK,
    webhook_version: '1',
    status: `CASE ${RANDOM} % 100 WHEN 0 THEN 'exhausted' WHEN 1 THEN 'exhausted' WHEN 2 THEN 'canceled'
      ELSE 'succeeded' END`,
    attempt_count: '1',
    created_at: at(fill),
    ended_at: `${at(fill)} + 40 + n % 900`,
  };
}

function attemptColumns(words: SqlWords, fill: HistoryFill): Record<string, string> {
  return {
    event_id: id(words, fill),
    webhook_id: WEBHOOK,
    number: '1',
    started_at: `${at(fill)} + 20`,
    duration_ms: '20 + n % 900',
    outcome: `CASE WHEN ${RANDOM} % 100 < 3 THEN 'rejected' ELSE 'delivered' END`,
    url: url(WEBHOOK),
    signature: `'v1,' || ${words.hex(RANDOM, 14)} || 'Gk4mZ1vQe8sXyTt2hPz5bW7nLc='`,
    user_agent: `'Posthorn/0.1.0'`,
    response_status: `CASE WHEN ${RANDOM} % 100 < 3 THEN 500 ELSE 200 END`,
    response_headers: `'{"content-type":"application/json","content-length":"17","date":"Wed, 26 Nov 2025 10:30:01 GMT","server":"nginx"}'`,
    response_body: `'{"received":true}'`,
  };
}
