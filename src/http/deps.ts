import type { Campaigns } from '../catalog/campaigns.ts';
import type { Webhooks } from '../catalog/webhooks.ts';
import type { UrlRules } from '../dialect/webhook-url.ts';
import type { Intake } from '../intake/intake.ts';
import type { LookStore } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Authenticate } from './auth.ts';

/** All that the HTTP face needs of the rest of the server. */
export interface HttpDeps {
  readonly version: string;
  /** A node that only delivers tells of its health and serves nothing else. */
  readonly servesApi: boolean;
  readonly authenticate: Authenticate;
  readonly webhooks: Pick<Webhooks, 'create' | 'update' | 'delete'>;
  readonly campaigns: Pick<Campaigns, 'declare'>;
  readonly intake: Intake;
  readonly look: LookStore;
  readonly urlRules: UrlRules;
  /** Why it cannot accept or deliver now, in sentences; empty where it can. */
  faults(): readonly string[];
  readonly log: Log;
}
