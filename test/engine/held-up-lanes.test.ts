import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waitFor } from '../e2e/wait-for.ts';
import { HeldUpLanes } from '../../src/engine/held-up-lanes.ts';
import { Lane } from '../../src/engine/lane.ts';
import { Memory } from '../../src/engine/memory.ts';
import { webhook } from './lane-material.ts';

const LONG_MS = 600_000;

describe('lanes that are held up', () => {
  it('are freed at the earliest time that was asked for, once', async () => {
    const freed: number[] = [];
    const lanes = new HeldUpLanes((lane) => void freed.push(lane.webhook.id));
    const [sooner, later] = [1, 2].map((id) => new Lane(webhook(id), 4, new Memory()));
    assert.ok(sooner && later);
    using _ending = { [Symbol.dispose]: () => lanes.stop() };
    lanes.wait(sooner, LONG_MS);
    lanes.wait(sooner, 20);
    lanes.wait(sooner, LONG_MS);
    lanes.wait(later, LONG_MS);
    await waitFor('the first', () => freed.length > 0);
    lanes.wait(sooner, 1);
    await waitFor('again', () => freed.length > 1);
    assert.deepEqual(freed, [1, 1]);
  });
});
