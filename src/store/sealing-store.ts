/** What one step of bringing secrets under another key did. */
export interface ResealStep {
  readonly changed: number;
  /** The last webhook that was looked at; null: there is none after those before. */
  readonly last: number | null;
}

/** Changing the key that secrets are encrypted with. */
export interface SealingStore {
  /**
   * Encrypts the secrets of the next `limit` webhooks after `after`, by id, with the first key, where
   * that is not how they are stored. After the last one nothing of what was there before is left in the
   * store's own file, where it has one.
   */
  reseal(after: number, limit: number): Promise<ResealStep>;
}
