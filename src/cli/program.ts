import { Command } from 'commander';
import { flagOf, SETTINGS } from '../config.ts';
import { VERSION } from '../version.ts';
import { serve } from './serve.ts';

/** The command line. Settings come from flags, the environment and `.env`, in this order. */
export function program(): Command {
  const posthorn = new Command('posthorn')
    .description('A self-hosted webhook server for email outreach')
    .version(VERSION);
  const serveCommand = posthorn
    .command('serve')
    .description('run the server')
    .option('--dev', 'for a laptop: allow loopback targets and http URLs', false);
  for (const setting of SETTINGS) {
    const shown = setting.default === '' ? '' : ` (default: ${setting.default})`;
    serveCommand.option(
      `${flagOf(setting)} <value>`,
      `${setting.name}: ${setting.meaning}${shown}`,
    );
  }
  serveCommand.action((flags: Record<string, string | boolean>) => serve(flags));
  return posthorn;
}
