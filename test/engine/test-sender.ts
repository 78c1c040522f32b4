import { AddressGuard } from '../../src/engine/address-guard.ts';
import type { ConnectorOptions } from '../../src/engine/connector.ts';
import { NameResolver, type NameResolverOptions } from '../../src/engine/name-resolver.ts';
import { Sender, type OutgoingRequest, type SendResult } from '../../src/engine/sender.ts';
import { LoopbackOnly } from './loopback-only.ts';
import { shutTheWayOut } from './no-way-out.ts';

shutTheWayOut();

/** Longer than any deadline that a test sets: a sender that never comes to an end must not hold up all. */
const LIMIT_MS = 90_000;

export interface TestSenderOptions extends Partial<Omit<ConnectorOptions, 'guard' | 'timeoutMs'>> {
  readonly allowed?: readonly string[];
  readonly dns?: NameResolverOptions;
  readonly connectTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
}

/** A sender that cannot reach anything outside loopback. Its deadlines are too long to matter. */
export class TestSender implements AsyncDisposable {
  readonly loopback = new LoopbackOnly();
  readonly sender: Sender;
  readonly #names: NameResolver;

  constructor(options: TestSenderOptions = {}) {
    // Port 9 of loopback: a test without a DNS server of its own asks nobody.
    this.#names = new NameResolver({
      servers: ['127.0.0.1:9'],
      hostsPath: '/nonexistent',
      ...options.dns,
    });
    this.sender = new Sender({
      guard: new AddressGuard(options.allowed ?? ['127.0.0.0/8', '::1']),
      resolver: options.resolver ?? this.#names,
      openSocket: options.openSocket ?? this.loopback.open,
      connectTimeoutMs: options.connectTimeoutMs ?? 30_000,
      requestTimeoutMs: options.requestTimeoutMs ?? 60_000,
    });
  }

  async post(
    url: string,
    how: { webhookId?: number; timeoutMs?: number } = {},
  ): Promise<SendResult> {
    const request = {
      webhookId: how.webhookId ?? 1,
      url,
      headers: { 'content-type': 'application/json', 'user-agent': 'Posthorn/test' },
      body: '{"event_type":"SENT"}',
    };
    return this.send(request, how.timeoutMs === undefined ? {} : { timeoutMs: how.timeoutMs });
  }

  async send(
    request: OutgoingRequest,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<SendResult> {
    const sent = new Promise<SendResult>((ended) => this.sender.send(request, ended, options));
    const late = Promise.withResolvers<never>();
    const limit = setTimeout(() => late.reject(new Error('The sender has no end')), LIMIT_MS);
    try {
      return await Promise.race([sent, late.promise]);
    } finally {
      clearTimeout(limit);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#names.close();
    await this.sender.close();
  }
}
