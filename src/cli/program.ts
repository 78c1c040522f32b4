import { Command } from 'commander';
import { SETTINGS } from '../config.ts';
import { VERSION } from '../version.ts';
import { migrate } from './migrate.ts';
import { reencrypt } from './reencrypt.ts';
import { serve } from './serve.ts';
import { addSettings, type Flags } from './settings.ts';

/** The command line. Settings come from flags, the environment and `.env`, in this order. */
export function program(): Command {
  const posthorn = new Command('posthorn')
    .description('A self-hosted webhook server for email outreach')
    .version(VERSION);
  const serving = posthorn
    .command('serve')
    .description('run the server')
    .option('--dev', 'for a laptop: allow loopback targets and http URLs', false)
    .action((flags: Flags) => serve(flags));
  addSettings(serving);
  const migrating = posthorn
    .command('migrate')
    .description(
      'bring a PostgreSQL database up to date; servers do it by themselves at their start',
    )
    .option('--check', 'change nothing; exit 1 and say which migrations are to be applied', false)
    .action((flags: Flags) => migrate(flags));
  addSettings(
    migrating,
    SETTINGS.filter(({ name }) => name === 'DATABASE_URL'),
  );
  const reencrypting = posthorn
    .command('reencrypt')
    .description(
      'encrypt all secrets with the first key of POSTHORN_ENCRYPTION_KEY; with SQLite while the ' +
        'server is stopped',
    )
    .action((flags: Flags) => reencrypt(flags));
  addSettings(
    reencrypting,
    SETTINGS.filter(({ name }) => name === 'DATABASE_URL'),
  );
  return posthorn;
}
