import type { WebhookStatus } from './webhook.ts';

/** Everything that can happen to a webhook's status. */
export type WebhookTransition =
  | 'pause' // events match and wait
  | 'resume' // what waits is sent, and a disabled one matches again
  | 'disable' // its endpoint is gone, or has failed for too long
  | 'delete'; // for good

/** The one table of a webhook's life; what is not in it does not exist. See docs/states.md. */
export const WEBHOOK_TRANSITIONS: Readonly<
  Record<WebhookStatus, Partial<Record<WebhookTransition, WebhookStatus>>>
> = {
  active: { pause: 'paused', resume: 'active', disable: 'disabled', delete: 'deleted' },
  paused: { pause: 'paused', resume: 'active', disable: 'disabled', delete: 'deleted' },
  disabled: { resume: 'active', delete: 'deleted' },
  deleted: {},
};

/** Nothing more is sent to it: only a resume, if anything, makes it begin anew. */
export function isStopped({ status }: { readonly status: WebhookStatus }): boolean {
  return status === 'disabled' || status === 'deleted';
}

/** The status after a transition, or undefined where the status does not allow it. */
export function webhookTransition(
  status: WebhookStatus,
  by: WebhookTransition,
): WebhookStatus | undefined {
  return WEBHOOK_TRANSITIONS[status][by];
}
