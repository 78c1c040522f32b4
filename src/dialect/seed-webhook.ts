import { z } from 'zod';
import { CAMPAIGN_EVENT_TYPES, EVENT_TYPES, OPERATIONAL_EVENT_TYPES } from '../domain/event.ts';
import {
  CAMPAIGN_LEVEL,
  CLIENT_LEVEL,
  USER_LEVEL,
  type WebhookDefinition,
  type WebhookScope,
} from '../domain/webhook.ts';
import { isLeftOut } from './faults.ts';
import { id, optionalId, unknownFieldWarnings } from './fields.ts';
import { policyChangesOf, policyFields, policyOf } from './webhook-policy.ts';
import { webhookUrl, type UrlRules } from './webhook-url.ts';

const MAX_NAME = 1_000;
const MAX_WEBHOOK_TYPE = 64;

const eventTypeMap = z
  .strictObject(
    Object.fromEntries(EVENT_TYPES.map((type) => [type, z.boolean().optional()])) as Record<
      (typeof EVENT_TYPES)[number],
      z.ZodOptional<z.ZodBoolean>
    >,
    {
      error: (issue) =>
        issue.code === 'unrecognized_keys'
          ? `names unknown event types (${issue.keys.join(', ')}); known are ${EVENT_TYPES.join(', ')}`
          : undefined,
    },
  )
  .refine((map) => Object.values(map).some(Boolean), {
    error: 'must have at least one event type that is true',
    when: ({ issues }) => issues.length === 0,
  })
  .describe(
    `Left out: every event type about campaigns (${CAMPAIGN_EVENT_TYPES.join(', ')}). Only where it names ` +
      `them the webhook gets what Posthorn makes itself (${OPERATIONAL_EVENT_TYPES.join(', ')}), and never ` +
      'about itself. Their body has the ten fields of an event, null where they do not apply, then ' +
      'webhook_id, webhook_name and reason; DELIVERY_EXHAUSTED has delivery_id, event_id, ' +
      'exhausted_event_type and attempt_count instead of the name.',
  )
  .nullish();

const categoryKeyIssue = 'is no category id: ids are positive integers, as text';
const categoryKey = z
  .string()
  .regex(/^[1-9]\d{0,15}$/, { error: categoryKeyIssue })
  .refine((key) => Number.isSafeInteger(Number(key)), { error: categoryKeyIssue });

const categoryIdMap = z
  .preprocess(
    (map, context) => {
      // The record below would pass over this name without a word.
      if (typeof map === 'object' && map !== null && Object.hasOwn(map, '__proto__')) {
        context.addIssue({ code: 'custom', path: ['__proto__'], message: categoryKeyIssue });
      }
      return map;
    },
    z.record(categoryKey, z.boolean(), {
      error: (issue) => (issue.code === 'invalid_key' ? categoryKeyIssue : undefined),
    }),
  )
  .describe('Category id -> wanted. Left out, empty or all false: no filter.')
  .nullish();

/** The bodies of create and update; the rules of the URL are settings. */
export function webhookForms(rules: UrlRules) {
  const url = webhookUrl(rules);
  const definition = {
    name: z.string().max(MAX_NAME).nullish(),
    event_type_map: eventTypeMap,
    category_id_map: categoryIdMap,
    webhook_type: z.string().max(MAX_WEBHOOK_TYPE).nullish(),
    ...policyFields,
  };
  const create = z
    .looseObject({
      webhook_url: url,
      association_type: z
        .literal([USER_LEVEL, CLIENT_LEVEL, CAMPAIGN_LEVEL], {
          error: ({ input }) => (isLeftOut(input) ? 'is required' : 'must be 1, 2 or 3'),
        })
        .describe('1: user (all campaigns), 2: client, 3: campaign.'),
      email_campaign_id: optionalId.describe('Required when association_type is 3.'),
      client_id: optionalId.describe('Required when association_type is 2.'),
      ...definition,
      force_create: z.boolean().nullish().describe('Make one even if a similar one exists.'),
    })
    .superRefine(requireTarget, {
      when: ({ value }) => typeof value === 'object' && value !== null,
    });
  const update = z.looseObject({ webhook_url: url.nullish(), ...definition });
  return { create, update };
}

export const deleteForm = z.looseObject({ id });

export type WebhookForms = ReturnType<typeof webhookForms>;
export type CreateForm = z.output<WebhookForms['create']>;
export type UpdateForm = z.output<WebhookForms['update']>;

const TARGET_FIELDS = {
  [CLIENT_LEVEL]: 'client_id',
  [CAMPAIGN_LEVEL]: 'email_campaign_id',
} as const;

function targetField(association: number): 'client_id' | 'email_campaign_id' | undefined {
  return association === CLIENT_LEVEL || association === CAMPAIGN_LEVEL
    ? TARGET_FIELDS[association]
    : undefined;
}

function requireTarget(form: CreateForm, context: z.RefinementCtx): void {
  const field = targetField(form.association_type);
  if (field === undefined || !isLeftOut(form[field])) return;
  const message = `is required when association_type is ${form.association_type}`;
  context.addIssue({ code: 'custom', path: [field], message });
}

export function scopeOf(form: CreateForm): WebhookScope {
  const field = targetField(form.association_type);
  return {
    association: form.association_type,
    targetId: field === undefined ? null : (form[field] ?? null),
  };
}

export function definitionOf(form: CreateForm): WebhookDefinition {
  return {
    name: form.name ?? null,
    url: form.webhook_url,
    eventTypeMap: switches(form.event_type_map) ?? null,
    categoryIdMap: form.category_id_map ?? null,
    webhookType: form.webhook_type ?? null,
    ...policyOf(form),
  };
}

/** Only what the form names; null is the same as left out, but for the policy: there it is the default. */
export function changesOf(form: UpdateForm): Partial<WebhookDefinition> {
  const eventTypeMap = switches(form.event_type_map);
  return {
    ...(isLeftOut(form.name) ? {} : { name: form.name }),
    ...(isLeftOut(form.webhook_url) ? {} : { url: form.webhook_url }),
    ...(isLeftOut(eventTypeMap) ? {} : { eventTypeMap }),
    ...(isLeftOut(form.category_id_map) ? {} : { categoryIdMap: form.category_id_map }),
    ...(isLeftOut(form.webhook_type) ? {} : { webhookType: form.webhook_type }),
    ...policyChangesOf(form),
  };
}

function switches(
  map: Readonly<Record<string, boolean | undefined>> | null | undefined,
): Record<string, boolean> | undefined {
  return isLeftOut(map) ? undefined : (map as Record<string, boolean>);
}

/** What took no part in a create call. */
export function createWarnings(forms: WebhookForms, form: CreateForm): string[] {
  const needed = targetField(form.association_type);
  const unused = Object.values(TARGET_FIELDS).filter(
    (field) => field !== needed && !isLeftOut(form[field]),
  );
  return [
    ...unused.map(
      (field) => `${field} takes no part when association_type is ${form.association_type}`,
    ),
    ...unknownFieldWarnings(forms.create, form),
  ];
}

/** Told where a webhook waits for something that has not happened yet. */
export function silentTargetWarning({ association, targetId }: WebhookScope): string {
  return association === CLIENT_LEVEL
    ? `Client ${targetId} has had no event so far`
    : `Campaign ${targetId} has sent no event so far`;
}
