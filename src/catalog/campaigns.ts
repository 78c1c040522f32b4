import type { Campaign, CatalogStore } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { CatalogListener } from './listener.ts';

export interface CampaignsParts {
  readonly store: Pick<CatalogStore, 'declareCampaign'>;
  readonly listener: Pick<CatalogListener, 'campaignDeclared'>;
  readonly log: Log;
}

/** What an account says of its campaigns: events only mention them, declaring names them. */
export class Campaigns {
  readonly #parts: CampaignsParts;

  constructor(parts: CampaignsParts) {
    this.#parts = parts;
  }

  /** Null leaves a field as it is. */
  async declare(
    accountId: number,
    id: number,
    fields: Pick<Campaign, 'name' | 'clientId' | 'status'>,
  ): Promise<Campaign> {
    const { store, listener, log } = this.#parts;
    const { campaign, version } = await store.declareCampaign(accountId, id, fields);
    await listener.campaignDeclared(accountId, version, id, campaign.clientId);
    log.campaignDeclared(accountId, id, campaign.clientId);
    return campaign;
  }
}
