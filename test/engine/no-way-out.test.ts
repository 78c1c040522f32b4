import assert from 'node:assert/strict';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, type LookupFunction, type TcpNetConnectOpts } from 'node:net';
import { describe, it } from 'node:test';
import { shutTheWayOut } from './no-way-out.ts';
import { ok, Receiver } from './receiver.ts';

shutTheWayOut();

const OUTSIDE = '192.0.2.1';

function leadsTo(...addresses: string[]): LookupFunction {
  return (_host, options, callback) => {
    const list = addresses.map((address) => ({ address, family: 4 }));
    if (options.all) callback(null, list);
    else callback(null, addresses[0] ?? '', 4);
  };
}

describe('in a process whose way out is shut', () => {
  const targets: Record<string, TcpNetConnectOpts> = {
    'to an address': { port: 9, host: OUTSIDE },
    'to a name that the system would look up': { port: 9, host: 'any.test' },
    'to a name that leads outside': { port: 9, host: 'any.test', lookup: leadsTo(OUTSIDE) },
    'to a name that leads outside too': {
      port: 9,
      host: 'any.test',
      lookup: leadsTo('127.0.0.1', OUTSIDE),
      autoSelectFamily: true,
    },
  };
  for (const [what, target] of Object.entries(targets)) {
    it(`no socket is connected ${what}`, async () => {
      const socket = connect(target);
      await assert.rejects(once(socket, 'connect'), /A way out of this machine was asked for/);
    });
  }

  it('no server outside is asked for a name', async () => {
    const resolver = new Resolver();
    resolver.setServers([OUTSIDE]);
    assert.throws(() => void resolver.resolve4('any.test'), /A way out of this machine/);
  });

  it('loopback is reached as ever', async () => {
    await using receiver = await Receiver.start(ok);
    const { port } = receiver;
    for (const target of [
      { host: '127.0.0.1' },
      { host: 'any.test', lookup: leadsTo('127.0.0.1') },
    ]) {
      const socket = connect({ port, ...target });
      await once(socket, 'connect');
      socket.destroy();
    }
  });
});
