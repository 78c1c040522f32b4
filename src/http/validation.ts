import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { faultsOf, plainIssue, validationError } from '../dialect/faults.ts';

/** Validates by the zod schema that also documents, with every fault in plain words. */
export const zodValidator: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart }) =>
  (given: unknown) => {
    // No body at all lacks the same fields as an empty one.
    const data = httpPart === 'body' ? (given ?? {}) : given;
    const parsed = schema.safeParse(data, { error: plainIssue });
    return parsed.success
      ? { value: parsed.data }
      : { error: validationError(faultsOf(parsed.error)) };
  };
