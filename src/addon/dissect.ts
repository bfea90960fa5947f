/** What a worker makes of one frame. */
import type { KernelBugs, KernelDesign } from '../model/kernel-model.ts';
import type { FlowId } from '../model/run-result.ts';

/** What a worker makes of one frame. Key and stack are set as far as the bytes reach; kernelKey is a digest of what the kernel hashes. */
interface Dissection {
  readonly stack: string;
  /** 16 hexadecimal digits, as in observations. Frames with equal keys get one member of a hash group. */
  readonly kernelKey: string;
  /** Of flow label, VLAN ids and GRE key (native/core/packet/tag_digest.hpp). */
  readonly tags: number;
  readonly marks: readonly ('flow-label' | 'fragment' | 'stale-ipv6' | 'echo-request' | 'icmp-error' | 'sent-tagged')[];
  readonly ethertype: number;
  readonly protocol: number;
}

/** In what else a frame was seen than its bytes. */
export interface DissectHow {
  /** Control information of a tag that was taken out of the bytes. */
  readonly tagTci?: number;
  /** By this host: where the kernel's dissector began (native/core/packet/dissect.hpp). */
  readonly sentFrom?: { readonly protocol: number; readonly networkAt: number };
  /** By the model of another kernel than current ones. */
  readonly kernel?: KernelInput;
}

export type KernelInput = KernelDesign & { readonly bugs?: KernelBugs };

export type DissectedFlow = Dissection & {
  readonly kind: 'flow';
  /** In canonical order: as sent in direction forward. */
  readonly flow: FlowId;
  readonly direction: 'forward' | 'reverse';
};

export type DissectedFrame =
  | DissectedFlow
  | (Dissection & {
      readonly kind: 'other-ethertype' | 'other-protocol' | 'icmp-error' | 'icmp-other' | 'fragment-later' | 'truncated' | 'malformed';
    });

export interface DissectAddon {
  /** `frame` begins at the Ethernet header. */
  dissectFrame(frame: Uint8Array, how?: DissectHow): DissectedFrame;
}
