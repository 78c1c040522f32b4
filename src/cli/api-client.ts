type Json = Record<string, unknown>;

/** The server refused, and says why. */
export class ApiRefused extends Error {
  override readonly name = 'ApiRefused';
}

/** The server cannot be reached, or is not able to answer now. */
export class ApiUnavailable extends Error {
  override readonly name = 'ApiUnavailable';
}

/** Counting millions takes its time. */
const ANSWER_LIMIT_MS = 10 * 60_000;

/** Calls the API of a running server, as any other client does. */
export class ApiClient {
  readonly #url: string;
  readonly #apiKey: string;

  constructor(url: string, apiKey: string) {
    this.#url = url.replace(/\/+$/, '');
    this.#apiKey = apiKey;
  }

  /** The answer's `data`. */
  async call(method: 'GET' | 'POST', path: string, body?: Json): Promise<Json> {
    const { status, text } = await this.#send(method, path, body);
    const answer = parse(text);
    if (status === 200 && answer?.['ok'] === true) return (answer['data'] ?? {}) as Json;
    const error = answer?.['error'];
    if (typeof error !== 'string') {
      throw new ApiRefused(`What answers at ${this.#url} is no Posthorn: status ${status}`);
    }
    throw status === 503 ? new ApiUnavailable(error) : new ApiRefused(error);
  }

  async #send(
    method: string,
    path: string,
    body?: Json,
  ): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(`${this.#url}/api/v1${path}`, {
        method,
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
        redirect: 'error',
        headers: {
          authorization: `Bearer ${this.#apiKey}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { status: response.status, text: await response.text() };
    } catch (error) {
      const { message, cause } = error as Error;
      const why = cause instanceof Error ? cause.message : message;
      throw new ApiUnavailable(`No server can be reached at ${this.#url}: ${why}`);
    }
  }
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
