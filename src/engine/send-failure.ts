import type { Outcome } from '../domain/attempt.ts';

/** A request that got no usable answer; its message is the sentence that the attempt records. */
export class SendFailure extends Error {
  override readonly name = 'SendFailure';
  readonly outcome: Extract<Outcome, 'timed_out' | 'unreachable' | 'blocked'>;

  constructor(outcome: SendFailure['outcome'], sentence: string) {
    super(sentence);
    this.outcome = outcome;
  }
}

/**
 * Whatever the network or TLS complains of, as a failure with a sentence of ours. Messages of
 * other makers are not passed on: they may hold what the receiver sent, or the request itself.
 */
export function sendFailure(error: unknown): SendFailure {
  if (error instanceof SendFailure) return error;
  // Several addresses were tried: the last one had the most time.
  if (error instanceof AggregateError) return sendFailure(error.errors.at(-1));
  return new SendFailure('unreachable', sentence(error));
}

/** "15 s", "0.5 s". */
export function seconds(ms: number): string {
  return `${ms / 1_000} s`;
}

function sentence(error: unknown): string {
  const { code = 'unknown', ...place } = (error ?? {}) as SystemError;
  const known = SENTENCES[code];
  if (known !== undefined) return known;
  if (code === 'ECONNREFUSED') return `Connection refused by ${placeOf(place)}.`;
  if (UNREACHABLE_CODES.has(code)) return `${placeOf(place)} cannot be reached.`;
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO')
    return `The TLS handshake failed (${code}).`;
  return CERTIFICATE_CODE.test(code)
    ? `The certificate could not be verified (${code}).`
    : `The request failed (${code}).`;
}

interface SystemError {
  readonly code?: string;
  readonly address?: string;
  readonly port?: number;
}

function placeOf({ address, port }: SystemError): string {
  if (address === undefined) return 'The receiver';
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

const UNREACHABLE_CODES = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'EHOSTDOWN']);

/** OpenSSL's names for what is wrong with a chain, for example UNABLE_TO_GET_ISSUER_CERT. */
const CERTIFICATE_CODE = /CERT|CRL|SIGNATURE|ISSUER|SUBJECT|INVALID_CA|INVALID_PURPOSE|HOSTNAME/;

const SENTENCES: Readonly<Record<string, string>> = {
  ECONNRESET: 'The receiver reset the connection.',
  EPIPE: 'The receiver closed the connection while the request was sent.',
  ETIMEDOUT: 'The connection timed out.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'The certificate is self-signed.',
  SELF_SIGNED_CERT_IN_CHAIN: 'The certificate is signed by an authority that is not trusted.',
  CERT_HAS_EXPIRED: 'The certificate has expired.',
  CERT_NOT_YET_VALID: 'The certificate is not valid yet.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'The certificate is for another host.',
};
