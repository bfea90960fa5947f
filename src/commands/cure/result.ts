/** What `cure` did, found, or would do. */
import type { IdsName } from '../../deployment/depth.ts';
import type { Binding } from '../../model/fanout-group.ts';
import type { SteeredLayer, SteeringPolicy } from '../../model/steering.ts';

export interface CuredGroup {
  readonly id: number;
  readonly mode: string;
  /** null: it is on all, or it has gone. */
  readonly interface: string | null;
  readonly binding: Binding;
  readonly members: number;
  /** Empty where this user may not see them. */
  readonly owners: readonly { readonly pid: number; readonly comm: string }[];
}

export interface Namespace {
  readonly inode: number;
  /** As ip-netns(8) has it, "initial", or null. */
  readonly name: string | null;
  /** As it was named on the command line; null: the one that this was called in. */
  readonly given: string | null;
}

/** How deep packets are looked into, and why so deep. */
export interface Depth {
  readonly layers: readonly SteeredLayer[];
  readonly from: 'ids' | 'readers' | 'layers' | 'nobody';
  /** Those whose depth it is. */
  readonly ids: readonly IdsName[];
}

/** A flow dissector, or a steering program, as the kernel describes it. */
export interface KnownProgram {
  readonly id: number;
  readonly name: string;
  /** Who loaded it, and when. */
  readonly user: number;
  readonly since: string;
}

export interface AttachedDissector {
  readonly program: KnownProgram;
  /** null: it is not pinned, or not by this program. */
  readonly pin: string | null;
  /** Inode; 0: it has gone. */
  readonly namespace: number;
  readonly namespaceName: string | null;
  readonly isOwn: boolean;
}

export type Did =
  | { readonly kind: 'attached' | 'replaced'; readonly dissector: AttachedDissector; readonly depth: Depth; readonly hasFallback: boolean }
  | { readonly kind: 'detached'; readonly dissector: AttachedDissector }
  | { readonly kind: 'nothing-attached' }
  | { readonly kind: 'steered'; readonly group: CuredGroup; readonly policy: SteeringPolicy; readonly depth: Depth }
  | { readonly kind: 'unsteered'; readonly group: CuredGroup }
  | { readonly kind: 'written'; readonly path: string; readonly policy: SteeringPolicy; readonly depth: Depth }
  | { readonly kind: 'advice'; readonly depth: Depth }
  | {
      readonly kind: 'status';
      readonly dissectors: readonly AttachedDissector[] | null;
      readonly programs: readonly KnownProgram[] | null;
    };

export interface Proof {
  /** Arguments of this program. */
  readonly argv: readonly string[];
  /** To be pasted. */
  readonly command: string;
  /** Something in it is still to be filled in. */
  readonly isTemplate: boolean;
}

export interface CureResult {
  readonly schema: 'fanout-cluster/cure@1';
  readonly tool: { readonly version: string };
  readonly at: string;
  readonly netns: Namespace;
  readonly did: Did;
  /** The flow dissector that groups in mode hash go by afterwards; null: the kernel's own; undefined where only root may know. */
  readonly inForce?: AttachedDissector | null;
  /** Of that namespace; null where the kernel cannot tell. */
  readonly groups: readonly CuredGroup[] | null;
  readonly proof: Proof;
  /** Of --verify: the exit status of the proof. */
  readonly verified?: number;
}
