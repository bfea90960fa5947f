/** What the advice of `scale` is about: which limit groups of these sizes met. */

/** The CPU that sends and receives, and those of the processes; without `senderCpu` all share one. */
export interface CpuPlacement {
  readonly senderCpu?: number;
  readonly workerCpus: readonly number[];
}

/** Of several sizes. */
export interface Range {
  readonly least: number;
  readonly most: number;
}

interface LossySize {
  readonly procs: number;
  readonly lossPercent: number;
}

interface SizeCost {
  readonly procs: number;
  /** CPU time of the processes. */
  readonly nsPerPacket: number;
}

/** Not all sizes that were asked for were measured. */
export interface SizesMeasured {
  readonly measured: number;
  readonly asked: number;
}

type BestSize =
  | ({
      readonly kind: 'no-loss';
      /** Packets a second. */
      readonly capacity: number;
      readonly maxOverMean: number;
      readonly placement: CpuPlacement;
      /** The processes did nothing with a packet beyond what this tool does. */
      readonly isIdle: boolean;
    } & SizeCost)
  | ({ readonly kind: 'least-loss' } & LossySize);

/** Shares are of 1, `used` is the largest share of their CPUs that the processes used together. */
export interface ScaleArgs {
  'busy-host': { readonly sizes: readonly { readonly procs: number; readonly senderShare: number }[]; readonly senderCpu?: number };
  'kernel-path': {
    readonly procs: readonly number[];
    readonly packetsPerSecond: Range;
    readonly senderNsPerPacket: Range;
    readonly used: number;
    readonly placement: CpuPlacement;
  };
  'worker-cpu': { readonly sizes: readonly LossySize[]; readonly nsPerPacket: Range; readonly placement: CpuPlacement };
  /** `busiestShare`: of all packets, by the busiest process. */
  'busiest-member': {
    readonly sizes: readonly (LossySize & { readonly busiestShare: number })[];
    readonly used: number;
    readonly placement: CpuPlacement;
  };
  'ring-overflow': {
    readonly sizes: readonly LossySize[];
    readonly used: number;
    readonly placement: CpuPlacement;
    readonly ringBytes: number;
  };
  'wake-ups': {
    readonly small: SizeCost;
    readonly large: SizeCost;
    /** Each process of the large group gets so many in `blockTimeoutMs`. */
    readonly packetsInBlock: number;
    readonly blockTimeoutMs: number;
  };
  /** The error with which the size was refused. */
  memory: { readonly procs: number; readonly message: string; readonly remedy?: string };
  'best-size': BestSize & { readonly outOf?: SizesMeasured };
  /** Packets a second: what one CPU carried, and what 10 Gbit/s of the smallest frames are. */
  'beyond-af-packet': { readonly perCpu: number; readonly lineRate: number; readonly cpus: number };
}
