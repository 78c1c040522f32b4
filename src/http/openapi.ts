import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { answer, errors } from './answers/envelope.ts';
import { JSON_TYPE } from './answer-headers.ts';
import type { Api } from './api.ts';

const SECURITY_SCHEMES = {
  queryKey: { type: 'apiKey', in: 'query', name: 'api_key' },
  bearerKey: { type: 'http', scheme: 'bearer' },
  headerKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
} as const;

/** No script, style or call but this server's own; the page's styles are partly inline. */
const DOCS_CSP = {
  'default-src': ["'none'"],
  'base-uri': ["'none'"],
  'connect-src': ["'self'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
  'img-src': ["'self'", 'data:'],
  'script-src': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
};

/** Named schemas are for answers; the plugin adds a twin of each for requests, which none uses. */
const withoutInputTwins: typeof jsonSchemaTransformObject = (given) => {
  const document = jsonSchemaTransformObject(given) as { components: { schemas: object } };
  const schemas = Object.entries(document.components.schemas);
  document.components.schemas = Object.fromEntries(
    schemas.filter(([name]) => !name.endsWith('Input')),
  );
  return document as ReturnType<typeof jsonSchemaTransformObject>;
};

/** Makes the document out of the schemas that validate. Has to come before the routes. */
export async function registerOpenApi(app: Api, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Posthorn',
        version,
        description:
          'Webhooks for email outreach: register them, put events in, see what was sent.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      tags: ['webhooks', 'events', 'deliveries', 'campaigns', 'server'].map((name) => ({ name })),
      components: { securitySchemes: SECURITY_SCHEMES },
      security: Object.keys(SECURITY_SCHEMES).map((name) => ({ [name]: [] })),
    },
    transform: jsonSchemaTransform,
    transformObject: withoutInputTwins,
  });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: DOCS_CSP,
    uiConfig: { deepLinking: false, validatorUrl: null },
  });
}

export function openApiRoute(app: Api, { open }: { open: boolean }): void {
  let document: string | undefined;
  const schema = {
    tags: ['server'],
    summary: 'This document',
    ...(open ? { security: [] } : {}),
    response: {
      200: answer('OpenAPI 3.1.', z.record(z.string(), z.unknown())),
      ...(open ? {} : errors()),
    },
  };
  app.get('/openapi.json', { schema }, async (_request, reply) => {
    document ??= JSON.stringify(app.swagger());
    return reply.type(JSON_TYPE).serializer(String).send(document);
  });
}
