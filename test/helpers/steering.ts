/** The built-in flow dissector, attached to a network namespace for a test. */
import { join } from 'node:path';
import { LAB_VARIABLE, readSelf } from '../../src/lab/namespace.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { ALL_LAYERS } from '../../src/model/steering.ts';
import { ADDON_PATH } from './addon.ts';
import type { CliRun } from './cli.ts';
import type { CommandEnd, DissectorPlan, DissectorStep } from './dissector-host.ts';
import { bundle, runProgram, type TemporaryDirectory } from './programs.ts';
import { ROOT } from './tool.ts';

/** As `enum policy` of native/steering/options.h. */
export const NO_FALLBACK = 2;

const EVERYTHING = ALL_LAYERS.toString();

export const ATTACHED: DissectorStep = { does: 'attaches', policy: 0, layers: EVERYTHING };
export const ATTACHED_WITHOUT_FALLBACK: DissectorStep = { does: 'attaches', policy: NO_FALLBACK, layers: EVERYTHING };
export const DETACHED: DissectorStep = { does: 'detaches' };

/** Exports the lab's variable for the process that the command will be: the lab is the namespace it is in already. */
const IN_THIS_NAMESPACE = `export ${LAB_VARIABLE}="$$:$1"
shift
exec "$@"`;

/** The command of the product, whose lab is the namespace of the plan. */
export function runsCli(args: readonly string[]): DissectorStep {
  const command = [process.execPath, join(ROOT, 'dist', 'cli.js'), ...args, '--json', '--quiet'];
  return { does: 'runs', command: ['sh', '-c', IN_THIS_NAMESPACE, 'sh', readSelf().netns, ...command] };
}

export function reportOf(end: CommandEnd | undefined): CliRun {
  if (end === undefined || end.stdout === '') throw new Error(`the command ended with ${end?.status}: ${end?.stderr}`);
  return { status: end.status, report: JSON.parse(end.stdout) as RunResult };
}

/** All steps in one network namespace, which is made for them. What each command said. */
export async function inNamespace(directory: TemporaryDirectory, steps: readonly DissectorStep[]): Promise<readonly CommandEnd[]> {
  const program = join(directory.path, 'dissector-host.mjs');
  const plan: DissectorPlan = { addon: ADDON_PATH, environment: { PATH: process.env['PATH'] ?? '' }, steps };
  await bundle(
    `import { hostDissector } from './test/helpers/dissector-host.ts';
     process.stdout.write(JSON.stringify(await hostDissector(${JSON.stringify(plan)})));`,
    program,
  );
  const { stdout, stderr } = await runProgram('unshare', ['--net', '--', process.execPath, program]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}
