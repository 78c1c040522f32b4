import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** What the server says of a name; `lie` packets go out before the true one. */
export interface Zone {
  readonly addresses?: readonly string[];
  readonly alias?: string;
  readonly ttl?: number;
  readonly code?: 'NXDOMAIN' | 'SERVFAIL';
  readonly delayMs?: number;
  readonly silent?: boolean;
  readonly lie?: 'wrong id' | 'wrong name' | 'garbage';
}

/** The count is that of queries of this name and type, beginning with 1. */
export type Answering = Zone | ((count: number) => Zone);

const TYPE_A = 1;
const TYPE_CNAME = 5;
const LIE = '127.0.0.66';

/** A DNS server on loopback that answers as a test wants, and remembers what it was asked. */
export class DnsServer implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #zones: Readonly<Record<string, Answering>>;
  /** As `A name` and `AAAA name`: nothing else is asked for. */
  readonly queries: string[] = [];

  private constructor(socket: Socket, zones: Readonly<Record<string, Answering>>) {
    this.#socket = socket;
    this.#zones = zones;
    socket.on('message', (packet, from) => void this.#answer(packet, from));
  }

  static async start(zones: Readonly<Record<string, Answering>>): Promise<DnsServer> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsServer(socket, zones);
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }

  async #answer(query: Buffer, from: RemoteInfo): Promise<void> {
    const { name, type, end } = readQuestion(query);
    const asked = `${type === TYPE_A ? 'A' : 'AAAA'} ${name}`;
    this.queries.push(asked);
    const answering = this.#zones[name] ?? { code: 'NXDOMAIN' };
    const count = this.queries.filter((each) => each === asked).length;
    const zone = typeof answering === 'function' ? answering(count) : answering;
    if (zone.silent) return;
    if (zone.delayMs !== undefined) await wait(zone.delayMs);
    const question = query.subarray(12, end);
    for (const packet of [
      ...lies(zone, query, question),
      response(zone, name, type, query, question),
    ]) {
      this.#socket.send(packet, from.port, from.address, () => {});
    }
  }
}

function lies({ lie }: Zone, query: Buffer, question: Buffer): Buffer[] {
  const id = query.readUInt16BE(0);
  const records = [record('', TYPE_A, 60, address(LIE))];
  if (lie === 'wrong id') return [packetOf((id + 1) & 0xffff, 0, question, records)];
  if (lie === 'garbage') return [Buffer.from('not a DNS packet at all'), query.subarray(0, 7)];
  if (lie === undefined) return [];
  const otherQuestion = Buffer.concat([nameOf('other.test'), question.subarray(-4)]);
  return [packetOf(id, 0, otherQuestion, records)];
}

function response(zone: Zone, name: string, type: number, query: Buffer, question: Buffer): Buffer {
  const ttl = zone.ttl ?? 60;
  const owner = zone.alias ?? name;
  const records = (zone.addresses ?? [])
    .filter((each) => isIPv4(each) === (type === TYPE_A))
    .map((each) => record(owner, type, ttl, address(each)));
  if (zone.alias !== undefined) records.unshift(record(name, TYPE_CNAME, ttl, nameOf(zone.alias)));
  const code = zone.code === 'NXDOMAIN' ? 3 : zone.code === 'SERVFAIL' ? 2 : 0;
  return packetOf(query.readUInt16BE(0), code, question, records);
}

function packetOf(id: number, code: number, question: Buffer, records: Buffer[]): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(id, 0);
  // A response, recursion desired and available.
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  return Buffer.concat([header, question, ...records]);
}

function record(owner: string, type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt32BE(ttl, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameOf(owner), head, data]);
}

function nameOf(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.alloc(1),
  ]);
}

function address(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  const [left = '', right] = text.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  const groups = [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function readQuestion(packet: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = packet[at] ?? 0; length > 0; length = packet[at] ?? 0) {
    labels.push(packet.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  return { name: labels.join('.'), type: packet.readUInt16BE(at + 1), end: at + 5 };
}
