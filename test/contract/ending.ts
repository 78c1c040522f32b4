/** What a promise has come to so far, without waiting for it. */
export function endingSoFar(promise: Promise<unknown>): Promise<'resolved' | 'rejected' | 'none'> {
  return Promise.race([
    promise.then(
      () => 'resolved' as const,
      () => 'rejected' as const,
    ),
    new Promise<'none'>((resolve) => setImmediate(resolve, 'none')),
  ]);
}
