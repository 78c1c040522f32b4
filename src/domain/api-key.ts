import { hash } from 'node:crypto';

/** The form in which keys are stored and remembered. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex');
}
