import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ADDRESS_CASES } from '../engine/address-cases.ts';
import { INVALID_HOSTS } from '../engine/no-addresses.ts';
import { ApiServer, type Json } from './api-server.ts';

let server: ApiServer;
let existing: number;
before(async () => {
  server = await ApiServer.start();
  const { json } = await create('example.com');
  existing = Number(json['id']);
});
after(() => server[Symbol.asyncDispose]());

let made = 0;
function create(host: string): Promise<{ status: number; json: Json }> {
  made += 1;
  const webhook_url = `https://${host}/hook/${made}`;
  return server.call('POST', '/webhook/create', { webhook_url, association_type: 1 });
}

function update(host: string): Promise<{ status: number; json: Json }> {
  const webhook_url = `https://${host}/hook`;
  return server.call('PUT', `/webhook/update/${existing}`, { webhook_url });
}

describe('a webhook whose URL has an address for a host', () => {
  for (const { title, verdict, hosts } of ADDRESS_CASES) {
    it(`is ${verdict === 'allowed' ? 'taken' : 'a 422'} in any spelling: ${title}`, async () => {
      for (const host of hosts) {
        // Public, but with a user before it: refused for that.
        const taken = verdict === 'allowed' && !host.includes('@');
        for (const { status, json } of [await create(host), await update(host)]) {
          assert.equal(status, taken ? 200 : 422, host);
          if (taken) continue;
          const fields = (json['details'] as Json[]).map(({ field }) => field);
          assert.deepEqual(fields, ['webhook_url'], host);
        }
      }
    });
  }

  it('is a 422 where the host is none at all', async () => {
    for (const host of INVALID_HOSTS) assert.equal((await create(host)).status, 422, host);
  });
});

describe('a webhook whose URL has a name for a host', () => {
  it('is taken: what a name leads to is judged when sending', async () => {
    for (const host of ['localhost', 'metadata.google.internal', '127.0.0.1.nip.io']) {
      assert.equal((await create(host)).status, 200, host);
    }
  });
});
