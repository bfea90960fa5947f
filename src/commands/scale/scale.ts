/** One lab run for each size of the group, one after the other with the same traffic, and what follows from their figures. */

import type { RunCluster } from '../../collector/run/io.ts';
import { headOf, launchNow } from '../../collector/run/result-head.ts';
import { FanoutError, interrupted } from '../../errors.ts';
import type { Reason, RunResult, SourceInfo } from '../../model/run-result.ts';
import type { FailedSize, MeasuredSize, ScaleSize } from '../../model/scale.ts';
import type { RunScale, ScaleIo } from './io.ts';
import type { SizeOptions } from './options.ts';
import { adviseOn } from './scale-advice.ts';
import { figureDoubts } from './scale-doubts.ts';
import { ScaleGauges } from './scale-gauges.ts';

export const runScale: RunScale = async ({ sizes: asked, plan }, io, runCluster) => {
  const launch = launchNow();
  const tried: Tried[] = [];
  for (const [index, size] of asked.entries()) {
    if (io.signal.aborted) break;
    io.onSize(size.procs, index);
    tried.push(await trySize(size, io, runCluster));
  }
  const source = tried.find((one) => one.source !== undefined)?.source;
  // Nothing was gathered that an error could take away.
  if (source === undefined) throw tried.find((one) => one.error !== undefined)?.error ?? interrupted('before this size was measured');
  const sizes = asked.map(({ procs }, index) => tried[index]?.size ?? failed(procs, interrupted('before this size was measured')));
  return {
    ...headOf('fanout-cluster/scale@1', io.version, launch, source),
    plan,
    sizes,
    advice: adviseOn(sizes, plan),
  };
};

interface Tried {
  readonly size: ScaleSize;
  readonly source?: SourceInfo;
  readonly error?: FanoutError;
}

async function trySize(asked: SizeOptions, io: ScaleIo, runCluster: RunCluster): Promise<Tried> {
  if ('refused' in asked) return { size: failed(asked.procs, asked.refused), error: asked.refused };
  const { ring } = asked.options;
  const gauges = new ScaleGauges(ring.blockBytes * ring.blockCount);
  try {
    const result = await runCluster(asked.options, { ...io, onCrew: (crew) => gauges.watch(crew), onProgress: () => gauges.read() });
    const size = measured(result, gauges);
    return { size: io.signal.aborted ? { ...size, doubts: [...size.doubts, cutShort()] } : size, source: result.source };
  } catch (error) {
    if (!(error instanceof FanoutError)) throw error;
    return { size: failed(asked.procs, error), error };
  }
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

function failed(procs: number, { code, message, remedy }: FanoutError): FailedSize {
  const error: Reason = { code, message, remedy };
  return { procs, error };
}

function cutShort(): Reason {
  return { code: 'interrupted', message: 'ended by a signal while this size was measured', remedy: 'run again, and let it end by itself' };
}
