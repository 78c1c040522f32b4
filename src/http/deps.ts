import type { Campaigns } from '../catalog/campaigns.ts';
import type { Redos } from '../catalog/redos.ts';
import type { Webhooks } from '../catalog/webhooks.ts';
import type { UrlRules } from '../dialect/webhook-url.ts';
import type { Attempt } from '../domain/attempt.ts';
import type { DeliveryKey } from '../domain/ids.ts';
import type { Webhook } from '../domain/webhook.ts';
import type { Intake } from '../intake/intake.ts';
import type { ExplainStore } from '../store/explain-store.ts';
import type { LookStore } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Authenticate } from './auth.ts';

/** Sends a sample to a webhook, beside the queue. */
export interface SendsTestCalls {
  send(
    webhook: Webhook,
    call: { readonly eventType: string; readonly body: string },
  ): Promise<{ readonly key: DeliveryKey; readonly attempt: Attempt }>;
}

/** All that the HTTP face needs of the rest of the server. */
export interface HttpDeps {
  readonly version: string;
  /** A node that only delivers tells of its health and serves nothing else. */
  readonly servesApi: boolean;
  readonly authenticate: Authenticate;
  readonly webhooks: Pick<
    Webhooks,
    'create' | 'update' | 'delete' | 'pause' | 'resume' | 'rotateSecret'
  >;
  readonly campaigns: Pick<Campaigns, 'declare'>;
  readonly redos: Pick<Redos, 'retry' | 'dryRun' | 'start' | 'show'>;
  readonly testCalls: SendsTestCalls;
  readonly intake: Intake;
  readonly look: LookStore & ExplainStore;
  readonly urlRules: UrlRules;
  /** Why it cannot accept or deliver now, in sentences; empty where it can. */
  faults(): readonly string[];
  readonly log: Log;
}
