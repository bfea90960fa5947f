/** Figures of sizes, made up; tests change what they are about. */
import type { MeasuredSize, ScalePlan, ScaleResult, ScaleSize } from '../../src/commands/scale/result.ts';

export const PLAN: ScalePlan = {
  mode: 'hash',
  flags: [],
  flows: 2000,
  packets: 1_008_000,
  ring: { blockBytes: 131_072, blockCount: 32, blockTimeoutMs: 10 },
  workNs: 0,
  placement: { senderCpu: 0, workerCpus: [1, 2, 3] },
};

/** Half a million packets a second, which keep the sender's CPU busy and the processes hardly. */
export function sizeOf(procs: number, change: Partial<MeasuredSize> = {}): MeasuredSize {
  return {
    procs,
    startMs: 40 * procs,
    offered: 1_008_000,
    packetsPerSecond: 500_000,
    lost: 0,
    lossPercent: 0,
    cpuNsPerPacket: 100,
    senderNsPerPacket: 1900,
    membersUsed: procs,
    maxOverMean: 1,
    answer: 'yes',
    doubts: [],
    ...change,
  };
}

export function lossy(procs: number, lossPercent: number, change: Partial<MeasuredSize> = {}): MeasuredSize {
  const loss = { code: 'loss', message: `full rings dropped ${lossPercent} %` };
  return sizeOf(procs, { lossPercent, lost: Math.round(10_080 * lossPercent), answer: 'inconclusive', doubts: [loss], ...change });
}

export function scaleOf(sizes: readonly ScaleSize[], change: Partial<ScaleResult> = {}): ScaleResult {
  return {
    schema: 'fanout-cluster/scale@1',
    tool: { version: '0.1.0' },
    startedAt: '2026-11-22T12:00:00.000Z',
    durationMs: 8_765,
    host: { kernel: '6.18.44', cpus: 4 },
    source: { kind: 'lab', interface: 'cap0', injection: 'tap', seed: 7 },
    plan: PLAN,
    sizes,
    advice: [],
    ...change,
  };
}
