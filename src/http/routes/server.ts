import { PosthornError } from '../../domain/errors.ts';
import { answer, done, errors } from '../answers/envelope.ts';
import type { Api } from '../api.ts';
import type { HttpDeps } from '../deps.ts';

const tags = ['server'];

/** What load balancers ask; no key. */
export function serverRoutes(app: Api, { faults }: Pick<HttpDeps, 'faults'>): void {
  const alive = {
    tags,
    summary: 'Whether the process is alive',
    security: [],
    response: { 200: answer('Alive.', done) },
  };
  app.get('/healthz', { schema: alive }, async () => ({ ok: true as const }));
  const ready = {
    tags,
    summary: 'Whether it can accept and deliver',
    security: [],
    response: { 200: answer('Ready.', done), ...errors() },
  };
  app.get('/readyz', { schema: ready }, async () => {
    const reasons = faults();
    if (reasons.length === 0) return { ok: true as const };
    throw new PosthornError('unavailable', `Not ready: ${reasons.join(' ')}`, {
      extra: { reasons },
    });
  });
}
