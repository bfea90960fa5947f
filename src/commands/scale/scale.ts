/** One lab run for each size of the group, one after the other with the same traffic, and what follows from their figures. */

import type { RunCluster } from '../../collector/run/io.ts';
import { headOf, launchNow } from '../../collector/run/result-head.ts';
import { worded } from '../../collector/words/say.ts';
import type { RunResult, SourceInfo } from '../../model/run-result.ts';
import { endedBySignal, inTurn, reasonOf, resultsOf, type Turn } from '../series.ts';
import type { RunScale, ScaleIo } from './io.ts';
import type { SizeOptions } from './options.ts';
import type { MeasuredSize, ScaleSize } from './result.ts';
import { adviseOn } from './scale-advice.ts';
import { figureDoubts } from './scale-doubts.ts';
import { ScaleGauges } from './scale-gauges.ts';

export const runScale: RunScale = async ({ sizes: asked, plan, deployment }, io, runCluster) => {
  const launch = launchNow(io);
  const turns = await inTurn(
    asked,
    io.signal,
    ({ procs }, index) => io.onSize(procs, index),
    (size) => measure(size, io, runCluster),
  );
  const [first] = resultsOf(turns, 'before any size had been measured');
  const sizes = asked.map(({ procs }, index) => sizeOf(procs, turns[index]));
  return {
    ...headOf('fanout-cluster/scale@1', io.version, launch, first.source, deployment),
    plan,
    sizes,
    advice: adviseOn(sizes, plan).map(worded),
  };
};

interface Measured {
  readonly size: MeasuredSize;
  readonly source: SourceInfo;
}

async function measure(asked: SizeOptions, io: ScaleIo, runCluster: RunCluster): Promise<Measured> {
  if ('refused' in asked) throw asked.refused;
  const { ring } = asked.options;
  const gauges = new ScaleGauges(ring.blockBytes * ring.blockCount, io.clock);
  const result = await runCluster(asked.options, {
    ...io,
    onCrew: (crew, host) => gauges.watch(crew, host),
    onProgress: () => gauges.read(),
  });
  return { size: measured(result, gauges), source: result.source };
}

function sizeOf(procs: number, turn: Turn<Measured> | undefined): ScaleSize {
  if (turn === undefined) return { procs, error: endedBySignal('before-size-measured') };
  if (turn.kind === 'failed') return { procs, error: reasonOf(turn.error) };
  const { size } = turn.value;
  return turn.isCut ? { ...size, doubts: [...size.doubts, endedBySignal('while-size-measured')] } : size;
}

function measured({ group, timing, packets, members, balance, verdict, warnings }: RunResult, gauges: ScaleGauges): MeasuredSize {
  const { offered = 0, offeredPerSecond = 0, captured, dropped } = packets;
  const cpuNs = members.reduce((sum, member) => sum + (member.cpuNs ?? 0), 0);
  const { senderShare, memory } = gauges;
  return {
    procs: group.procs,
    startMs: timing.startMs,
    offered,
    packetsPerSecond: offeredPerSecond,
    lost: dropped,
    lossPercent: offered === 0 ? 0 : (dropped / offered) * 100,
    cpuNsPerPacket: captured === 0 ? 0 : Math.round(cpuNs / captured),
    ...(senderShare === undefined || offeredPerSecond === 0
      ? {}
      : { senderNsPerPacket: Math.round((senderShare * 1e9) / offeredPerSecond) }),
    membersUsed: balance.membersUsed,
    maxOverMean: balance.maxOverMean,
    answer: verdict.answer,
    ...(memory === undefined ? {} : { memory }),
    // Beside a NO, what spoils the figures is among the warnings.
    doubts: [...(verdict.answer === 'yes' ? [] : verdict.reasons), ...figureDoubts(warnings)],
  };
}
