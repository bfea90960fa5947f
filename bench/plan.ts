/** How much is measured: sized to the machine, so that a slow one does not take an hour and a fast one still sends for a while. */
import type { Members, Traffic } from './programs.ts';

export interface Plan {
  readonly cli: string;
  /** Undefined when the tool can be started; otherwise why not. */
  readonly cliMissing: string | undefined;
  readonly members: Members;
  readonly repetitions: number;
  readonly launches: number;
  readonly launchProcs: readonly number[];
  readonly launchRates: readonly ('50k' | 'max')[];
  readonly launchFlows: readonly number[];
  /** Seconds of traffic at the generator's maximum in one measurement. */
  readonly seconds: number;
  readonly manyFlows: boolean;
  readonly probes: number;
  /** Packets of each kind of traffic, and how often every mode has its turn. */
  readonly steering: { readonly packets: number; readonly repetitions: number };
  readonly collectorFlows: { readonly live: number; readonly memory: number };
}

export const FULL = {
  members: { procs: 8, ring: { blockBytes: 524288, blocks: 8, blockTimeoutMs: 10 } },
  repetitions: 3,
  launches: 5,
  launchProcs: [8, 16],
  launchRates: ['50k', 'max'],
  launchFlows: [100, 500],
  seconds: 1.2,
  manyFlows: true,
  probes: 4,
  steering: { packets: 20_000, repetitions: 11 },
  collectorFlows: { live: 1_000_000, memory: 10_000_000 },
} as const;

/** A smoke test: every kind of row once, none of them long enough to be quoted. */
export const QUICK = {
  ...FULL,
  repetitions: 1,
  launches: 2,
  launchProcs: [8],
  launchRates: ['50k'],
  launchFlows: [100],
  seconds: 0.3,
  manyFlows: false,
  probes: 3,
  steering: { packets: 3000, repetitions: 1 },
  collectorFlows: { live: 50_000, memory: 200_000 },
} as const;

export const SMALL = { sizeMin: 64, sizeMax: 64 } as const;
export const MIXED_SIZES = { sizeMin: 64, sizeMax: 1500 } as const;

/** As fast as the generator can, for about the planned time, and at least one and a half rounds over all flows and directions. */
export function fullSpeed(plan: Plan, maximumPps: number, flows: number, sizes: Pick<Traffic, 'sizeMin' | 'sizeMax'>): Traffic {
  return { packets: Math.max(Math.round(maximumPps * plan.seconds), 3 * flows), flows, rate: 0, ...sizes };
}
