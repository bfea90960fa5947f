/** What warnings are about: what a reader should know although the answer does not rest on it. */
import type { Builtin } from '../builtin.ts';
import type { CopiesSeen } from '../copies.ts';
import type { FanoutMode } from '../fanout.ts';
import type { FlowDissector } from '../flow-dissector.ts';
import type { KernelDesign } from '../kernel-model.ts';
import type { LinkState } from '../link.ts';
import type { CopyFacts, LargeFacts } from '../run-facts.ts';
import type { Order } from '../run-result.ts';
import type { Spreading } from '../spreading.ts';
import type { Nothing } from './doubt.ts';

/** Where packets came out of order. `merging`: features that merge segments and may be on. */
type InvertedWhere =
  | { readonly kind: 'live'; readonly interface: string; readonly spreading: Spreading; readonly merging: readonly string[] }
  | { readonly kind: 'lab' | 'pcap' };

export interface WarningArgs {
  'stack-on-one-member': { readonly stack: string; readonly flows: number; readonly member: number; readonly builtin?: Builtin };
  /** `isOfFile`: of a capture file that a prediction is made of. */
  'mostly-one-way': { readonly oneWay: number; readonly total: number; readonly isOfFile?: true };
  'flows-forgotten': { readonly forgotten: number; readonly oneWay: number; readonly flowsMax: number };
  /** `remedy`: whether leaving them out helps, and what it would cost. */
  'outgoing-packets': {
    readonly outgoing: number;
    readonly captured: number;
    readonly mode: FanoutMode;
    readonly remedy: 'none' | 'ignore' | 'ignore-unless-an-end';
  };
  /** `came`: packets that this host sent and that came all the same. `kernel`: as people write it. */
  'ignore-outgoing-ineffective': { readonly kernel: string; readonly came: number; readonly mode: FanoutMode };
  'packets-twice': (CopyFacts & { readonly interface: string }) | (CopiesSeen & { readonly file: string });
  'above-mtu': LargeFacts & { readonly captured: number; readonly interface: string } & Pick<LinkState, 'kind' | 'offloads'>;
  'order-inverted':
    | (Pick<Order, 'checked' | 'inversions' | 'flows' | 'kinds'> & InvertedWhere)
    /** Of a mode that is recommended all the same. */
    | ({ readonly kind: 'recommended' } & Pick<Order, 'checked' | 'inversions'>);
  'rollover-untested': Nothing;
  'bpf-flow-dissector': { readonly dissector: FlowDissector & { readonly kind: 'attached' } };
  /** `wasAsked`: the kernel showed it; else its release tells. */
  'older-hash': { readonly kernel: string; readonly design: KernelDesign; readonly wasAsked: boolean };
}
