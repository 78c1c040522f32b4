import { it } from 'node:test';
import { pause, seededRandom, startEndpoints } from './crash-scene.ts';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { Redoing } from './redoing.ts';

const KILLS = 10;
/** A request that began before the pause was answered has arrived by then. */
const QUIET_AFTER_MS = 250;

const ENV = {
  POSTHORN_RETRY_SCHEDULE: Array.from({ length: 40 }, () => '100ms').join(','),
  POSTHORN_REQUEST_TIMEOUT: '600ms',
  LOG_LEVEL: 'error',
};

it('puts back all that it should, each once, through kills', { timeout: 300_000 }, async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  await using directory = await temporaryDirectory();
  await using receiver = await startEndpoints(random);
  const start = (): Promise<PosthornProcess> =>
    PosthornProcess.start({ directory: directory.path, env: ENV });
  let server = await start();
  try {
    const redoing = new Redoing(
      { receiver, servers: () => [server], quietAfterMs: QUIET_AFTER_MS },
      random,
    );
    await redoing.prepare();
    const running = redoing.run();
    for (let kills = 0; kills < KILLS; kills += 1) {
      await pause(150 + random() * 700);
      await server.end('SIGKILL');
      server = await start();
    }
    redoing.end();
    await running;
    await redoing.check();
    t.diagnostic(`kills ${KILLS}; ${JSON.stringify(redoing.counts)}`);
  } finally {
    await server.end('SIGKILL');
  }
});
