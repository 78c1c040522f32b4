import { connect } from 'node:net';
import { Connections } from '../../src/engine/connections.ts';
import type { Connection } from '../../src/engine/wire/connection.ts';
import type { Receiver } from './receiver.ts';

/** Without a guard, to that receiver alone. */
export function connectionsTo(receiver: Receiver, idleMs: number): Connections {
  return new Connections((_destination, onread, connected) => {
    const socket = connect({ host: receiver.host, port: receiver.port, onread });
    socket.once('connect', () => connected(null, socket));
    return () => {};
  }, idleMs);
}

/** A connection with a request that has just been answered, not released yet. */
export async function answered(
  connections: Connections,
  webhookId: number,
  url: string,
): Promise<Connection> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const carried = { lost: reject, failed: reject, answered: resolve };
  const connection = connections.carry(webhookId, url, '', '', carried);
  await promise;
  return connection;
}
