/** Several modes on the same packets: live in one run of many groups, in the lab in one run for each of the same traffic. */

import { type UntestedGroup, withoutUnsafeDefrag } from '../../collector/group/group-safety.ts';
import type { GroupOutcome } from '../../collector/run/io.ts';
import { headOf, launchNow } from '../../collector/run/result-head.ts';
import { worded } from '../../collector/words/say.ts';
import { FanoutError } from '../../errors.ts';
import { type GroupName, groupNameOf, labelOf } from '../../model/fanout.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { Reason, RunResult } from '../../model/run-result.ts';
import type { Options } from '../../options/options.ts';
import { endedBySignal, inTurn, isByDissector, reasonOf, resultsOf, type Turn } from '../series.ts';
import type { CompareIo, RunCompare } from './io.ts';
import type { CompareOptions } from './options.ts';
import { isAbove, type OwnLoad } from './own-load-result.ts';
import { recommend } from './recommend.ts';
import type { ComparisonResult } from './result.ts';

type LeftOut = ComparisonResult['leftOut'][number];

export const runCompare: RunCompare = async (options, io, { runCluster, runTogether }) => {
  const launch = launchNow(io);
  const { loadable, unloadable } = withoutRefused(options.runs, io.provisions);
  const { testable, unsafe } = options.isLive ? withoutUnsafeDefrag(loadable, io.provisions.groups) : { testable: loadable, unsafe: [] };
  const ownLoad = options.ownLoad === 'first' ? await io.measureOwnLoad() : undefined;
  const turns = options.isLive
    ? (await runTogether(testable, io)).map(turnOf)
    : await inTurn(
        testable,
        io.signal,
        (group, index) => io.onMode(labelOf(group), index),
        (group) => runCluster(group, { ...io, onProgress: () => undefined }),
        isByDissector,
      );
  const runs = resultsOf(turns, 'before any mode had been tested');
  const [first] = runs;
  const refused = testable.flatMap((group, i) => leftOutBy(group, turns[i]));
  const isInterrupted = refused.some(({ reason }) => reason.code === 'interrupted');
  const unfinished = turns.flatMap((turn) => (turn?.kind === 'done' && turn.isCut ? [turn.value] : []));
  const finished = runs.filter((run) => !unfinished.includes(run));
  const extent = { asked: options.runs.length, interrupted: isInterrupted };
  const deployment = { procs: options.procs, ...(options.isLive ? { interface: first.source.interface } : {}) };
  return {
    ...headOf('fanout-cluster/comparison@1', io.version, launch, first.source, options.runs[0]?.deployment),
    procs: options.procs,
    packets: options.isLive ? 'same' : 'repeated',
    recommendation: recommend(finished, deployment, extent),
    runs,
    leftOut: [...[...unloadable, ...unsafe].map(({ error, ...group }) => ({ ...group, reason: reasonOf(error) })), ...refused],
    ...(ownLoad === undefined ? {} : { ownLoad }),
    warnings: loadWarnings(options, runs, ownLoad).map(worded),
  };
};

/** @throws why, where nothing can be tested without these programs */
function withoutRefused(
  runs: readonly Options[],
  provisions: CompareIo['provisions'],
): { readonly loadable: readonly Options[]; readonly unloadable: readonly UntestedGroup[] } {
  const unloadable = runs.flatMap((run): readonly UntestedGroup[] => {
    const error = provisions.refusalOf(run);
    return error === undefined ? [] : [{ ...groupNameOf(run), error }];
  });
  const loadable = runs.filter((run) => provisions.refusalOf(run) === undefined);
  const [first] = unloadable;
  if (loadable.length === 0 && first !== undefined) throw first.error;
  return { loadable, unloadable };
}

/** Live, all modes see the same packets, and a signal takes the same from each. */
function turnOf(outcome: GroupOutcome): Turn<RunResult> {
  return outcome instanceof FanoutError ? { kind: 'failed', error: outcome } : { kind: 'done', value: outcome, isCut: false };
}

function leftOutBy(group: GroupName, turn: Turn<RunResult> | undefined): readonly LeftOut[] {
  if (turn?.kind === 'done' && !turn.isCut) return [];
  return [{ ...groupNameOf(group), reason: whyLeftOut(turn) }];
}

function whyLeftOut(turn: Turn<RunResult> | undefined): Reason {
  if (turn === undefined) return endedBySignal('before-mode-tested');
  return turn.kind === 'failed' ? reasonOf(turn.error) : endedBySignal('while-mode-tested');
}

/** What so many groups at once may have done to the answers. */
function loadWarnings(options: CompareOptions, runs: readonly RunResult[], load: OwnLoad | undefined): readonly Finding[] {
  if (!options.isLive) return [];
  const groups = runs.length;
  const rate = Math.max(...runs.map(packetsPerSecond));
  if (load !== undefined && isAbove(load, rate))
    return [finding('own-load', { groups, kind: 'above', lossFreeRate: load.lossFreeRate, packetsPerSecond: rate })];
  if (load === undefined && options.ownLoad === 'first')
    return [finding('own-load', { groups, kind: 'unmeasured', command: options.ownLoadArguments })];
  const dropping = runs.filter(({ packets }) => packets.dropped > 0).map(({ group }) => groupNameOf(group));
  return dropping.length === 0 ? [] : [finding('own-load', { groups, kind: 'drops', dropping })];
}

function packetsPerSecond({ packets, timing }: RunResult): number {
  return ((packets.captured + packets.dropped) * 1000) / Math.max(timing.captureMs, 1);
}
