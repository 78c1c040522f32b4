import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { validationError } from '../dialect/faults.ts';
import { PosthornError, type ErrorCode } from '../domain/errors.ts';
import { InvalidCursor, StoreUnavailable } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import { JSON_TYPE } from './answer-headers.ts';

/** The one place where codes become HTTP statuses. */
export const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  malformed_json: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  validation_error: 422,
  similar_webhook_exists: 422,
  rate_limited: 429,
  internal_error: 500,
  unavailable: 503,
  overloaded: 503,
};

const RETRY_AFTER_SECONDS = '1';

/** What Fastify refuses by itself, in our words. */
const FASTIFY_ERRORS: Readonly<Record<string, [code: ErrorCode, message: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['payload_too_large', 'The body is too large'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'malformed_json',
    'The body is not as long as content-length says',
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'Send the body as JSON, with content-type: application/json',
  ],
};

/** The one envelope of every error. */
export function errorBody(
  code: string,
  message: string,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return { ok: false, error: message, message, code, ...more };
}

/** How a request is named in the log. */
interface RequestName {
  readonly id: string;
  readonly method: string;
  readonly route: string;
}

/** An error as it is answered. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

export function errorHandler(log: Log) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { id, method, routeOptions } = request;
    const given = isCutOff(error, request) ? cutOff() : error;
    return send(reply, errorAnswer(given, { id, method, route: routeOptions.url ?? 'none' }, log));
  };
}

export function notFoundHandler(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = new PosthornError('not_found', 'There is nothing at this path');
  return send(reply, answerOf(error));
}

/** What is answered to a request that failed; what is nobody's fault but ours is logged. */
export function errorAnswer(error: unknown, request: RequestName, log: Log): ErrorAnswer {
  const known = knownError(error);
  if (known) return answerOf(known);
  const refusal = statusOfRefusal(error);
  if (refusal !== undefined) return refusalAnswer(refusal, STATUS_CODES[refusal] ?? '');
  log.requestFailed(request, error);
  return answerOf(internalError(request.id));
}

function answerOf(error: PosthornError): ErrorAnswer {
  const status = STATUS_OF[error.code];
  const details = error.details.length > 0 ? { details: error.details } : {};
  return {
    status,
    headers: status === 503 ? { 'retry-after': RETRY_AFTER_SECONDS } : {},
    body: errorBody(error.code, error.message, { ...details, ...error.extra }),
  };
}

/** A status that is not ours, with the code that is nearest to it. */
function refusalAnswer(status: number, message: string): ErrorAnswer {
  const code = Object.entries(STATUS_OF).find(([, known]) => known === status)?.[0];
  return { status, headers: {}, body: errorBody(code ?? 'validation_error', message) };
}

function send(reply: FastifyReply, { status, headers, body }: ErrorAnswer): FastifyReply {
  return reply.code(status).headers(headers).type(JSON_TYPE).serializer(JSON.stringify).send(body);
}

function knownError(error: unknown): PosthornError | undefined {
  if (error instanceof PosthornError) return error;
  if (error instanceof StoreUnavailable) {
    return new PosthornError('unavailable', 'The store is unavailable; try again');
  }
  if (error instanceof InvalidCursor) {
    return validationError([{ field: 'cursor', issue: 'is no cursor of this list' }]);
  }
  const [code, message] = FASTIFY_ERRORS[(error as Partial<FastifyError>)?.code ?? ''] ?? [];
  return code && message ? new PosthornError(code, message) : undefined;
}

/**
 * Where Fastify or a plugin of it says that the caller is at fault, in words that are not passed on:
 * they may repeat the URL, which may have a key.
 */
function statusOfRefusal(error: unknown): number | undefined {
  const { statusCode = 500 } = (error ?? {}) as Partial<FastifyError>;
  return statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}

/** The caller went away before its body had come in: no failure of ours, and nobody to tell. */
function isCutOff(error: unknown, { raw }: FastifyRequest): boolean {
  return (error as Partial<NodeJS.ErrnoException>)?.code === 'ECONNRESET' && !raw.complete;
}

function cutOff(): PosthornError {
  return new PosthornError('malformed_json', 'The body did not come in whole');
}

function internalError(requestId: string): PosthornError {
  return new PosthornError('internal_error', `Something went wrong here; request ${requestId}`, {
    extra: { request_id: requestId },
  });
}
