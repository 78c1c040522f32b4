import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { anAccept, batchOf, whileItWrites } from './busy-writer.ts';

// Run by failed-sync.test.ts under strace: a large commit, and three that wait behind it. Says of each
// whether it was promised, or why not.
const [file = ''] = process.argv.slice(2);
const store = await SqliteStore.open(file, 'node');
let broken = false;
store.broken.catch(() => (broken = true));
const accountId = await store.createAccount('one');
const { version } = await store.account(accountId);
const { first, calls } = await whileItWrites(
  { store, file, accountId, version },
  () => Array.from({ length: 3 }, () => store.commit(batchOf(anAccept(accountId, version)))),
  // Few enough that no checkpoint follows, which would sync the log too.
  50_000,
);
const results = await Promise.allSettled([first, ...calls]);
const ends = results.map((one) =>
  one.status === 'fulfilled' ? 'promised' : (one.reason as Error).name,
);
process.stdout.write(JSON.stringify({ ends, broken }));
process.exit(0);
