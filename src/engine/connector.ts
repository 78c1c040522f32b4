import { connect, isIP, type OnReadOpts, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { AddressGuard } from './address-guard.ts';
import { JudgedAddresses, type ResolvesNames } from './judged-addresses.ts';
import { seconds, SendFailure } from './send-failure.ts';

/** How long one of several addresses may take before the next one is tried. */
const ATTEMPT_MS = 1_000;

/**
 * What node:net is told to connect to. An address would bypass `lookup`, and node:net might read a name
 * in a way of its own: so it is always this, and the judged addresses are the only ones it can get.
 */
const LOOK_UP = 'judged.invalid';

export interface ConnectorOptions {
  readonly guard: AddressGuard;
  readonly resolver: ResolvesNames;
  /** For resolving, connecting and TLS together. */
  readonly timeoutMs: number;
  /** The one place where a socket is opened; `net.connect` where left out. */
  readonly openSocket?: (options: TcpNetConnectOpts) => Socket;
}

/** Gives the connecting up; does nothing once it has ended. */
export type Cancel = () => void;

/** As a URL has them, the host without brackets. */
export interface Destination {
  readonly hostname: string;
  /** Empty for the protocol's own. */
  readonly port: string;
  readonly protocol: string;
}

type Connected = (...result: [error: Error, socket: null] | [error: null, socket: Socket]) => void;

/** @param onread how a socket without TLS hands over what it reads */
export type GuardedConnector = (
  destination: Destination,
  onread: OnReadOpts,
  connected: Connected,
) => Cancel;

/**
 * Connects to judged addresses only. A name is resolved once, all its addresses are judged, and the
 * socket gets that very list: there is no second look-up between the check and the connection. Then the
 * socket itself says where it went, before a byte is written, TLS's included.
 */
export function guardedConnector(options: ConnectorOptions): GuardedConnector {
  const { guard, resolver, timeoutMs, openSocket = connect } = options;
  return ({ hostname, port, protocol }, onread, connected) => {
    let socket: Socket | undefined;
    let ended = false;

    const end = (...result: Parameters<Connected>): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      connected(...result);
    };
    const fail = (error: Error): void => {
      if (!ended) socket?.destroy();
      end(error, null);
    };
    const open = (addresses: JudgedAddresses): void => {
      if (ended) return;
      const opened = openSocket({
        host: LOOK_UP,
        port: Number(port) || (protocol === 'https:' ? 443 : 80),
        lookup: addresses.lookup,
        noDelay: true,
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
        ...(protocol === 'http:' && { onread }),
      });
      socket = opened;
      // Stays for the socket's life: an error after its end must not be an uncaught one.
      opened.on('error', fail);
      opened.once('connect', () => {
        const { remoteAddress } = opened;
        if (remoteAddress === undefined) {
          fail(new SendFailure('unreachable', 'The receiver closed the connection at once.'));
        } else if (!addresses.include(remoteAddress)) {
          fail(new SendFailure('blocked', 'The connection led to an address that is not allowed.'));
        } else if (protocol === 'https:') {
          const secure = secured(opened, hostname);
          socket = secure;
          secure.on('error', fail);
          secure.once('secureConnect', () => end(null, secure));
        } else {
          end(null, opened);
        }
      });
    };
    const timer = setTimeout(() => {
      const what = socket ? 'No connection' : `No address of ${hostname}`;
      fail(new SendFailure('timed_out', `${what} within ${seconds(timeoutMs)}.`));
    }, timeoutMs);

    JudgedAddresses.of(hostname, guard, resolver).then(open).catch(fail);
    return () => fail(new SendFailure('unreachable', 'The connection was given up.'));
  };
}

function secured(socket: Socket, hostname: string): Socket {
  return connectTls({
    socket,
    host: hostname,
    // RFC 6066: the name without a trailing dot; an address is no server name.
    ...(isIP(hostname) === 0 && { servername: hostname.replace(/\.$/, '') }),
    ALPNProtocols: ['http/1.1'],
  });
}
