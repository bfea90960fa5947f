/** The command line of the bench, checked once. */
import { accessSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FULL, type Plan, QUICK } from './plan.ts';

export const GROUPS = ['cost', 'loss-free', 'steering', 'launch', 'collector'] as const;
export type Group = (typeof GROUPS)[number];

export interface Options {
  readonly plan: Plan;
  readonly groups: readonly Group[];
  readonly json: string | undefined;
}

export const USAGE = `npm run bench -- [options]
  --quick         every kind of row once, within 20 seconds; for a smoke test, not for quoting
  --only NAMES    only these of ${GROUPS.join(',')}
  --json FILE     write all samples as JSON too
  --cli FILE      the tool to measure (default dist/cli.js)
Exit status: 0 all rows measured, 3 some could not be (the table says why), 2 usage, 4 cannot run here.`;

export function parseOptions(args: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: GROUPS.join(',') },
      json: { type: 'string' },
      cli: { type: 'string', default: fileURLToPath(new URL('../../dist/cli.js', import.meta.url)) },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const cli = resolve(values.cli);
  const plan: Plan = { ...(values.quick ? QUICK : FULL), cli, cliMissing: whyUnreadable(cli) };
  return { plan, groups: values.only.split(',').map(parseGroup), json: values.json };
}

function parseGroup(name: string): Group {
  const group = GROUPS.find((one) => one === name);
  if (group === undefined) throw new Error(`--only knows ${GROUPS.join(', ')}, not "${name}"`);
  return group;
}

function whyUnreadable(file: string): string | undefined {
  try {
    accessSync(file);
    return undefined;
  } catch {
    return `${file} is missing: npm run build`;
  }
}
