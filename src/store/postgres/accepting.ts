import { leadKey, NO_CAMPAIGN, orderingKey, type AcceptedEvent } from '../../domain/event.ts';
import { acceptedAt } from '../../domain/ids.ts';
import type { AcceptEntry, AcceptResult, NewDelivery } from '../store.ts';
import { fromUuid, numberArray, textArray, uuidArray } from './arrays.ts';
import { lookUp } from './look-up.ts';
import type { Mention } from './registrar.ts';
import type { Session } from './session.ts';

const ACCEPTED = '0';
const STALE = '1';
/** Codes of a batch of which nothing was stale. */
export const ALL_ACCEPTED = /^0*$/;
const DUPLICATE = '2';

/**
 * All accepts of a batch. The account's version is read here, in the transaction itself. Keys are
 * inserted in their order, so that two nodes with the same ones do not wait for each other. The
 * conditions `IN (…) IS TRUE` are look-ups in a hash table; as joins of two lists whose lengths
 * nobody knows they would be planned as one loop in another.
 */
const ACCEPT = {
  name: 'accept',
  text: `WITH given AS MATERIALIZED (
      SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[],
        $6::bigint[], $7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[])
        WITH ORDINALITY AS g (id, account_id, account_version, type, campaign_id, client_id,
          lead_email, lead, category_id, caller_event_id, body, i)
    ), fresh AS MATERIALIZED (
      SELECT * FROM given
      WHERE account_version = (SELECT version FROM account WHERE id = given.account_id)
    ), keyed AS (
      INSERT INTO event_key (account_id, caller_event_id, event_id)
      SELECT account_id, caller_event_id, id FROM fresh WHERE caller_event_id IS NOT NULL
      ORDER BY account_id, caller_event_id, i
      ON CONFLICT DO NOTHING RETURNING event_id
    ), taken AS MATERIALIZED (
      SELECT * FROM fresh WHERE caller_event_id IS NULL OR id IN (SELECT event_id FROM keyed)
    ), events AS (
      INSERT INTO event (account_id, id, type, campaign_id, client_id, lead_email, lead, category_id,
        account_version, caller_event_id, body)
      SELECT account_id, id, type, campaign_id, client_id, lead_email, lead, category_id,
        account_version, caller_event_id, body FROM taken
    ), pending AS (
      INSERT INTO queue (account_id, event_id, webhook_id, webhook_version, attempt_count,
        next_attempt_at, created_at, ordering_key, place)
      SELECT account_id, event_id, webhook_id, webhook_version, 0, at, at, ordering_key,
        CASE WHEN ordering_key IS NOT NULL THEN nextval('queue_place') END
      FROM unnest($12::bigint[], $13::bigint[], $14::uuid[], $15::bigint[], $16::bigint[],
        $17::bigint[], $18::text[])
        AS d (i, account_id, event_id, webhook_id, webhook_version, at, ordering_key)
      WHERE (i IN (SELECT i FROM taken)) IS TRUE
    )
    SELECT pg_current_xact_id()::text AS xid, string_agg(CASE
        WHEN i IN (SELECT i FROM taken) THEN '${ACCEPTED}'
        WHEN i IN (SELECT i FROM fresh) THEN '${DUPLICATE}' ELSE '${STALE}' END, '' ORDER BY i) AS codes
    FROM given`,
};

const KNOWN = {
  name: 'known_event',
  text: `SELECT given.i, k.event_id,
      (SELECT count(*) FROM queue WHERE account_id = k.account_id AND event_id = k.event_id) +
      (SELECT count(*) FROM delivery WHERE account_id = k.account_id AND event_id = k.event_id)
        AS deliveries
    FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS given (i, account_id, caller_event_id)
    JOIN event_key k ON ${lookUp('k.account_id', 'given.account_id')}
      AND k.caller_event_id = given.caller_event_id`,
};

