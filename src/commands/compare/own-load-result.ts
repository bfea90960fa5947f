/** What groups on the same packets cost the machine that tests them. */

export interface LoadSample {
  readonly groups: number;
  /** Sending and delivery to all groups: the way of a packet through the kernel, on the CPU that receives. */
  readonly kernelNsPerPacket: number;
  /** CPU time of all processes. */
  readonly workerNsPerPacket: number;
}

export interface OwnLoad {
  readonly schema: 'fanout-cluster/own-load@1';
  readonly procs: number;
  readonly one: LoadSample;
  readonly all: LoadSample;
  /** What each group beyond the first adds to the way of a packet. */
  readonly perFurtherGroup: { readonly kernelNsPerPacket: number; readonly workerNsPerPacket: number };
  /**
   * Packets per second: the highest rate at which no group lost any, and the lowest tried at which one did. Without the latter, the CPU
   * that receives had no time for more.
   */
  readonly lossFreeRate: number;
  readonly lossRate?: number;
}

/** Whether so many packets per second are more than was found to go through without loss. */
export function isAbove(load: OwnLoad, packetsPerSecond: number): boolean {
  return packetsPerSecond > load.lossFreeRate;
}
