import { eventIdMaker } from '../../src/domain/ids.ts';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';

/** Commits until the log is well past its checkpoint, and prints what was told meanwhile. For a child process. */
const [file = ''] = process.argv.slice(2);
const COMMITS = 20;
const EVENTS = 10;

const lines: string[] = [];
const taskFailed = (task: string, error: unknown): void => {
  lines.push(`${task}: ${error instanceof Error ? error.message : String(error)}`);
};
const store = await SqliteStore.open(file, 'node', { taskFailed });
const accountId = await store.createAccount('one');
const newEventId = eventIdMaker();
let commits = 0;
for (; commits < COMMITS; commits += 1) {
  const accepts = Array.from({ length: EVENTS }, () => ({
    event: {
      id: newEventId(),
      accountId,
      callerEventId: null,
      type: 'SENT' as const,
      campaignId: 1,
      clientId: null,
      leadEmail: 'a@b.c',
      categoryId: null,
      body: 'x'.repeat(250_000),
    },
    accountVersion: 0,
    deliveries: [],
  }));
  await store.commit({ records: [], accepts });
}
console.log(JSON.stringify({ commits, lines }));
// Closing would checkpoint once more.
process.exit(0);
