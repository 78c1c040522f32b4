import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { hashKey } from '../domain/api-key.ts';
import { PosthornError } from '../domain/errors.ts';
import type { AccountStore, ApiKey } from '../store/store.ts';

/** On whose behalf a request is made. */
export type Principal = ApiKey;

/** At once where the key is known already: most requests then need no further turn. */
export type Authenticate = (key: string) => Principal | undefined | Promise<Principal | undefined>;

declare module 'fastify' {
  interface FastifyRequest {
    /** Set for every request under /api/v1. */
    principal: Principal;
  }
}

const MAX_REMEMBERED_KEYS = 10_000;

/**
 * Looks keys up in the store by their hash, and remembers those that there are: as they are, since
 * each request brings its own in the open anyway, and hashing it again costs more than routing does.
 */
export class Authenticator {
  readonly #store: Pick<AccountStore, 'apiKey'>;
  readonly #known = new Map<string, Principal>();

  constructor(store: Pick<AccountStore, 'apiKey'>) {
    this.#store = store;
  }

  readonly authenticate: Authenticate = (key) => this.#known.get(key) ?? this.#look(key);

  async #look(key: string): Promise<Principal | undefined> {
    const principal = await this.#store.apiKey(hashKey(key));
    if (!principal) return undefined;
    if (this.#known.size >= MAX_REMEMBERED_KEYS) this.#known.clear();
    this.#known.set(key, principal);
    return principal;
  }
}

type Done = (error?: Error) => void;

/** The key among the headers; the first one given counts. */
export function keyOfHeaders(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const header = headers['x-api-key'];
  return typeof header === 'string' && header !== '' ? header : undefined;
}

/** Runs before a body is read. With callbacks, since a known key then costs no promise. */
export function authenticationHook(authenticate: Authenticate) {
  return (request: FastifyRequest, _reply: FastifyReply, done: Done): void => {
    const settle = (principal: Principal | undefined): void => {
      if (!principal) return done(unauthorized());
      if (principal.clientId !== null) return done(clientKey());
      request.principal = principal;
      done();
    };
    const key = keyOf(request);
    const found = key === undefined ? undefined : authenticate(key);
    if (found instanceof Promise) found.then(settle, done);
    else settle(found);
  };
}

/** The seed's query parameter first, then the headers. */
function keyOf({ query, headers }: FastifyRequest): string | undefined {
  const parameter = (query as Record<string, unknown>)['api_key'];
  if (parameter !== undefined && parameter !== '') {
    return typeof parameter === 'string' ? parameter : undefined;
  }
  return keyOfHeaders(headers);
}

function unauthorized(): PosthornError {
  return new PosthornError('unauthorized', 'Invalid API Key');
}

/** The routes do not know clients yet: with such a key they would show the whole account. */
function clientKey(): PosthornError {
  return new PosthornError('forbidden', 'Keys for one client are not supported by this version');
}
