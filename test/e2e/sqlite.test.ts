import { sqlite, standOn } from './ground.ts';

standOn(sqlite);
await import('./first-webhook.ts');
await import('./delivery.ts');
await import('./guard.ts');
await import('./log.ts');
await import('./pausing.ts');
await import('./secrets.ts');
await import('./policy.ts');
await import('./encryption.ts');
await import('./ordering-crash.ts');
await import('./redos.ts');
await import('./redo-crash.ts');
await import('./breaker.ts');
