import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AccountCache } from '../../src/catalog/account-cache.ts';
import { Campaigns } from '../../src/catalog/campaigns.ts';
import { Redos } from '../../src/catalog/redos.ts';
import { Webhooks } from '../../src/catalog/webhooks.ts';
import { eventIdMaker } from '../../src/domain/ids.ts';
import { AddressGuard } from '../../src/engine/address-guard.ts';
import { hashKey } from '../../src/domain/api-key.ts';
import { Authenticator } from '../../src/http/auth.ts';
import type { HttpDeps } from '../../src/http/deps.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { Accept } from '../../src/intake/accept.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import type { Store } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { bareLoop, listenerOf } from '../engine/bare-loop.ts';
import { DocumentedAnswers, type OpenApiDocument } from './documented-answers.ts';

export const KEY = 'key-of-the-first-account';
export const OTHER_KEY = 'key-of-another-account';

export type Json = Record<string, unknown>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Json;
  readonly text: string;
}

export interface CallOptions {
  readonly key?: string | null;
  readonly headers?: Record<string, string>;
  /** Sent as it is, in place of a body as JSON. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
}

/** The HTTP face on a real socket, over a real store and intake; nothing is sent to webhooks. */
export class ApiServer implements AsyncDisposable {
  readonly url: string;
  readonly store: Store;
  readonly log: readonly string[];
  readonly answers: DocumentedAnswers;
  /** Requests that node:http has seen: not those that were taken from the socket before it. */
  requestsSeen = 0;
  readonly #close: () => Promise<void>;

  private constructor(
    url: string,
    store: Store,
    log: readonly string[],
    document: OpenApiDocument,
    close: () => Promise<void>,
  ) {
    this.url = url;
    this.store = store;
    this.log = log;
    this.answers = new DocumentedAnswers(document);
    this.#close = close;
  }

  static async start(changes: Partial<HttpDeps> = {}): Promise<ApiServer> {
    const directory = await mkdtemp(join(tmpdir(), 'posthorn-http-'));
    const store = await SqliteStore.open(join(directory, 'posthorn.db'), 'node');
    for (const key of [KEY, OTHER_KEY]) {
      const accountId = await store.createAccount(key);
      await store.addApiKey(hashKey(key), { accountId, clientId: null });
    }
    const lines: string[] = [];
    const log = new Log('trace', { write: (line: string) => void lines.push(line) });
    const server = await createHttpServer({ ...parts(store, log), ...changes });
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApiDocument;
    const started = new ApiServer(url, store, lines, document, async () => {
      await server.close();
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    });
    server.server.on('request', () => (started.requestsSeen += 1));
    return started;
  }

  /** Calls a path under /api/v1, or at the root if it begins with two slashes. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    { key = KEY, headers = {}, raw }: CallOptions = {},
  ): Promise<Answer> {
    const full = path.startsWith('//') ? path.slice(1) : `/api/v1${path}`;
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(this.url + full, {
      method,
      headers: {
        ...(key === null ? {} : { 'x-api-key': key }),
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
    });
    const text = await response.text();
    const json = JSON.parse(text) as Json;
    assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f]{12}$/);
    assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
    this.answers.check(method, full.replace(/\?.*/, ''), response.status, json);
    return { status: response.status, headers: response.headers, json, text };
  }

  /** Writes bytes to a socket of its own and gives all that comes back until it is closed. */
  async send(bytes: string | Uint8Array): Promise<string> {
    const { hostname, port } = new URL(this.url);
    const socket = connect(Number(port), hostname);
    let received = '';
    socket.on('data', (chunk) => (received += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.write(bytes);
    await once(socket, 'close');
    return received;
  }

  async assertStillAnswers(): Promise<void> {
    assert.equal((await this.call('GET', '/webhook')).status, 200);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

function parts(store: Store, log: Log): HttpDeps {
  const accounts = new AccountCache(store);
  const loop = bareLoop(store);
  const guard = new AddressGuard();
  return {
    version: '1.2.3',
    servesApi: true,
    authenticate: new Authenticator(store).authenticate,
    webhooks: new Webhooks({ store, listener: listenerOf(accounts), log }),
    testCalls: { send: () => assert.fail('nothing is sent here') },
    campaigns: new Campaigns({ store, listener: accounts, log }),
    redos: new Redos({
      store,
      listener: {
        putBack: () => undefined,
        retried: () => undefined,
        redoStarted: () => undefined,
      },
      log,
    }),
    intake: new Accept({
      accounts,
      newEventId: eventIdMaker(),
      commit: (entry, settle) => loop.accept(entry, settle),
      admit: () => undefined,
      log,
    }),
    look: store,
    urlRules: { requireHttps: true, judgeUrl: (url) => guard.judgeUrl(url) },
    faults: () => [],
    log,
  };
}
