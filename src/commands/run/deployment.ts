/** `run --from` where the files deploy several groups: which of them can be tested, and the order of things. */
import { printable } from '../../collector/report/printable.ts';
import { EXIT, type ExitStatus, FanoutError } from '../../errors.ts';
import { type Options, parseOptions } from '../../options/options.ts';
import type { RawOptions } from '../../options/table.ts';
import { type Host, progressOn } from '../../process/host.ts';
import type { Collector } from '../collector.ts';
import { addedBy, deployedGroups, parsedAs } from '../deployed/deployed.ts';
import type { Deployed, DeploymentUse, Untested } from '../deployed/merge.ts';
import { reported } from '../reported.ts';
import type { Several, SeveralIo } from './several.ts';
import { groupTitle, severalBrief, severalDocument } from './several-report.ts';

export interface DeploymentPlan {
  readonly groups: readonly [Options, ...Options[]];
  readonly untested: readonly Untested[];
}

/** A group with a setting that this machine cannot follow takes nothing from the others. */
export function parseDeployment(typed: RawOptions, use: DeploymentUse): DeploymentPlan {
  const deployed = deployedGroups(typed, use);
  const groups: Options[] = [];
  const untested = [...deployed.untested];
  for (const one of deployed.groups) {
    try {
      groups.push(optionsOf(one, use));
    } catch (error) {
      if (!(error instanceof FanoutError)) throw error;
      untested.push({ ...one.group, interface: one.deployment.interface ?? '?', error, isNoGroup: false });
    }
  }
  const [first, ...others] = groups;
  if (first === undefined) throw untested[deployed.untested.length]?.error ?? new TypeError('no group was refused');
  return { groups: [first, ...others], untested };
}

function optionsOf(deployed: Deployed, { machine }: DeploymentUse): Options {
  return { ...parsedAs(deployed, () => parseOptions(deployed.raw, machine)), ...addedBy(deployed) };
}

export async function runDeployment(
  { groups, untested }: DeploymentPlan,
  host: Host,
  { runCluster, provisioning, clock }: Collector,
): Promise<ExitStatus> {
  const [{ output, statusIntervalMs }] = groups;
  const { openingsOfAll, runSeveral } = await import('./several.ts');
  const openings = openingsOfAll(groups, provisioning);
  const work = async (opened: Several['opened']) => {
    const progress = progressOn(host, output, statusIntervalMs);
    const io: SeveralIo = {
      version: host.version,
      clock,
      signal: host.signal,
      onProgress: (snapshot) => progress?.update(snapshot),
      onGroup: (group, index) => progress?.note(`testing ${printable(groupTitle(group))} (${index + 1} of ${groups.length})`),
    };
    return runSeveral({ groups, opened, untested }, io, runCluster).finally(() => progress?.finish());
  };
  const { answer } = await reported(output, host, openings, work, { full: severalDocument, brief: severalBrief });
  return EXIT[answer];
}
