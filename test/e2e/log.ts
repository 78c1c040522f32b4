import assert from 'node:assert/strict';
import { it } from 'node:test';
import { temporaryDirectory } from './ground.ts';
import { API_KEY, PosthornProcess } from './posthorn-process.ts';
import { answer, Receiver } from './receiver.ts';
import { waitFor } from './wait-for.ts';

/** What is told in confidence, by where: none of it may come up in the log. */
const CONFIDENTIAL = {
  'the key': API_KEY,
  'a key that is not known': 'not-a-key-of-anybody',
  'the query of a URL': 'token-of-the-receiver',
  'the path of a URL': 'path-of-the-receiver',
  'the lead': 'lead-in-confidence@example.com',
  'the subject': 'subject-in-confidence',
  'the message': 'message-in-confidence',
  'a further field': 'field-in-confidence',
  'what was refused': 'refused-in-confidence',
  'a header of an answer': 'header-in-confidence',
  'the reason of an answer': 'reason-in-confidence',
  'the name of a webhook': 'name-in-confidence',
};

it('says what happened, at its most talkative, and nothing that was told in confidence', async () => {
  await using directory = await temporaryDirectory();
  const statuses = [500, 200, 410];
  await using receiver = await Receiver.start((received, response) => {
    response.setHeader('x-secret', CONFIDENTIAL['a header of an answer']);
    if (received.path === '/gone') return answer(received, response, 410);
    response.statusMessage = CONFIDENTIAL['the reason of an answer'];
    answer(received, response, statuses.shift() ?? 200);
  });
  await using server = await PosthornProcess.start({
    directory: directory.path,
    env: { LOG_LEVEL: 'trace', POSTHORN_RETRY_SCHEDULE: '100ms,100ms' },
  });
  const path = `/${CONFIDENTIAL['the path of a URL']}?token=${CONFIDENTIAL['the query of a URL']}`;
  const secrets: string[] = [];
  for (const url of [receiver.url + path, `${receiver.url}/gone`]) {
    const { json } = await server.call('POST', '/api/v1/webhook/create', {
      webhook_url: url,
      association_type: 1,
      name: CONFIDENTIAL['the name of a webhook'],
    });
    secrets.push(String(json['secret']));
  }
  const event = {
    event_type: 'REPLIED',
    campaign_id: 1,
    lead_email: CONFIDENTIAL['the lead'],
    subject: CONFIDENTIAL['the subject'],
    message: CONFIDENTIAL['the message'],
    further: CONFIDENTIAL['a further field'],
  };
  await server.call('POST', '/api/v1/events', { ...event, event_id: 'one' });
  await server.call('POST', '/api/v1/events', { ...event, event_id: 'one' });
  const refused = { event_type: CONFIDENTIAL['what was refused'] };
  assert.equal((await server.call('POST', '/api/v1/events', refused)).status, 422);
  await server.call('GET', `/api/v1/deliveries?api_key=${API_KEY}&cursor=x`);
  await server.call('GET', `/api/v1/webhook?api_key=${CONFIDENTIAL['a key that is not known']}`);
  await waitFor('every delivery has ended', async () => {
    const { json } = await server.call('GET', '/api/v1/deliveries?status=pending');
    return receiver.received.length >= 3 && (json['data'] as unknown[]).length === 0;
  });
  await server.call('PUT', '/api/v1/webhook/update/1', { webhook_url: `${receiver.url}/other` });
  await server.call('PUT', '/api/v1/campaigns/1', { name: CONFIDENTIAL['what was refused'] });
  await server.call('DELETE', '/api/v1/webhook/delete/1');
  await server.end('SIGTERM');

  const said = server.output;
  for (const line of [
    'server.started',
    'event.accepted',
    'attempt.ended',
    'webhook.created',
    'webhook.updated',
    'webhook.disabled',
    'webhook.deleted',
    'campaign.declared',
    'server.stopped',
  ]) {
    assert.ok(said.includes(`"msg":"${line}"`), `${line} is logged`);
  }
  for (const [what, text] of Object.entries(CONFIDENTIAL)) {
    assert.equal(said.includes(text), false, what);
  }
  for (const secret of secrets) {
    assert.match(secret, /^whsec_/);
    assert.equal(said.includes(secret.slice('whsec_'.length)), false, 'a secret');
  }
  for (const { headers } of receiver.received) {
    assert.equal(said.includes(String(headers['webhook-signature'])), false, 'a signature');
  }
});
