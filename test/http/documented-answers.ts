import assert from 'node:assert/strict';
import { z } from 'zod';

type JsonSchema = Parameters<typeof z.fromJSONSchema>[0];

interface Response {
  readonly content?: { readonly 'application/json'?: { readonly schema: object } };
}

export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, { readonly responses: Record<string, Response> }>>;
  readonly components: { readonly schemas: Record<string, object> };
}

/** Holds answers to what the served document says of them: a field too many is a fault too. */
export class DocumentedAnswers {
  readonly document: OpenApiDocument;
  readonly #schemas = new Map<string, z.ZodType>();

  constructor(document: OpenApiDocument) {
    this.document = document;
  }

  check(method: string, path: string, status: number, answer: unknown): void {
    const label = `${method} ${path} -> ${status}`;
    const parsed = this.#schema(method, path, status).safeParse(answer);
    assert.ok(parsed.success, `${label}: ${parsed.error?.message}\n${JSON.stringify(answer)}`);
  }

  #schema(method: string, path: string, status: number): z.ZodType {
    const route = this.#route(method, path);
    const label = `${method} ${route} -> ${status}`;
    const known = this.#schemas.get(label);
    if (known) return known;
    const response = this.document.paths[route ?? '']?.[method.toLowerCase()]?.responses[status];
    const documented = response?.content?.['application/json']?.schema;
    assert.ok(documented || !route, `${label} is not in the document`);
    const schema = this.#resolved(documented ?? { $ref: '#/components/schemas/Error' });
    this.#schemas.set(label, schema);
    return schema;
  }

  /** The path of the document that a request's path falls under: an exact one before a pattern. */
  #route(method: string, path: string): string | undefined {
    const matching = Object.entries(this.document.paths)
      .filter(([, operations]) => method.toLowerCase() in operations)
      .map(([route]) => route)
      .filter((route) => new RegExp(`^${route.replaceAll(/\{\w+\}/g, '[^/]+')}/?$`).test(path));
    return matching.find((route) => !route.includes('{')) ?? matching[0];
  }

  #resolved(schema: object): z.ZodType {
    const withDefinitions = { ...schema, $defs: this.document.components.schemas };
    const text = JSON.stringify(withDefinitions).replaceAll('#/components/schemas/', '#/$defs/');
    return z.fromJSONSchema(JSON.parse(text) as JsonSchema);
  }
}
