import type { BenchCase, BenchSettings } from '../bench-case.ts';
import { besideEmpty } from '../beside-empty.ts';
import { whole } from '../format.ts';
import { pairsResult, type Pairs } from '../pairs.ts';
import { Posthorn } from '../posthorn.ts';
import type { BenchDatabase, BenchStore } from '../stores/bench-store.ts';

const SIZES = [1_000_000, 10_000_000];
const DAY_MS = 24 * 60 * 60 * 1_000;
/** Within the time that Posthorn keeps things, and up to a while ago. */
const FROM_DAYS_AGO = 29;
const TO_MS_AGO = 60_000;

/** As case (a), on a store that months have filled, in turns with an empty one. */
export const aged: BenchCase = {
  letter: 'h',
  title: `A store with ${SIZES.map(whole).join(' and ')} ended deliveries`,
  long: true,
  async run(settings) {
    const measured: Pairs[] = [];
    for (const deliveries of SIZES) {
      for (const store of settings.stores) {
        await using database = await filled(store, deliveries, settings);
        const name = `${store.name}, ${whole(deliveries)} ended`;
        measured.push(await besideEmpty(name, store, database, settings));
      }
    }
    return pairsResult(measured);
  },
};

/** By Posthorn and then by SQL: accounts and tables are made as they always are. */
async function filled(
  store: BenchStore,
  deliveries: number,
  settings: BenchSettings,
): Promise<BenchDatabase> {
  const began = performance.now();
  const database = await store.fresh();
  await using posthorn = await Posthorn.start(database);
  await posthorn.stop();
  const now = Date.now();
  const history = { deliveries, from: now - FROM_DAYS_AGO * DAY_MS, to: now - TO_MS_AGO };
  await database.addHistory(history);
  const seconds = (performance.now() - began) / 1_000;
  settings.print(`  ${store.name} filled with ${whole(deliveries)} in ${whole(seconds)} s`);
  return database;
}
