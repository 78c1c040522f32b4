import type { Campaigns } from '../catalog/campaigns.ts';
import type { Webhooks } from '../catalog/webhooks.ts';
import type { UrlRules } from '../dialect/webhook-url.ts';
import type { Intake } from '../intake/intake.ts';
import type { LookStore } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Authenticate } from './auth.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Sentences; empty where ready. */
  readonly reasons: readonly string[];
}

/** All that the HTTP face needs of the rest of the server. */
export interface HttpDeps {
  readonly version: string;
  readonly authenticate: Authenticate;
  readonly webhooks: Pick<Webhooks, 'create' | 'update' | 'delete'>;
  readonly campaigns: Pick<Campaigns, 'declare'>;
  readonly intake: Intake;
  readonly look: LookStore;
  readonly urlRules: UrlRules;
  readiness(): Readiness;
  readonly log: Log;
}
