import type { Server } from 'node:http';
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { answerHeaders } from './answer-headers.ts';
import type { Api } from './api.ts';
import { authenticationHook } from './auth.ts';
import { MAX_BODY_BYTES, parseJsonBodies } from './body.ts';
import { answerClientError, refuseExpectation, requireHost } from './client-errors.ts';
import type { HttpDeps } from './deps.ts';
import { DirectIngest } from './direct/direct-ingest.ts';
import { errorHandler, notFoundHandler } from './errors.ts';
import { openApiRoute, registerOpenApi } from './openapi.ts';
import { newRequestId } from './request-id.ts';
import { campaignRoutes } from './routes/campaigns.ts';
import { deliveryRoutes } from './routes/deliveries.ts';
import { eventRoutes } from './routes/events.ts';
import { ingestRoute } from './routes/ingest.ts';
import { redoRoutes } from './routes/redos.ts';
import { serverRoutes } from './routes/server.ts';
import { webhookSecretRoutes } from './routes/webhook-secret.ts';
import { webhookStatusRoutes } from './routes/webhook-status.ts';
import { webhookRoutes } from './routes/webhooks.ts';
import { zodValidator } from './validation.ts';

const API_PREFIX = '/api/v1';

/** Longer than the idle time of common load balancers: else they meet connections just closed. */
const KEEP_ALIVE_MS = 75_000;
/** A request has this long to arrive, its headers the shorter one: slow senders hold no socket. */
const REQUEST_MS = 60_000;
const HEADERS_MS = 15_000;
const CHECK_CONNECTIONS_MS = 5_000;
const CLOSE_IDLE_MS = 50;

/** Node refuses longer ones with the headers. A shorter limit would be the router's to refuse, before the key. */
const MAX_URL = 16 * 1024;

/** The HTTP face, ready to listen. */
export async function createHttpServer(deps: HttpDeps): Promise<FastifyInstance> {
  const app: Api = newApp(deps);
  await registerOpenApi(app, deps.version);
  serverRoutes(app, deps);
  openApiRoute(app, { open: true });
  if (deps.servesApi) await app.register(apiPlugin(deps), { prefix: API_PREFIX });
  if (deps.servesApi) takeEventsDirectly(app, deps);
  await app.ready();
  return app;
}

function takeEventsDirectly(app: Api, deps: HttpDeps): void {
  const direct = new DirectIngest(`${API_PREFIX}/events`, KEEP_ALIVE_MS, deps);
  app.addHook('onReady', (done) => {
    direct.attach(app.server);
    done();
  });
  app.addHook('preClose', (done) => {
    direct.stop();
    done();
  });
}

function apiPlugin(deps: HttpDeps) {
  return async (api: Api): Promise<void> => {
    api.addHook('onRequest', authenticationHook(deps.authenticate));
    // Set here too, so that an unknown path is told to those who have a key only.
    api.setNotFoundHandler(notFoundHandler);
    apiRoutes(api, deps);
  };
}

function apiRoutes(api: Api, deps: HttpDeps): void {
  webhookRoutes(api, deps);
  webhookStatusRoutes(api, deps);
  webhookSecretRoutes(api, deps);
  redoRoutes(api, deps);
  campaignRoutes(api, deps);
  eventRoutes(api, deps);
  deliveryRoutes(api, deps);
  openApiRoute(api, { open: false });
  void api.register(async (ingest: Api) => ingestRoute(ingest, deps));
}

function newApp(deps: HttpDeps): Api {
  const app = fastify({
    // Its lines would have URLs, and those may have a key.
    logger: false,
    genReqId: newRequestId,
    bodyLimit: MAX_BODY_BYTES,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_MS,
    http: {
      headersTimeout: HEADERS_MS,
      connectionsCheckingInterval: CHECK_CONNECTIONS_MS,
      requireHostHeader: false,
    },
    forceCloseConnections: 'idle',
    // On closing, what still comes in on open connections is served, and they are closed then.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_URL },
    rewriteUrl: ({ url = '' }) => decodableUrl(url),
    clientErrorHandler: answerClientError,
  });
  app.server.on('checkExpectation', refuseExpectation);
  app.setValidatorCompiler(zodValidator);
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(errorHandler(deps.log));
  app.setNotFoundHandler(notFoundHandler);
  app.decorateRequest('principal');
  app.addHook('onRequest', setHeaders);
  app.addHook('onRequest', requireHost);
  app.addHook('preClose', (done) => {
    closeConnectionsAsTheyFallIdle(app.server);
    done();
  });
  parseJsonBodies(app);
  return app;
}

/**
 * The router refuses a path that cannot be decoded before any hook runs, so before the key is looked
 * at. With its percent signs taken as they are, it is a path like others, where nothing is found.
 */
function decodableUrl(url: string): string {
  if (!url.includes('%')) return url;
  const [path = '', ...query] = url.split('?');
  try {
    decodeURIComponent(path);
    return url;
  } catch {
    return [path.replaceAll('%', '%25'), ...query].join('?');
  }
}

function setHeaders(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.headers(answerHeaders(request.id));
  done();
}

/** Closing closes those that are idle by then; one with a request in flight would stay for `KEEP_ALIVE_MS`. */
function closeConnectionsAsTheyFallIdle(server: Server): void {
  const timer = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_MS);
  server.once('close', () => clearInterval(timer));
}
