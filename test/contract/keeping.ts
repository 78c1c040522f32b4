import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EVENT_TYPES } from '../../src/domain/event.ts';
import type { Attempt } from '../../src/domain/attempt.ts';
import { anAttempt, delivered, retryAt } from './examples.ts';
import { TestAccount } from './test-account.ts';
import type { TestStore } from './test-store.ts';

const LATER = 1_900_000_000_000;
const LARGEST_ID = 2 ** 53 - 1;

/** Texts as they come in: any Unicode but NUL and lone surrogates, which are refused before. */
const text = fc
  .string({ unit: 'binary', maxLength: 40 })
  .map((characters) => characters.replaceAll('\0', '\u2028'));

const ODD_TEXTS = [
  '',
  ' ',
  '🎺',
  'a\u2028b\u2029c',
  'e\u0301 is not é',
  '\ufeff\u200b\uffff\u{10ffff}',
  '\r\n\t\u0001',
  `"quotes' \\ and $1 %s ?`,
  'null',
];

/** Attempts as senders make them, at the ends of what they may say. */
const ATTEMPTS: Partial<Attempt>[] = [
  {},
  { outcome: 'rejected', response: { status: 599, headers: {}, body: '' } },
  {
    outcome: 'rejected',
    response: {
      status: 302,
      headers: {
        'set-cookie': ['a=1; Path=/', 'b=2', 'b=2'],
        'x-latin1': 'caf\u00e9',
        'x-empty': '',
        constructor: 'a',
        '1': 'b',
      },
      body: '🎺\u2028\ufffd',
    },
  },
  { outcome: 'timed_out', response: null, error: 'No answer within 15 s.', durationMs: 15_000 },
  { outcome: 'unreachable', response: null, error: '', durationMs: 0 },
  { outcome: 'blocked', response: null, error: '🎺', url: 'http://[::1]:1/ü?a=1#b' },
  { signature: 'v1,a= v1,b=', userAgent: 'Posthorn/9.9.9 (ü)', startedAt: 0 },
];

export function keeping(opened: TestStore): void {
  describe('what is stored comes back as it was:', () => {
    it('every field of an event, null or not', async () => {
      const account = await TestAccount.create(opened);
      for (const type of EVENT_TYPES) {
        const event = await account.accept([], { type, callerEventId: type });
        assert.deepEqual(await account.store.event(account.id, event.id), event);
      }
      const ids = { campaignId: LARGEST_ID, clientId: LARGEST_ID, categoryId: LARGEST_ID };
      for (const more of [
        ids,
        { clientId: 1, categoryId: null, leadEmail: null },
        { clientId: null, categoryId: 1, leadEmail: 'Jürgen+X@Example.COM' },
      ]) {
        const event = await account.accept([], more);
        assert.deepEqual(await account.store.event(account.id, event.id), event);
      }
      const [found, ...others] = await account.events({ clientId: LARGEST_ID });
      assert.partialDeepStrictEqual(found, ids);
      assert.deepEqual(others, []);
    });

    it('bodies and ids of any Unicode, also side by side in one batch', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const version = await account.version();
      let made = 0;
      const store = async (bodies: readonly string[], texts: readonly string[]): Promise<void> => {
        const accepts = bodies.map((body, i) => {
          const leadEmail = texts[i] ?? null;
          const callerEventId = leadEmail === null ? null : `${(made += 1)} ${leadEmail}`;
          return account.entryAt(version, [webhook], { body, leadEmail, callerEventId });
        });
        await account.commit({ accepts });
        for (const { event } of accepts) {
          assert.deepEqual(await account.store.event(account.id, event.id), event);
        }
      };
      await store(ODD_TEXTS, ODD_TEXTS.toReversed());
      const texts = fc.array(text, { maxLength: 12 });
      await fc.assert(fc.asyncProperty(texts, texts, store), { numRuns: 30 });
    });

    it('bodies as large as they may be, of characters of every length', async () => {
      const account = await TestAccount.create(opened);
      const version = await account.version();
      const accepts = ['a', 'é', '\u2028', '🎺'].map((character) => {
        const length = Buffer.byteLength(character);
        return account.entryAt(version, [], { body: character.repeat((256 * 1024) / length) });
      });
      await account.commit({ accepts });
      const found = await account.events();
      const bodies = accepts.map(({ event }) => event.body).toReversed();
      assert.ok(found.every(({ body }, i) => body === bodies[i]));
    });

    it('a lead’s email as it was given, found without regard to case', async () => {
      const account = await TestAccount.create(opened);
      const spellings = ['Jürgen@Example.com', 'JÜRGEN@EXAMPLE.COM', 'jürgen@example.com'];
      const events = [];
      for (const leadEmail of spellings) events.push(await account.accept([], { leadEmail }));
      for (const leadEmail of spellings) {
        assert.deepEqual(await account.events({ leadEmail }), events.toReversed());
      }
    });

    it('attempts in order of their numbers, each request and each answer', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const event = await account.accept([webhook]);
      const attempts = Array.from({ length: 12 }, (_, i) =>
        anAttempt(i + 1, ATTEMPTS[i % ATTEMPTS.length]),
      );
      for (const attempt of attempts) {
        const { next } = attempt.number === 12 ? delivered() : retryAt(LATER);
        assert.equal(await account.record(event, webhook, { attempt, next }), 'recorded');
      }
      assert.deepEqual((await account.delivery(event, webhook)).attempts, attempts);
    });

    it('answers of any text', async () => {
      const account = await TestAccount.create(opened);
      const webhook = await account.webhook();
      const answers = fc.array(fc.tuple(text, fc.array(text)), { minLength: 1, maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(answers, async (given) => {
          const event = await account.accept([webhook]);
          const records = given.map(([body, values], i) => {
            const response = { status: 200, headers: { 'x-some': values, 'x-one': body }, body };
            const attempt = anAttempt(i + 1, { response, error: body });
            return account.recordOf(event, webhook, { ...retryAt(LATER), attempt });
          });
          await account.commit({ records });
          assert.deepEqual(
            (await account.delivery(event, webhook)).attempts,
            records.map(({ attempt }) => attempt),
          );
        }),
        { numRuns: 30 },
      );
    });
  });
}
