import { sqlite, standOn } from './ground.ts';

standOn(sqlite);
await import('./first-webhook.ts');
await import('./delivery.ts');
await import('./guard.ts');
await import('./log.ts');
