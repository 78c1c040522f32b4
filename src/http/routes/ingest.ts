import { seedEvent } from '../../dialect/seed.ts';
import { acceptedAnswer } from '../answers/event.ts';
import { answer, errors } from '../answers/envelope.ts';
import type { Api } from '../api.ts';
import { parseJsonLinesBodies } from '../body.ts';
import type { HttpDeps } from '../deps.ts';
import { ingest, MAX_EVENTS } from '../ingest.ts';

const MAX_EVENTS_BYTES = 8 * 1024 * 1024;

const schema = {
  tags: ['events'],
  summary: 'Put events in',
  description:
    `One event, a list of at most ${MAX_EVENTS}, or NDJSON. Fields that are not known are kept and ` +
    'delivered. Good events are accepted though others of the same call are rejected; 422 if none ' +
    'was good.',
  consumes: ['application/json', 'application/x-ndjson'],
  body: seedEvent.or(seedEvent.array().max(MAX_EVENTS)),
  response: {
    202: answer('The events and their deliveries are on disk.', acceptedAnswer),
    ...errors(400, 413, 415, 422),
  },
};

/** The schema only documents: `parseEvent` judges each event by itself. */
const validatorCompiler = () => (value: unknown) => ({ value });

/** Every form in which events can be put in; the most common one takes `directIngest`. */
export function ingestRoute(api: Api, { intake }: Pick<HttpDeps, 'intake'>): void {
  parseJsonLinesBodies(api, MAX_EVENTS);
  const options = { schema, validatorCompiler, bodyLimit: MAX_EVENTS_BYTES };
  api.post('/events', options, async (request, reply) => {
    const accepted = await ingest(request.body, request.principal.accountId, intake);
    reply.code(202);
    return accepted;
  });
}
