import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver } from './receiver.ts';
import { createWebhook, delivery, inStatus, putIn } from './scene.ts';
import { waitFor } from './wait-for.ts';

const ENV = { POSTHORN_RETRY_SCHEDULE: '200ms,200ms,200ms', LOG_LEVEL: 'warn' };

async function done(server: PosthornProcess, path: string): Promise<void> {
  const { status, json } = await server.call('POST', `/api/v1/webhook/${path}`);
  assert.deepEqual([status, json], [200, { ok: true }]);
}

function about(campaign: number): Record<string, unknown> {
  return { association_type: 3, email_campaign_id: campaign };
}

describe('a paused webhook', () => {
  it('gets nothing from the answer on, and all that waited in order once it is resumed', async () => {
    await using directory = await temporaryDirectory();
    await using receiver = await Receiver.start();
    const options = { directory: directory.path, env: ENV };
    const { id, events } = await (async () => {
      await using server = await PosthornProcess.start(options);
      // One at a time, so that the order of arrival is the order in which they were started.
      const webhook = await createWebhook(server, `${receiver.url}/p`, {
        ...about(1),
        concurrency: 1,
      });
      const other = await createWebhook(server, `${receiver.url}/other`);
      await done(server, `${webhook.id}/pause`);
      const ids: string[] = [];
      for (let i = 0; i < 20; i += 1) ids.push(await putIn(server));
      await inStatus(server, ids.at(-1) ?? '', other.id, 'succeeded');
      assert.equal(receiver.at('/p').length, 0);
      for (const event of ids) {
        const found = await delivery(server, event, webhook.id);
        assert.deepEqual([found['status'], found['attempt_count']], ['pending', 0]);
      }
      await server.end('SIGKILL');
      return { id: webhook.id, events: ids };
    })();
    // Another process, which has never had anything of it in memory.
    await using server = await PosthornProcess.start(options);
    const marker = await createWebhook(server, `${receiver.url}/m`, about(2));
    const marked = await putIn(server, { campaign_id: 2 });
    await inStatus(server, marked, marker.id, 'succeeded');
    assert.equal(receiver.at('/p').length, 0, 'neither does a restart send it');
    await done(server, `${id}/resume`);
    await waitFor('all have arrived', () => receiver.at('/p').length >= events.length);
    assert.deepEqual(
      receiver.at('/p').map(({ headers }) => headers['webhook-id']),
      events,
    );
    for (const event of events) await inStatus(server, event, id, 'succeeded');
  });

  it('gets no retry of what was in flight, until it is resumed', async () => {
    await using directory = await temporaryDirectory();
    const seen = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    await using receiver = await Receiver.start((received, response) => {
      if (received.path !== '/p') return answer(received, response, 200);
      seen.resolve();
      void goOn.promise.then(() =>
        answer(received, response, receiver.at('/p').length > 1 ? 200 : 500),
      );
    });
    await using server = await PosthornProcess.start({ directory: directory.path, env: ENV });
    const webhook = await createWebhook(server, `${receiver.url}/p`);
    const event = await putIn(server);
    await seen.promise;
    await done(server, `${webhook.id}/pause`);
    goOn.resolve();
    const failed = await waitFor('the attempt is recorded', async () => {
      const found = await delivery(server, event, webhook.id);
      return found['attempt_count'] === 1 && found;
    });
    assert.equal(failed['status'], 'pending');
    const due = Date.parse(String(failed['next_attempt_at']));
    await waitFor('its next attempt is long due', () => Date.now() > due + 500);
    assert.equal(receiver.at('/p').length, 1);
    await done(server, `${webhook.id}/resume`);
    await inStatus(server, event, webhook.id, 'succeeded');
    assert.equal(receiver.at('/p').length, 2);
  });

  it('is what a disabled one cannot be; resumed, that is active again and what it missed stays canceled', async () => {
    await using directory = await temporaryDirectory();
    let status = 410;
    await using receiver = await Receiver.start((received, response) =>
      answer(received, response, status),
    );
    await using server = await PosthornProcess.start({ directory: directory.path, env: ENV });
    const webhook = await createWebhook(server, receiver.url);
    const gone = await putIn(server);
    await inStatus(server, gone, webhook.id, 'canceled');
    const refused = await server.call('POST', `/api/v1/webhook/${webhook.id}/pause`);
    assert.deepEqual([refused.status, refused.json['code']], [409, 'conflict']);
    status = 200;
    await done(server, `${webhook.id}/resume`);
    await inStatus(server, await putIn(server), webhook.id, 'succeeded');
    assert.equal((await delivery(server, gone, webhook.id))['status'], 'canceled');
    const { json } = await server.call('GET', `/api/v1/webhook/${webhook.id}`);
    const { status: now, disabled_reason: reason } = json['data'] as Record<string, unknown>;
    assert.deepEqual([now, reason], ['active', null]);
  });
});
