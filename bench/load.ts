/** Posts events, as a process of its own: what that costs must not count as the server's. */
import { runClosedLoop, type ClosedLoop } from './closed-loop.ts';
import { runOpenLoop, type OpenLoop } from './open-loop.ts';

export type LoadOrder = ClosedLoop | OpenLoop;

/** Goes on from one order to the next: every event that this process posts has its own number. */
let nextNumber = 0;

process.on('message', (order: LoadOrder) => void run(order));
process.send?.({});
process.once('disconnect', () => process.exit());

async function run(order: LoadOrder): Promise<void> {
  const first = nextNumber;
  const report =
    order.kind === 'closed' ? await runClosedLoop(order, first) : await runOpenLoop(order, first);
  nextNumber += report.posted;
  process.send?.(report);
}
