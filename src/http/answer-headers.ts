export const JSON_TYPE = 'application/json; charset=utf-8';

/** What every answer says. */
export function answerHeaders(requestId: string): Record<string, string> {
  return {
    'x-request-id': requestId,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  };
}
