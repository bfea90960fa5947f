/** What a group costs and carries as it grows: one lab run for each size, with the same traffic. */
import type { GroupName } from '../../model/fanout.ts';
import type { CpuPlacement } from '../../model/findings/scale.ts';
import type { ResultHead } from '../../model/result-head.ts';
import type { Answer, Reason } from '../../model/run-result.ts';

export const ADVICE = {
  'busy-host': 'the thread that sends did not get its CPU, so that the rates say little',
  'kernel-path': 'the CPU that receives is the limit, not the processes',
  'worker-cpu': 'the CPUs of the processes are the limit',
  'busiest-member': 'one process is the limit, while others have time left',
  'ring-overflow': 'rings overflowed although the processes had CPU time left',
  'wake-ups': 'more processes cost more CPU time for each packet',
  memory: 'a size does not fit this machine',
  'best-size': 'the size that can take most packets, by these figures',
  'beyond-af-packet': 'from which rate on the path through the kernel is too slow',
} as const satisfies Record<string, string>;

export type AdviceCode = keyof typeof ADVICE;

export interface Advice extends Reason {
  readonly code: AdviceCode;
}

export interface ScaleMemory {
  /** Proportional share (PSS) of a process with its ring, the mean of those looked at. */
  readonly processBytes: number;
  readonly processesRead: number;
  /** Of all processes, by that mean. */
  readonly totalBytes: number;
  /** All rings together, as they are configured. */
  readonly ringBytes: number;
}

export interface MeasuredSize {
  readonly procs: number;
  readonly startMs: number;
  readonly offered: number;
  /** Mean rate of sending. */
  readonly packetsPerSecond: number;
  /** In full rings. */
  readonly lost: number;
  readonly lossPercent: number;
  /** All processes together, user and system time, for each packet that they captured. */
  readonly cpuNsPerPacket: number;
  /** CPU time of the sending thread, in which the kernel also receives; absent where it was too short to be measured. */
  readonly senderNsPerPacket?: number;
  readonly membersUsed: number;
  readonly maxOverMean: number;
  readonly answer: Answer;
  readonly memory?: ScaleMemory;
  /** Why the answer is not YES. */
  readonly doubts: readonly Reason[];
}

/** A size that could not be measured. */
export interface FailedSize {
  readonly procs: number;
  readonly error: Reason;
}

export type ScaleSize = MeasuredSize | FailedSize;

/** The same for all sizes. */
export interface ScalePlan extends GroupName {
  readonly flows: number;
  readonly packets: number;
  /** Absent: as fast as it goes. */
  readonly packetsPerSecond?: number;
  readonly ring: { readonly blockBytes: number; readonly blockCount: number; readonly blockTimeoutMs: number };
  readonly workNs: number;
  readonly placement: CpuPlacement;
}

export interface ScaleResult extends ResultHead<'fanout-cluster/scale@1'> {
  readonly plan: ScalePlan;
  readonly sizes: readonly ScaleSize[];
  readonly advice: readonly Advice[];
}

export function isMeasured(size: ScaleSize): size is MeasuredSize {
  return 'offered' in size;
}
