/**
 * THE BARE RELAY, the yardstick of every figure here: takes a POST, parses it, passes it on, waits
 * for the answer, answers. It stores nothing, so whoever stores can hardly be faster. Its code must
 * stay as it is: figures of different days are compared through it.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';

const CONNECTIONS = 64;

const receiver = new Pool(process.argv[2] ?? '', { connections: CONNECTIONS, pipelining: 1 });
const headers = { 'content-type': 'application/json' };

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => void forward(Buffer.concat(chunks), response));
});

async function forward(body: Buffer, response: ServerResponse): Promise<void> {
  JSON.parse(body.toString('utf8'));
  const answer = await receiver.request({ path: '/', method: 'POST', headers, body });
  await answer.body.dump();
  response.statusCode = answer.statusCode === 200 ? 202 : 502;
  response.end();
}

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.send?.({ origin: `http://127.0.0.1:${port}` });
});
process.once('disconnect', () => process.exit());
