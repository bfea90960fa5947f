/** What a run sees of this host. The simulation gives a run another host. */
import { native } from '../../addon/native.ts';
import { isSystemCallError } from '../../errors.ts';
import { processCpuNs, threadCpuNs } from '../../host/cpu-time.ts';
import { readFlowDissector } from '../../host/flow-dissector.ts';
import { capturingOn, type FanoutGroup, fanoutGroups, ownersOf } from '../../host/groups.ts';
import { hostKernel } from '../../host/kernel.ts';
import type { FlowDissector } from '../../model/flow-dissector.ts';
import type { KernelDesign } from '../../model/kernel-model.ts';
import type { KernelIdentity } from '../../model/kernel-release.ts';
import type { LinkState } from '../../model/link.ts';

export interface HostView {
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
  /** CPU time of the collector's process so far, user and system. */
  processCpuNs(): number;
  /** CPU time so far of the collector's thread of this name; undefined where there is none, or nobody can tell. */
  threadCpuNs(name: string): number | undefined;
}

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
export function hostSeenWith({ dissector, fanoutArgs, askedDesign }: Answers): HostView {
  const kernel = hostKernel();
  return {
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
    processCpuNs,
    threadCpuNs,
  };
}
