/** One fault of one field of a request or a setting. */
export interface FieldIssue {
  readonly field: string;
  readonly issue: string;
}

/** Every code a caller can meet. HTTP statuses belong to the HTTP face. */
export type ErrorCode =
  | 'malformed_json'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'validation_error'
  | 'similar_webhook_exists'
  | 'rate_limited'
  | 'internal_error'
  | 'unavailable'
  | 'overloaded';

/** An error that the caller is told of, with a sentence fit for them. */
export class PosthornError extends Error {
  override readonly name = 'PosthornError';
  readonly code: ErrorCode;
  readonly details: readonly FieldIssue[];
  /** Further fields of the answer, for example `existing_webhook_id`. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: readonly FieldIssue[]; extra?: Record<string, unknown> } = {},
  ) {
    super(message);
    this.code = code;
    this.details = options.details ?? [];
    this.extra = options.extra ?? {};
  }
}
