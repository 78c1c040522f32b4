import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { startServer, type Place } from '../throwaway-server.ts';

/** Debian puts it where only root's PATH looks. */
const PROGRAMS = ['nginx', '/usr/sbin/nginx'];
const COUNT_PATH = '/requests';

/** Undefined where it does not run. */
export function nginxProgram(): string | undefined {
  return PROGRAMS.find((program) => spawnSync(program, ['-v']).status === 0);
}

/** The webhooks' endpoint: answers 200 and counts. */
export interface NginxReceiver extends AsyncDisposable {
  readonly origin: string;
  /** POSTs so far. */
  requests(): Promise<number>;
}

export async function startNginx(program: string): Promise<NginxReceiver> {
  const server = await startServer('nginx', tmpdir(), (place) => {
    const file = `${place.files}/nginx.conf`;
    writeFileSync(file, configuration(place));
    return [program, '-e', `${place.files}/error.log`, '-c', file];
  });
  const origin = `http://127.0.0.1:${server.port}`;
  let asked = 0;
  return {
    origin,
    requests: async () => {
      asked += 1;
      const status = await (await fetch(origin + COUNT_PATH)).text();
      // "server accepts handled requests", then a line with the numbers.
      const counted = /^ \d+ \d+ (\d+) $/m.exec(status)?.[1];
      if (counted === undefined) throw new Error(`nginx does not count: ${status}`);
      return Number(counted) - asked;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** One process, which writes nothing but where it is told to. */
function configuration({ port, files }: Place): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off; master_process off; pid ${files}/pid;
events { worker_connections 1024; }
http {
  access_log off; keepalive_timeout 1h; keepalive_requests 1000000000;
  ${kinds.map((kind) => `${kind}_temp_path ${files}/${kind};`).join(' ')}
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location = ${COUNT_PATH} { stub_status; }
    location / { return 200; }
  }
}
`;
}
