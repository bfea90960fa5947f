/** What a run sees of the world beside its members' messages: clocks, timers and this host. Given to whoever needs it, so that a run can be had without them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../../addon/native.ts';
import { isSystemCallError } from '../../errors.ts';
import { readFlowDissector } from '../../host/flow-dissector.ts';
import { capturingOn, type FanoutGroup, fanoutGroups, ownersOf } from '../../host/groups.ts';
import { hostKernel } from '../../host/kernel.ts';
import type { FlowDissector } from '../../model/flow-dissector.ts';
import type { KernelDesign } from '../../model/kernel-model.ts';
import type { KernelIdentity } from '../../model/kernel-release.ts';
import type { LinkState } from '../../model/link.ts';

export type CallOff = () => void;

export interface Clock {
  /** Milliseconds since whenever, of a clock that never steps. */
  nowMs(): number;
  /** CLOCK_REALTIME in nanoseconds: the clock of packets' time stamps, which may step. */
  realtimeNs(): bigint;
  after(delayMs: number, callback: () => void): CallOff;
  every(intervalMs: number, callback: () => void): CallOff;
  sleep(delayMs: number): Promise<void>;
}

export interface Surroundings {
  readonly clock: Clock;
  /** The interface of this index, whatever its name is now; undefined when there is none any more. */
  interfaceAt(ifindex: number): { readonly name: string; readonly up: boolean } | undefined;
  /** Undefined where nobody can tell. */
  linkAt(ifindex: number): LinkState | undefined;
  /** All fanout groups of this network namespace; undefined where nobody can tell. */
  fanoutGroups(): readonly FanoutGroup[] | undefined;
  /** Inodes of all sockets that may be in a group on this interface, whoever's they are; undefined where nobody can tell. */
  capturingOn(ifindex: number): readonly number[] | undefined;
  /** Whether a group may have a limit of members, and so be closed to others. */
  readonly fanoutArgs: boolean;
  /** Who holds these sockets, in words, as far as this user may know. */
  ownersOf(inodes: readonly number[]): readonly string[];
  flowDissector(): FlowDissector;
  /** As uname(2) gives it. */
  kernelRelease(): string | KernelIdentity;
  /** How the kernel hashes, where it had to be asked, and could be. */
  readonly askedDesign?: KernelDesign;
}

export const HOST_CLOCK: Clock = {
  nowMs: () => performance.now(),
  realtimeNs: () => native.realtimeNs(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  every: (intervalMs, callback) => {
    const timer = setInterval(callback, intervalMs);
    return () => clearInterval(timer);
  },
  sleep: (delayMs) => sleep(delayMs),
};

/** An interface that is renamed, or goes, between the two questions is asked about anew. */
const ATTEMPTS = 5;

function interfaceAt(ifindex: number): { readonly name: string; readonly up: boolean } | undefined {
  for (let attempt = 1; ; attempt += 1) {
    const name = native.interfaceName(ifindex);
    if (name === null) return undefined;
    try {
      const { index, up } = native.describeInterface(name);
      if (index === ifindex) return { name, up };
    } catch (error) {
      if (!isSystemCallError(error)) throw error;
    }
    if (attempt === ATTEMPTS) return undefined;
  }
}

function linkAt(ifindex: number): LinkState | undefined {
  try {
    return native.linkState(ifindex) ?? undefined;
  } catch (error) {
    if (!isSystemCallError(error)) throw error;
    return undefined;
  }
}

interface Answers {
  readonly dissector: FlowDissector;
  readonly fanoutArgs: boolean;
  readonly askedDesign?: KernelDesign;
}

/** This host. What could only be asked while there were privileges is taken from the answer of then. */
export function hostSeenWith({ dissector, fanoutArgs, askedDesign }: Answers): Surroundings {
  const kernel = hostKernel();
  return {
    clock: HOST_CLOCK,
    interfaceAt,
    linkAt,
    fanoutGroups,
    capturingOn,
    fanoutArgs,
    ownersOf,
    flowDissector: () => {
      const now = readFlowDissector();
      return now.kind === 'unknown' ? dissector : now;
    },
    kernelRelease: () => kernel,
    ...(askedDesign === undefined ? {} : { askedDesign }),
  };
}