/** Resolves with what became of each, by its code. */
export async function sendAccepts(
  session: Session,
  accepts: readonly AcceptEntry[],
): Promise<{ readonly xid: string; readonly codes: string }> {
  const [row] = await session.query<{ xid: string; codes: string }>(ACCEPT, acceptValues(accepts));
  if (!row) throw new Error('An accept came back without its result');
  return row;
}

function acceptValues(accepts: readonly AcceptEntry[]): Buffer[] {
  const events = accepts.map(({ event }) => event);
  const deliveries = accepts.flatMap(({ event, deliveries: of }, i) =>
    of.map((delivery) => ({ ...delivery, event, i: i + 1 })),
  );
  return [
    uuidArray(events.map(({ id }) => id)),
    numberArray(events.map(({ accountId }) => accountId)),
    numberArray(accepts.map(({ accountVersion }) => accountVersion)),
    textArray(events.map(({ type }) => type)),
    numberArray(events.map(({ campaignId }) => campaignId)),
    numberArray(events.map(({ clientId }) => clientId)),
    textArray(events.map(({ leadEmail }) => leadEmail)),
    textArray(events.map(({ leadEmail }) => (leadEmail === null ? null : leadKey(leadEmail)))),
    numberArray(events.map(({ categoryId }) => categoryId)),
    textArray(events.map(({ callerEventId }) => callerEventId)),
    textArray(events.map(({ body }) => body)),
    numberArray(deliveries.map(({ i }) => i)),
    numberArray(deliveries.map(({ event }) => event.accountId)),
    uuidArray(deliveries.map(({ event }) => event.id)),
    numberArray(deliveries.map(({ webhookId }) => webhookId)),
    numberArray(deliveries.map(({ webhookVersion }) => webhookVersion)),
    numberArray(deliveries.map(({ event }) => acceptedAt(event.id))),
    textArray(orderingKeys(deliveries)),
  ];
}

/** None where none is needed: what is missing at the end of a list is null to `unnest`. */
function orderingKeys(
  deliveries: readonly (NewDelivery & { readonly event: AcceptedEvent })[],
): (string | null)[] {
  if (!deliveries.some(({ inOrder }) => inOrder)) return [];
  return deliveries.map(({ inOrder, event }) => (inOrder ? orderingKey(event) : null));
}

/** The results by their codes; of duplicates the event that stands is looked up. */
export async function acceptResults(
  session: Session,
  accepts: readonly AcceptEntry[],
  codes: string,
): Promise<AcceptResult[]> {
  const duplicates = accepts.flatMap(({ event }, i) =>
    codes[i] === DUPLICATE ? [{ event, i }] : [],
  );
  const known = new Map<number, AcceptResult>();
  if (duplicates.length > 0) {
    const rows = await session.query<{ i: number; event_id: string; deliveries: number }>(KNOWN, [
      numberArray(duplicates.map(({ i }) => i)),
      numberArray(duplicates.map(({ event }) => event.accountId)),
      textArray(duplicates.map(({ event }) => event.callerEventId)),
    ]);
    for (const { i, event_id: eventId, deliveries } of rows) {
      known.set(i, { kind: 'duplicate', eventId: fromUuid(eventId), deliveries });
    }
  }
  return accepts.map((_, i) => {
    if (codes[i] === ACCEPTED) return { kind: 'accepted' };
    if (codes[i] === STALE) return { kind: 'stale' };
    const result = known.get(i);
    if (!result) throw new Error('An event is known and is not there');
    return result;
  });
}

/** The ids of the caller's own that accepted events mention. */
export function* mentionsOf(
  accepts: readonly AcceptEntry[],
  results: readonly AcceptResult[],
): Generator<Mention> {
  for (const [i, { event }] of accepts.entries()) {
    if (results[i]?.kind !== 'accepted') continue;
    const { accountId, campaignId, clientId, categoryId } = event;
    const at = acceptedAt(event.id);
    if (campaignId !== NO_CAMPAIGN) yield { kind: 'campaign', accountId, id: campaignId, at };
    if (clientId !== null) yield { kind: 'client', accountId, id: clientId, at };
    if (categoryId !== null) yield { kind: 'category', accountId, id: categoryId, at };
  }
}
