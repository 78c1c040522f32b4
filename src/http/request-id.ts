import { randomBytes } from 'node:crypto';

const POOL_IDS = 512;
const ID_BYTES = 6;

let pool = '';
let used = 0;

/** A short random id for one request. Cut from a pool: a call for each would cost more than routing. */
export function newRequestId(): string {
  if (used === pool.length) {
    pool = randomBytes(POOL_IDS * ID_BYTES).toString('hex');
    used = 0;
  }
  used += ID_BYTES * 2;
  return pool.slice(used - ID_BYTES * 2, used);
}
