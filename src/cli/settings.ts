import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { ConfigError, flagOf, readConfig, SETTINGS, type Config, type Setting } from '../config.ts';

/** What the command line gave, by the names that commander makes of them. */
export type Flags = Readonly<Record<string, string | boolean>>;

/** Every setting as a flag, so that `--help` shows them all. */
export function addSettings(command: Command, settings: readonly Setting[] = SETTINGS): void {
  for (const setting of settings) {
    const shown = setting.default === '' ? '' : ` (default: ${setting.default})`;
    const meaning = `${setting.name}: ${setting.meaning}${shown}`;
    command.option(`${flagOf(setting)} <value>`, meaning);
  }
}

/** Flags, then the environment, then `.env`. Undefined where they are wrong: that has been told then. */
export function readSettings(flags: Flags): Config | undefined {
  if (existsSync('.env')) process.loadEnvFile('.env');
  const environment = { ...process.env };
  for (const setting of SETTINGS) {
    const name = flagOf(setting)
      .slice(2)
      .replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    const value = flags[name];
    if (typeof value === 'string') environment[setting.name] = value;
  }
  try {
    return readConfig(environment, { dev: flags['dev'] === true });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return fail(`These settings are wrong:\n${error.message.replaceAll(/^/gm, '  ')}`);
  }
}

/** Says why, and lets the process end with 1. */
export function fail(message: string): undefined {
  console.error(`posthorn: ${message}`);
  process.exitCode = 1;
}
