import { z } from 'zod';
import { id } from '../../dialect/fields.ts';
import { explain } from '../../domain/explain.ts';
import { deliveryId, type EventId } from '../../domain/ids.ts';
import { MISMATCH_REASONS, type Matchable } from '../../domain/match.ts';
import type { WebhookThen } from '../../store/explain-store.ts';

export const explanationAnswer = z
  .object({
    webhook_id: id,
    webhook_name: z.string().nullable().describe('As it is called now.'),
    matched: z.boolean(),
    reason: z
      .enum(MISMATCH_REASONS)
      .nullable()
      .describe('The first of these that was true; null where it matched.'),
    explanation: z.string().describe('The same in a sentence.'),
    delivery_id: z
      .string()
      .nullable()
      .describe(
        'The delivery, also when it has ended; null where there is none. Where it did not match then, ' +
          'a backfill has made it later.',
      ),
  })
  .meta({ id: 'Explanation' });

export function showExplanation(
  eventId: EventId,
  event: Matchable,
  { id: webhookId, name, state, hasDelivery }: WebhookThen,
): z.output<typeof explanationAnswer> {
  const { reason, sentence } = explain(event, state);
  const later = reason !== null && hasDelivery ? ' A backfill made a delivery later.' : '';
  return {
    webhook_id: webhookId,
    webhook_name: name,
    matched: reason === null,
    reason,
    explanation: sentence + later,
    delivery_id: hasDelivery ? deliveryId({ eventId, webhookId }) : null,
  };
}
