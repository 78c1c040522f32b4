import type { Webhook } from '../domain/webhook.ts';
import type { Vault } from './vault.ts';

/** What of a webhook is secret, as it is or as it is stored. */
export type Secrets = Pick<Webhook, 'secret' | 'previousSecret' | 'headers'>;

type Owned<Part> = Part & Pick<Webhook, 'accountId'>;

export function sealSecrets(of: Owned<Secrets>, vault: Vault): Secrets {
  return mapped(of, (text, kind) => vault.seal(text, of.accountId, kind));
}

export function openSecrets(of: Owned<Secrets>, vault: Vault): Secrets {
  return mapped(of, (text, kind) => vault.open(text, of.accountId, kind));
}

/** Whether all of it is as the vault would write it now. */
export function isSealedByFirstKey(stored: Secrets, vault: Vault): boolean {
  let current = true;
  mapped(stored, (text) => {
    current &&= vault.isCurrent(text);
    return text;
  });
  return current;
}

function mapped(
  { secret, previousSecret, headers }: Secrets,
  change: (text: string, kind: 'secret' | 'header') => string,
): Secrets {
  return {
    secret: change(secret, 'secret'),
    previousSecret: previousSecret && {
      ...previousSecret,
      secret: change(previousSecret.secret, 'secret'),
    },
    headers:
      headers &&
      Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, change(value, 'header')]),
      ),
  };
}
