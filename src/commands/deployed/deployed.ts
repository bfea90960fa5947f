/** `--from FILE` and `--like ID`: a group that a configuration deploys, or one that runs, as what would have been typed to test it. */
import { joined } from '../../collector/words/english.ts';
import { PROGRAM_TITLES, type Program } from '../../deployment/group.ts';
import { FanoutError } from '../../errors.ts';
import type { Deployment } from '../../model/deployment.ts';
import { parseRunningGroup } from '../../options/arguments.ts';
import type { Options } from '../../options/options.ts';
import { DEPLOYMENT_KEYS, firstGiven, nameOf, type RawOptions } from '../../options/table.ts';
import { contradictory } from '../../options/values.ts';
import type { Host } from '../../process/host.ts';
import { type Deployed, type DeployedGroups, type DeploymentUse, filesOf, without } from './merge.ts';
import { shadowOf } from './shadow.ts';

/** Loads and asks what it takes only where a deployment is named: the readers of configurations, and the addon. */
export async function askedOfHost(
  { from, like }: RawOptions,
  { recall }: Host,
): Promise<Pick<DeploymentUse, 'configurations' | 'running'>> {
  if (from !== undefined && like !== undefined) throw contradictory('--from and --like name two deployments', 'give one of them');
  if (from !== undefined) {
    const [{ receiveRings }, { configuredGroups }] = await Promise.all([
      import('../../host/receive-rings.ts'),
      import('./configuration.ts'),
    ]);
    return { configurations: { receiveRings, groupsOf: configuredGroups } };
  }
  if (like === undefined) return {};
  const name = parseRunningGroup(like, '--like');
  const { enterRunningGroup } = await import('../../host/running-group.ts');
  return { running: recall('running group', () => enterRunningGroup(name)) };
}

/** What was typed, or the one group of the deployment that was named. */
export function typedOrDeployed(
  typed: RawOptions,
  use: DeploymentUse,
): { readonly raw: RawOptions; readonly added: Pick<Options, 'deployment' | 'copiedFilter'> } {
  if (isDeployed(typed)) {
    const deployed = deployedGroup(typed, use);
    return { raw: deployed.raw, added: addedBy(deployed) };
  }
  if (use.isForLab === true && typed.interface !== undefined)
    throw contradictory(
      `${use.command} is for the lab, and never sends on a live interface`,
      'leave -i out; with --from it says which group is meant',
    );
  return { raw: typed, added: {} };
}

/** To the options that are parsed. */
export function addedBy({ deployment, copied }: Deployed): Pick<Options, 'deployment' | 'copiedFilter'> {
  return { deployment, ...copied };
}

/** Whether --from was given; the others make sense beside it only. */
export function isDeployed(typed: RawOptions): boolean {
  if (typed.from !== undefined || typed.like !== undefined) return true;
  const stray = firstGiven(typed, DEPLOYMENT_KEYS);
  if (stray !== undefined) throw contradictory(`${nameOf(stray)} is about a configuration, and none is named`, 'name it with --from FILE');
  return false;
}

/** What is wrong with an option is told with the place in the file that it was taken from. */
export function parsedAs<T>({ deployment }: { readonly deployment?: Deployment }, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof FanoutError) || deployment === undefined) throw error;
    const { code, message, remedy } = error;
    const of = deployment.settings.find(({ option, from }) => from !== 'command line' && message.startsWith(option));
    if (of === undefined) throw error;
    const where = of.file === undefined ? `by a default of ${PROGRAM_TITLES[deployment.program as Program]}` : `at ${of.file}:${of.line}`;
    throw new FanoutError(code, `${message} (${where})`, remedy, { cause: error });
  }
}

/** The one that the files, or the user, leave to be tested. */
export function deployedGroup(typed: RawOptions, use: DeploymentUse): Deployed {
  const [first, ...others] = deployedGroups(typed, use).groups;
  if (others.length === 0) return first;
  const devices = [first, ...others].map(({ deployment }) => deployment.interface ?? '?');
  throw new FanoutError(
    'USAGE',
    `--from: ${filesOf(typed)} deploys ${devices.length} groups, on ${joined(devices, 'and')}, and ${use.command} tests one`,
    'name the interface with -i; `fanout-cluster --from FILE` tests all of them, one after the other',
  );
}

/** All that the files deploy, or the one that runs. Throws where none of it can be tested. */
export function deployedGroups(typed: RawOptions, use: DeploymentUse): DeployedGroups {
  const { running, configurations } = use;
  if (configurations !== undefined) return configurations.groupsOf(typed, use, configurations);
  if (running === undefined) throw new TypeError('no deployment was named');
  return { groups: [shadowOf(running, without(typed, DEPLOYMENT_KEYS), use)], untested: [] };
}
