import { z } from 'zod';

const MAX_URL = 2_048;

/** What a webhook's URL has to keep to beyond being one. */
export interface UrlRules {
  readonly requireHttps: boolean;
  /** A sentence where the host is an address that may not be reached. */
  judgeUrl(url: URL): string | undefined;
}

export function webhookUrl(rules: UrlRules) {
  return z
    .string()
    .max(MAX_URL)
    .superRefine((text, context) => {
      const message = text.length > MAX_URL ? undefined : urlIssue(text, rules);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .meta({
      description: `Absolute ${rules.requireHttps ? 'https' : 'http or https'} URL without user:password.`,
      format: 'uri',
    });
}

function urlIssue(text: string, rules: UrlRules): string | undefined {
  // The parser would mend what is no absolute URL: "https:x", spaces around, tabs within.
  const url = /^https?:\/\/\S+$/i.test(text) ? URL.parse(text) : null;
  if (!url) return 'must be an absolute http or https URL';
  if (url.username !== '' || url.password !== '') return 'must not have a user or a password';
  if (rules.requireHttps && url.protocol !== 'https:') return 'must be https';
  const verdict = rules.judgeUrl(url);
  return verdict === undefined ? undefined : `is not allowed: ${verdict}`;
}
