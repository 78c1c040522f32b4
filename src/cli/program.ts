import { Command } from 'commander';
import { SETTINGS } from '../config.ts';
import { VERSION } from '../version.ts';
import { migrate } from './migrate.ts';
import { reencrypt } from './reencrypt.ts';
import { replay } from './replay.ts';
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
  posthorn.addCommand(replayCommand());
  return posthorn;
}

function replayCommand(): Command {
  const command = new Command('replay')
    .description(
      'have a running server send deliveries again: those of a webhook that have ended, of events ' +
        'accepted in a time range',
    )
    .argument('<webhook-id>', 'the webhook')
    .requiredOption('--from <time>', 'accepted at this time or later (ISO 8601)')
    .option('--to <time>', 'accepted before this time (default: now)')
    .option('--status <statuses>', 'by commas: exhausted, canceled, succeeded (default: exhausted)')
    .option('--dry-run', 'only count', false)
    .option('--url <url>', 'where the server is (default: by HOST and PORT)')
    .action((webhookId: string, flags: Flags) => replay(webhookId, flags));
  addSettings(
    command,
    SETTINGS.filter(({ name }) => ['POSTHORN_API_KEY', 'HOST', 'PORT'].includes(name)),
  );
  return command;
}
