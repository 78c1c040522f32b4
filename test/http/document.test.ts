import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { OPERATIONAL_EVENT_TYPES } from '../../src/domain/event.ts';
import { ApiServer } from './api-server.ts';

const ROUTES = [
  'get /api/v1/campaigns/{id}',
  'get /api/v1/deliveries',
  'get /api/v1/deliveries/{id}',
  'get /api/v1/events',
  'get /api/v1/events/{id}',
  'get /api/v1/events/{id}/explain',
  'get /api/v1/openapi.json',
  'get /api/v1/webhook',
  'get /api/v1/webhook/{id}',
  'post /api/v1/webhook/{id}/pause',
  'post /api/v1/webhook/{id}/resume',
  'post /api/v1/webhook/{id}/test',
  'get /api/v1/webhook/{id}/secret',
  'post /api/v1/webhook/{id}/secret/rotate',
  'post /api/v1/webhook/{id}/replay',
  'post /api/v1/webhook/{id}/backfill',
  'post /api/v1/deliveries/{id}/retry',
  'get /api/v1/redos/{id}',
  'get /healthz',
  'get /openapi.json',
  'get /readyz',
  'post /api/v1/events',
  'post /api/v1/webhook/create',
  'put /api/v1/campaigns/{id}',
  'put /api/v1/webhook/update/{id}',
  'delete /api/v1/webhook/delete',
  'delete /api/v1/webhook/delete/{id}',
];

interface Operation {
  readonly summary?: string;
  readonly tags?: string[];
  readonly security?: object[];
  readonly parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  readonly requestBody?: { content: Record<string, { schema: { properties: object } }> };
  readonly responses: Record<string, { description: string; content: Record<string, object> }>;
}

interface Document {
  readonly openapi: string;
  readonly info: { title: string; version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly schemas: Record<string, object>;
    readonly securitySchemes: Record<string, object>;
  };
  readonly security: object[];
}

let server: ApiServer;
let document: Document;
before(async () => {
  server = await ApiServer.start();
  document = server.answers.document as unknown as Document;
});
after(() => server[Symbol.asyncDispose]());

function operations(): [label: string, operation: Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method} ${path}`,
      operation,
    ]),
  );
}

describe('the OpenAPI document', () => {
  it('is the same at the root and under the API', async () => {
    assert.equal(document.openapi, '3.1.0');
    assert.deepEqual(document.info.version, '1.2.3');
    const { json } = await server.call('GET', '/openapi.json');
    assert.deepEqual(json, document);
  });

  it('has every route, and no other', () => {
    const labels = operations().map(([label]) => label);
    assert.deepEqual(labels.toSorted(), ROUTES.toSorted());
  });

  it('says of every route what it is and what it answers', () => {
    for (const [label, operation] of operations()) {
      assert.ok(operation.summary && operation.tags?.length === 1, label);
      const secured = operation.security ?? document.security;
      const underApi = label.includes('/api/v1/');
      assert.equal(secured.length, underApi ? 3 : 0, label);
      const statuses = Object.keys(operation.responses);
      assert.ok(statuses.includes(label === 'post /api/v1/events' ? '202' : '200'), label);
      if (underApi)
        assert.ok(
          ['401', '500', '503'].every((s) => statuses.includes(s)),
          label,
        );
      for (const [status, response] of Object.entries(operation.responses)) {
        assert.ok(response.description.length > 0, `${label} ${status}`);
        assert.ok(response.content['application/json'], `${label} ${status}`);
      }
    }
  });

  it('names each parameter of a path', () => {
    for (const [label, operation] of operations()) {
      const inPath = [...label.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const described = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      assert.deepEqual(
        described.map(({ name }) => name),
        inPath,
        label,
      );
      assert.ok(
        described.every(({ required }) => required === true),
        label,
      );
    }
  });

  it('refers to nothing that is not there', () => {
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    assert.equal(references.length, text.split('"$ref"').length - 1);
    const referred = new Set(references.map(([, name]) => name));
    assert.deepEqual(referred, new Set(Object.keys(document.components.schemas)));
    const schemes = Object.keys(document.components.securitySchemes);
    assert.deepEqual(
      document.security.map((scheme) => Object.keys(scheme)[0]),
      schemes,
    );
  });

  it("has the seed's fields and the policy in the body of create, and those of an event", () => {
    const create = document.paths['/api/v1/webhook/create']?.['post']?.requestBody?.content;
    assert.deepEqual(
      Object.keys(create?.['application/json']?.schema.properties ?? {}).toSorted(),
      [
        'association_type',
        'category_id_map',
        'client_id',
        'concurrency',
        'email_campaign_id',
        'event_type_map',
        'force_create',
        'headers',
        'name',
        'ordering',
        'rate_limit',
        'retry_schedule',
        'timeout_seconds',
        'webhook_type',
        'webhook_url',
      ],
    );
    const { event_type_map: map } = (create?.['application/json']?.schema.properties ?? {}) as {
      event_type_map?: unknown;
    };
    for (const type of OPERATIONAL_EVENT_TYPES) {
      assert.match(
        JSON.stringify(map),
        new RegExp(`makes itself .*${type}.*, and never about itself`),
      );
    }
    const events = document.paths['/api/v1/events']?.['post']?.requestBody?.content ?? {};
    assert.deepEqual(Object.keys(events), ['application/json', 'application/x-ndjson']);
  });
});
