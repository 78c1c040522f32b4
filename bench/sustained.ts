import { WARM_UP_MS, type BenchSettings } from './bench-case.ts';
import { drained, loadFaults, storeFaults } from './checks.ts';
import { BenchChild, type Listening } from './children.ts';
import type { ClosedLoopReport } from './closed-loop.ts';
import { CostMeter, type Cost } from './cost-meter.ts';
import type { LeadOrder } from './event-body.ts';
import { percent, whole } from './format.ts';
import type { Target } from './keep-alive-client.ts';
import type { LoadOrder } from './load.ts';
import { OthersUse } from './others-use.ts';
import { Posthorn } from './posthorn.ts';
import type { ReceiverOrder, ReceiverReport } from './receiver.ts';
import type { BenchDatabase } from './stores/bench-store.ts';

export const CLIENTS = 128;
export const CAMPAIGN_ID = 1_000;
/** Above that of the load. */
const IDLE_CAMPAIGN_ID = 1_000_000;
/** With more than this waiting at the end of the load, accepting has starved delivering. */
const MAX_WAITING = 0.05;

/** Who posts what, and whom it goes to. */
export interface Shape {
  readonly clients: number;
  readonly eventsPerRequest: number;
  readonly leads: LeadOrder;
  /** So many webhooks get each event. */
  readonly fanOut: number;
  /** So many others of the account match none of them. */
  readonly idleWebhooks: number;
}

export const CASE_A: Shape = {
  clients: CLIENTS,
  eventsPerRequest: 1,
  leads: 'rising',
  fanOut: 1,
  idleWebhooks: 0,
};

export interface Run {
  /** The relay: events passed on. Posthorn: deliveries recorded as succeeded. */
  readonly perSecond: number;
  /** The share of the machine that others used meanwhile. */
  readonly usedByOthers: number;
  readonly faults: readonly string[];
}

/** Of Posthorn. */
export interface DeliveryRun extends Run {
  /** The share of what was accepted that was not delivered when the load ended. */
  readonly waiting: number;
  readonly drainMs: number;
  /** POSTs beyond the first of each delivery. */
  readonly again: number;
}

export interface PosthornRun extends DeliveryRun {
  readonly cost: Cost;
}

export async function measureRelay(settings: BenchSettings): Promise<Run> {
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using relay = await BenchChild.start<never, Listening>('relay.ts', receiver.ready.origin);
  const load = await measureLoad({ ...relay.ready, path: '/', headers: {} }, settings, CASE_A);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  return {
    perSecond: perSecond(load.acceptedInWindow, load),
    usedByOthers: load.usedByOthers,
    faults: loadFaults('The relay', [load], received),
  };
}

/**
 * Of Posthorn on this database, in production settings; it leaves no webhook behind, but those that
 * take no part.
 */
export async function measurePosthorn(
  name: string,
  database: BenchDatabase,
  settings: BenchSettings,
  shape: Partial<Shape> = {},
): Promise<PosthornRun> {
  const { fanOut, idleWebhooks, ...loadShape } = { ...CASE_A, ...shape };
  await using receiver = await BenchChild.start<ReceiverOrder, Listening>('receiver.ts');
  await using posthorn = await Posthorn.start(database);
  await posthorn.createWebhooks(idleWebhooks, receiver.ready.origin, (i) => IDLE_CAMPAIGN_ID + i);
  const webhooks = await posthorn.createWebhooks(fanOut, receiver.ready.origin);
  const meter = new CostMeter(posthorn.pid);
  const load = await measureLoad(posthorn.events, settings, loadShape);
  const drainMs = await drained(database);
  const cost = meter.per(load.accepted * fanOut);
  const received = await receiver.order<ReceiverReport>({ kind: 'report' });
  for (const id of webhooks) await posthorn.deleteWebhook(id);
  await posthorn.stop();
  const stored = await database.storedCounts(posthorn.startedAt, load);
  const deliveries = load.accepted * fanOut;
  const waiting = stored.waitingAtEnd / deliveries;
  const faults = [
    ...loadFaults(name, [load], received),
    ...storeFaults(name, [load], stored, fanOut),
    ...waitingFaults(name, waiting),
  ];
  return {
    perSecond: perSecond(stored.succeededInWindow, load),
    usedByOthers: load.usedByOthers,
    waiting,
    drainMs,
    again: received.requests - deliveries,
    cost,
    faults,
  };
}

export function waitingFaults(name: string, waiting: number): string[] {
  return waiting > MAX_WAITING ? [`${name}: ${percent(waiting)} waited at the load's end`] : [];
}

/** Keep-alive, closed loop. */
export async function measureLoad(
  target: Target,
  { seconds }: BenchSettings,
  { clients, eventsPerRequest, leads }: Pick<Shape, 'clients' | 'eventsPerRequest' | 'leads'>,
): Promise<ClosedLoopReport & Pick<Run, 'usedByOthers'>> {
  const use = new OthersUse();
  await using load = await BenchChild.start<LoadOrder>('load.ts');
  const report = await load.order<ClosedLoopReport>({
    kind: 'closed',
    target,
    campaignId: CAMPAIGN_ID,
    clients,
    eventsPerRequest,
    leads,
    warmUpMs: WARM_UP_MS,
    measureMs: seconds * 1_000,
  });
  return { ...report, usedByOthers: use.share };
}

export function perSecond(count: number, { from, to }: { from: number; to: number }): number {
  return (count / (to - from)) * 1_000;
}

/** What a line says of a run beside its throughput. */
export function runText({ waiting, drainMs, again }: DeliveryRun): string {
  return `${percent(waiting)} waiting at the end, drained in ${whole(drainMs)} ms, sent again ${again}`;
}
