import { z } from 'zod';
import { id } from '../../dialect/fields.ts';
import { ENDED_STATUSES } from '../../domain/delivery.ts';
import { REDO_KINDS, REDO_STATUSES, type Redo } from '../../domain/redo.ts';
import { count, isoTime, isoTimeOrNull, time } from './envelope.ts';

export const redoAnswer = z
  .object({
    id,
    kind: z.enum(REDO_KINDS),
    webhook_id: id,
    from: time,
    to: time,
    statuses: z.array(z.enum(ENDED_STATUSES)).describe('Of a replay; empty for a backfill.'),
    status: z
      .enum(REDO_STATUSES)
      .describe('canceled: the webhook was disabled or deleted before all was put back.'),
    count: count.nullable().describe('How many deliveries it is about; null until counted.'),
    done: count.describe(
      'How many of them are put back, or made. Where it ends with less than count, the others were ' +
        'put back by somebody else meanwhile, or have outlived the retention time.',
    ),
    created_at: time,
    ended_at: time.nullable(),
  })
  .meta({ id: 'Redo' });

export function showRedo(redo: Redo): z.output<typeof redoAnswer> {
  return {
    id: redo.id,
    kind: redo.kind,
    webhook_id: redo.webhookId,
    from: isoTime(redo.from),
    // Until now is asked for as a little later; see routes/redos.ts.
    to: isoTime(Math.min(redo.to, redo.createdAt)),
    statuses: [...redo.statuses],
    status: redo.status,
    count: redo.count,
    done: redo.done,
    created_at: isoTime(redo.createdAt),
    ended_at: isoTimeOrNull(redo.endedAt),
  };
}
