import type { FastifyInstance, FastifyRequest } from 'fastify';
import { PosthornError } from '../domain/errors.ts';
import { parseJson } from './json.ts';

export const MAX_BODY_BYTES = 256 * 1024;

type Done = (error: Error | null, body?: unknown) => void;

/** JSON bodies only. An empty one is no body: some clients send the content type with DELETE. */
export function parseJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, bodyParser(parseJsonBody));
}

/** A body of `application/x-ndjson`: what became of each line that is not blank. */
export class JsonLines {
  readonly lines: readonly ParsedLine[];

  constructor(lines: readonly ParsedLine[]) {
    this.lines = lines;
  }
}

export type ParsedLine = { readonly value: unknown } | { readonly refusal: PosthornError };

export function parseJsonLinesBodies(app: FastifyInstance, maxLines: number): void {
  const parse = (bytes: Buffer): JsonLines | undefined =>
    bytes.length === 0 ? undefined : parseJsonLines(bytes, maxLines);
  app.addContentTypeParser('application/x-ndjson', { parseAs: 'buffer' }, bodyParser(parse));
}

/** A line that is no JSON spoils that line only. Stops one past the limit: more is refused anyway. */
function parseJsonLines(bytes: Buffer, maxLines: number): JsonLines {
  const lines: ParsedLine[] = [];
  for (let start = 0; start < bytes.length && lines.length <= maxLines;) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    if (!isBlank(bytes, start, end)) lines.push(parseLine(bytes.subarray(start, end)));
    start = end + 1;
  }
  return new JsonLines(lines);
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  }
  return true;
}

function parseLine(bytes: Buffer): ParsedLine {
  try {
    return { value: parseJson(bytes) };
  } catch (error) {
    if (error instanceof PosthornError) {
      const sentence = error.message.replace('The body', 'The line');
      return { refusal: new PosthornError(error.code, sentence) };
    }
    throw error;
  }
}

/** An empty body is none. */
export function parseJsonBody(bytes: Buffer): unknown {
  return bytes.length === 0 ? undefined : parseJson(bytes);
}

function bodyParser(parse: (bytes: Buffer) => unknown) {
  return (_request: FastifyRequest, bytes: Buffer, done: Done): void => {
    try {
      done(null, parse(bytes));
    } catch (error) {
      done(error as Error);
    }
  };
}
