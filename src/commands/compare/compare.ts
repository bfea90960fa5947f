/** Several modes on the same packets: live in one run of many groups, in the lab in one run for each of the same traffic. */

import { withoutUnsafeDefrag } from '../../collector/group/group-safety.ts';
import type { GroupOutcome } from '../../collector/run/io.ts';
import { headOf, launchNow } from '../../collector/run/result-head.ts';
import { FanoutError, interrupted } from '../../errors.ts';
import { type ComparisonResult, labelOf } from '../../model/comparison.ts';
import { isAbove, type OwnLoad } from '../../model/own-load.ts';
import type { Reason, RunResult } from '../../model/run-result.ts';
import type { Options } from '../../options/options.ts';
import type { CompareIo, RunCompare } from './io.ts';
import type { CompareOptions } from './options.ts';
import { recommend } from './recommend.ts';

type LeftOut = ComparisonResult['leftOut'][number];

export const runCompare: RunCompare = async (options, io, { runCluster, runTogether }) => {
  const launch = launchNow();
  const { testable, unsafe } = options.isLive
    ? withoutUnsafeDefrag(options.runs, io.provisions.groups)
    : { testable: options.runs, unsafe: [] };
  const ownLoad = options.ownLoad === 'first' ? await io.measureOwnLoad() : undefined;
  const { outcomes, unfinished } = options.isLive
    ? { outcomes: await runTogether(testable, io), unfinished: undefined }
    : await oneAfterTheOther(testable, io, runCluster);
  const runs = outcomes.filter((outcome): outcome is RunResult => !(outcome instanceof FanoutError));
  const refused = testable.flatMap((group, i) => leftOutBy(group, outcomes[i], unfinished));
  const [first] = runs;
  // Nothing was gathered that an error could take away.
  if (first === undefined)
    throw outcomes.find((outcome) => outcome instanceof FanoutError) ?? interrupted('before any mode had been tested');
  const isInterrupted = refused.some(({ reason }) => reason.code === 'interrupted');
  const finished = runs.filter((run) => run !== unfinished);
  const extent = { asked: options.runs.length, interrupted: isInterrupted };
  const deployment = { procs: options.procs, ...(options.isLive ? { interface: first.source.interface } : {}) };
  return {
    ...headOf('fanout-cluster/comparison@1', io.version, launch, first.source),
    procs: options.procs,
    packets: options.isLive ? 'same' : 'repeated',
    recommendation: recommend(finished, deployment, extent),
    runs,
    leftOut: [...unsafe, ...refused],
    ...(ownLoad === undefined ? {} : { ownLoad }),
    warnings: loadWarnings(options, runs, ownLoad),
  };
};

interface Outcomes {
  readonly outcomes: readonly GroupOutcome[];
  /** The run that a signal cut short: it saw less traffic than the others. */
  readonly unfinished: RunResult | undefined;
}

/** A mode that cannot be run takes nothing away from the others. */
async function oneAfterTheOther(
  groups: readonly Options[],
  io: CompareIo,
  runCluster: Parameters<RunCompare>[2]['runCluster'],
): Promise<Outcomes> {
  const outcomes: GroupOutcome[] = [];
  let unfinished: RunResult | undefined;
  for (const [index, options] of groups.entries()) {
    if (io.signal.aborted) break;
    io.onMode(labelOf(options), index);
    try {
      const result = await runCluster(options, { ...io, onProgress: () => undefined });
      outcomes.push(result);
      if (io.signal.aborted) unfinished = result;
    } catch (error) {
      if (!(error instanceof FanoutError)) throw error;
      outcomes.push(error);
    }
  }
  return { outcomes, unfinished };
}

function leftOutBy({ mode, flags }: Options, outcome: GroupOutcome | undefined, unfinished: RunResult | undefined): readonly LeftOut[] {
  const interruptedWhen = (when: string): readonly LeftOut[] => [{ mode, flags, reason: { code: 'interrupted', message: when } }];
  if (outcome === undefined || isInterruption(outcome)) return interruptedWhen('ended by a signal before this mode was tested');
  if (outcome === unfinished)
    return interruptedWhen('ended by a signal while this mode was tested: its row is about a part of the traffic');
  if (!(outcome instanceof FanoutError)) return [];
  const { code, message, remedy } = outcome;
  return [{ mode, flags, reason: { code, message, remedy } }];
}

function isInterruption(outcome: GroupOutcome): boolean {
  return outcome instanceof FanoutError && outcome.code === 'INTERRUPTED';
}

/** What so many groups at once may have done to the answers. */
function loadWarnings(options: CompareOptions, runs: readonly RunResult[], load: OwnLoad | undefined): readonly Reason[] {
  if (!options.isLive) return [];
  const rate = Math.max(...runs.map(packetsPerSecond));
  const dropping = runs.filter(({ packets }) => packets.dropped > 0).map((run) => labelOf(run.group));
  const remedy = `compare fewer modes at a time (--modes), fewer packets (--filter), or give rings more memory (--ring-size)`;
  if (load !== undefined && isAbove(load, rate)) {
    const limit = `testing ${runs.length} groups at once went without loss up to ${Math.round(load.lossFreeRate)} packets/s here`;
    return [
      { code: 'own-load', message: `${limit}, and this traffic had ${Math.round(rate)}: answers may show the load of the test`, remedy },
    ];
  }
  if (load === undefined && options.ownLoad === 'first') {
    const message = `it could not be measured what ${runs.length} groups at once cost this machine`;
    return [{ code: 'own-load', message, remedy: `see what this says: fanout-cluster ${options.ownLoadArguments.join(' ')}` }];
  }
  if (dropping.length === 0) return [];
  return [
    { code: 'own-load', message: `packets were dropped in ${dropping.join(', ')}, perhaps for the load of ${runs.length} groups`, remedy },
  ];
}

function packetsPerSecond({ packets, timing }: RunResult): number {
  return ((packets.captured + packets.dropped) * 1000) / Math.max(timing.captureMs, 1);
}
