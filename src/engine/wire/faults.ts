import { SendFailure } from '../send-failure.ts';

/** So much of an answer's head is read, and so much of its trailers and of its chunks' extensions. */
export const MAX_HEAD_BYTES = 16 * 1024;

export function notHttp(): SendFailure {
  return new SendFailure('unreachable', 'The answer is not valid HTTP.');
}

export function headersTooLarge(): SendFailure {
  return new SendFailure('unreachable', "The answer's headers are too large.");
}

export function unaskedFor(): SendFailure {
  const sentence = 'The receiver answered 100 or 101, which nothing asked for.';
  return new SendFailure('unreachable', sentence);
}

export function closedEarly(): SendFailure {
  const sentence = 'The receiver closed the connection before its answer was whole.';
  return new SendFailure('unreachable', sentence);
}
