/** What groups on the same packets cost the machine that tests them. */

import { MalformedMessage, natural, optional, quantity, record, shown } from '../../protocol/values.ts';

const SCHEMA = 'fanout-cluster/own-load@1';

export interface LoadSample {
  readonly groups: number;
  /** Sending and delivery to all groups: the way of a packet through the kernel, on the CPU that receives. */
  readonly kernelNsPerPacket: number;
  /** CPU time of all processes. */
  readonly workerNsPerPacket: number;
}

export interface OwnLoad {
  readonly schema: typeof SCHEMA;
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

/** What the process that measured it has written; undefined where that is none. */
export function ownLoadIn(json: string): OwnLoad | undefined {
  try {
    return parseOwnLoad(JSON.parse(json));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof MalformedMessage) return undefined;
    throw error;
  }
}

function parseOwnLoad(value: unknown): OwnLoad {
  const { schema, procs, one, all, perFurtherGroup, lossFreeRate, lossRate } = record(value, 'own load');
  if (schema !== SCHEMA) throw new MalformedMessage(`the schema is ${shown(schema)} instead of ${SCHEMA}`);
  const lossy = optional(lossRate, quantity);
  return {
    schema,
    procs: natural(procs),
    one: parseSample(one),
    all: parseSample(all),
    perFurtherGroup: parseCost(perFurtherGroup),
    lossFreeRate: quantity(lossFreeRate),
    ...(lossy === undefined ? {} : { lossRate: lossy }),
  };
}

function parseSample(value: unknown): LoadSample {
  const { groups } = record(value, 'sample');
  return { groups: natural(groups), ...parseCost(value) };
}

function parseCost(value: unknown): Omit<LoadSample, 'groups'> {
  const { kernelNsPerPacket, workerNsPerPacket } = record(value, 'cost');
  return { kernelNsPerPacket: quantity(kernelNsPerPacket), workerNsPerPacket: quantity(workerNsPerPacket) };
}

/** Whether so many packets per second are more than was found to go through without loss. */
export function isAbove(load: OwnLoad, packetsPerSecond: number): boolean {
  return packetsPerSecond > load.lossFreeRate;
}
