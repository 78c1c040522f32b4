import { STATUS_CODES } from 'node:http';

export const JSON_TYPE = 'application/json; charset=utf-8';

/** The head of an answer that is written by hand; what follows are further lines, or a blank one. */
export function headText(status: number, headers: Readonly<Record<string, string>>): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headerLines(headers)}`;
}

export function headerLines(headers: Readonly<Record<string, string>>): string {
  let lines = '';
  for (const name in headers) lines += `${name}: ${headers[name]}\r\n`;
  return lines;
}

/** What every answer says. */
export function answerHeaders(requestId: string): Record<string, string> {
  return {
    'x-request-id': requestId,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  };
}
