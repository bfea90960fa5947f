/** The survey: one run for each mode, with the traffic of all classes mixed, and a cell for each class of it. */

import { native } from '../../addon/native.ts';
import type { Observed, RunCluster } from '../../collector/run/io.ts';
import { headOf, launchNow } from '../../collector/run/result-head.ts';
import { ignoreReasonOf } from '../../collector/verdict/accounting.ts';
import { worded } from '../../collector/words/say.ts';
import { hostKernel } from '../../host/kernel.ts';
import { type GroupName, groupNameOf, labelOf } from '../../model/fanout.ts';
import { type Finding, finding } from '../../model/finding.ts';
import { type KernelDesign, olderDesign } from '../../model/kernel-model.ts';
import type { SourceInfo } from '../../model/run-result.ts';
import type { Options } from '../../options/options.ts';
import { classNamed } from '../../traffic/classes.ts';
import { generateTraffic } from '../../traffic/traffic.ts';
import { endedBySignal, inTurn, isByDissector, reasonOf, resultsOf, type Turn } from '../series.ts';
import type { MatrixIo, RunMatrix } from './io.ts';
import { type ClassSample, cellsOf, doubtsOf } from './matrix-cells.ts';
import type { MatrixOptions } from './options.ts';
import type { MatrixCell, MatrixResult, MatrixRun } from './result.ts';

export const runMatrix: RunMatrix = async (options, io, runCluster) => {
  const launch = launchNow(io);
  // How the kernel hashes is one answer for all runs.
  let known: Samples | undefined;
  const samples = (design: KernelDesign | undefined): Samples => {
    known ??= new Map(options.classes.map((name) => [name, sampleOf(name, design)]));
    return known;
  };
  const { asked, leftOut } = withoutRefused(options, io);
  const turns = await inTurn(
    asked,
    io.signal,
    (run, index) => io.onMode(labelOf(run), index),
    (run) => measure(run, samples, io, runCluster),
    isByDissector,
  );
  const [first] = resultsOf(turns, 'before any mode had been measured');
  const runs = asked.map((run, index) => runOf(run, turns[index]));
  return {
    ...headOf('fanout-cluster/matrix@1', io.version, launch, first.source),
    procs: options.procs,
    flowsPerClass: options.flowsPerClass,
    runs,
    leftOut,
    cells: options.classes.flatMap((name) => runs.map((run, index) => cellOf(name, turns[index]) ?? unmeasured(name, run))),
  };
};

/** Of modes that nobody asked for, those whose program the kernel refuses are no part of the survey. */
function withoutRefused(
  { runs, areUsualModes }: MatrixOptions,
  { provisions }: MatrixIo,
): { readonly asked: readonly Options[]; readonly leftOut: MatrixResult['leftOut'] } {
  if (!areUsualModes) return { asked: runs, leftOut: [] };
  const leftOut = runs.flatMap((run) => {
    const refusal = provisions.refusalOf(run);
    return refusal === undefined ? [] : [{ ...groupNameOf(run), reason: reasonOf(refusal) }];
  });
  return { asked: runs.filter((run) => provisions.refusalOf(run) === undefined), leftOut };
}

type Samples = ReadonlyMap<string, ClassSample>;

interface Measured {
  readonly run: MatrixRun;
  readonly cells: ReadonlyMap<string, MatrixCell>;
  readonly source: SourceInfo;
}

/** A mode that cannot be run takes its own cells away, and no others. */
function runOf(group: GroupName, turn: Turn<Measured> | undefined): MatrixRun {
  if (turn?.kind === 'done') return turn.value.run;
  return { ...groupNameOf(group), doubts: [turn === undefined ? NOT_RUN : reasonOf(turn.error)] };
}

const NOT_RUN = endedBySignal('before-mode-measured');

function cellOf(name: string, turn: Turn<Measured> | undefined): MatrixCell | undefined {
  return turn?.kind === 'done' ? turn.value.cells.get(name) : undefined;
}

async function measure(
  options: Options,
  samples: (design: KernelDesign | undefined) => Samples,
  io: MatrixIo,
  runCluster: RunCluster,
): Promise<Measured> {
  let observed: Observed | undefined;
  const onObserved = (all: Observed): void => {
    observed = all;
  };
  const { packets, members, source, verdict } = await runCluster(options, { ...io, onProgress: () => undefined, onObserved });
  if (observed === undefined) throw new TypeError('a run ended without handing over what it saw');
  const doubts = doubtsOf(observed).map(worded);
  const cells = new Map(cellsOf(observed, samples(observed.facts.askedDesign), doubts).map((cell) => [cell.class, cell]));
  const missing = doubts.length > 0 ? [] : missingDoubt([...cells.values()]).map(worded);
  // What the mode did promise, and did not keep, is about no class, but must be told.
  const broken = verdict.reasons.filter(({ code }) => code === 'spread-broken');
  const packetsByMember = members.map((member) => member.packets);
  return { run: { ...groupNameOf(options), packets, packetsByMember, doubts: [...doubts, ...missing, ...broken] }, cells, source };
}

/** The run adds up, but not class by class. */
function missingDoubt(cells: readonly MatrixCell[]): readonly Finding[] {
  const classes = cells.filter(({ outcome }) => outcome === 'doubtful').map((cell) => cell.class);
  return classes.length === 0 ? [] : [finding('accounting-mismatch', { kind: 'classes', classes, of: cells.length })];
}

function unmeasured(name: string, run: MatrixRun): MatrixCell {
  const reason = run.doubts[0]?.code ?? NOT_RUN.code;
  const nothing = { flows: 0, split: 0, asymmetric: 0, duplicated: 0, membersUsed: 0 };
  return { class: name, ...groupNameOf(run), answer: 'inconclusive', outcome: 'not-run', reason, ...nothing };
}

/** Enough for every kind of frame that a flow of the class has, and for flows that share neither hosts nor tunnel ends. */
const SAMPLE = { seed: 0, flows: 16, packetsPerFlow: 12 } as const;

/** Frames of the class as a worker sees them: by themselves. */
function sampleOf(name: string, design: KernelDesign | undefined): ClassSample {
  const { frames, offsets } = generateTraffic({ ...SAMPLE, classes: [name] });
  const kernel = olderDesign(hostKernel(), design);
  const seen = Array.from(offsets.subarray(1), (end, i) =>
    native.dissectFrame(frames.subarray(offsets[i], end), kernel === undefined ? {} : { kernel }),
  );
  const isWhole = seen.every(({ kind, marks }) => kind === 'flow' && !marks.includes('fragment'));
  const hasOneKernelKey = new Set(seen.map(({ kernelKey }) => kernelKey)).size === 1;
  if (classNamed(name).flow !== undefined) return { isWhole, hasOneKernelKey };
  const reasons = new Set(seen.map(ignoreReasonOf));
  const [reason] = reasons;
  if (reasons.size !== 1 || reason === undefined) throw new TypeError(`frames of ${name} are counted in several ways`);
  return { isWhole, hasOneKernelKey, ignoredAs: reason };
}
