import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import Database from 'better-sqlite3';
import { temporaryDirectory } from './ground.ts';
import { PosthornProcess } from './posthorn-process.ts';
import { Receiver } from './receiver.ts';

interface Version {
  readonly status: string;
  readonly event_type_map: string | null;
}

/** The webhook as it was at an account's version, told from what is on disk alone. */
const AT_VERSION = `SELECT status, event_type_map FROM webhook_version
  WHERE webhook_id = ? AND version <= (SELECT account_version FROM event WHERE hex(id) = upper(?))
  ORDER BY version DESC LIMIT 1`;

it('keeps with each event what every webhook was then, so that it can be told why', async () => {
  await using directory = await temporaryDirectory();
  await using receiver = await Receiver.start();
  await using server = await PosthornProcess.start({ directory: directory.path });
  const post = async (): Promise<{ id: string; deliveries: number }> => {
    const event = { event_type: 'SENT', campaign_id: 1, lead_email: 'a@example.com' };
    const { json } = await server.call('POST', '/api/v1/events', event);
    return (json['events'] as [{ id: string; deliveries: number }])[0];
  };
  const beforeAll = await post();
  const { json } = await server.call('POST', '/api/v1/webhook/create', {
    webhook_url: receiver.url,
    association_type: 1,
  });
  const webhook = Number(json['id']);
  const matched = await post();
  const update = (types: Record<string, boolean>) =>
    server.call('PUT', `/api/v1/webhook/update/${webhook}`, { event_type_map: types });
  await update({ REPLIED: true });
  const notSubscribed = await post();
  await update({ SENT: true });
  const matchedAgain = await post();
  await server.call('DELETE', `/api/v1/webhook/delete/${webhook}`);
  const deleted = await post();
  await server.end('SIGTERM');

  const database = new Database(join(directory.path, 'posthorn.db'), { readonly: true });
  try {
    const then = ({ id }: { id: string }): [string, unknown] | undefined => {
      const found = database
        .prepare<[number, string], Version>(AT_VERSION)
        .get(webhook, id.slice(4));
      return found && [found.status, JSON.parse(found.event_type_map ?? 'null')];
    };
    assert.deepEqual([beforeAll.deliveries, then(beforeAll)], [0, undefined]);
    assert.deepEqual([matched.deliveries, then(matched)], [1, ['active', null]]);
    assert.deepEqual(
      [notSubscribed.deliveries, then(notSubscribed)],
      [0, ['active', { REPLIED: true }]],
    );
    assert.deepEqual(
      [matchedAgain.deliveries, then(matchedAgain)],
      [1, ['active', { SENT: true }]],
    );
    assert.deepEqual([deleted.deliveries, then(deleted)], [0, ['deleted', { SENT: true }]]);
  } finally {
    database.close();
  }
});
