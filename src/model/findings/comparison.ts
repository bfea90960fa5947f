/** What findings about a comparison of modes are about. */
import type { FanoutMode, GroupName } from '../fanout.ts';
import type { Order } from '../run-result.ts';
import type { Nothing } from './doubt.ts';

/** What one of the modes that kept all flows has over others. */
export type Advantage = 'order' | 'never-rolls-over' | 'spread' | 'no-drops' | 'independence' | 'keeps-fragments' | 'needs-no-flag';

export interface ComparisonArgs {
  /** `others` kept all flows as well, and `advantages` are what `group` has over them. */
  'kept-all-flows': {
    readonly tested: number;
    readonly group: GroupName;
    readonly twoWay: number;
    readonly order: Pick<Order, 'checked' | 'inversions'>;
    readonly membersUsed: number;
    readonly procs: number;
    readonly maxOverMean: number;
    readonly others: readonly GroupName[];
    readonly advantages: readonly Advantage[];
  };
  'depends-on-nic': { readonly mode: FanoutMode };
  /** Whether any fragment was seen. */
  'fragments-untested': { readonly seen: boolean };
  'one-defrag-group': Nothing;
  /** Of all modes, `group` split the fewest. */
  'no-safe-mode': { readonly group: GroupName; readonly split: number; readonly flows: number };
  'nothing-shown': Nothing;
  /** What testing so many groups at once may have done to the answers. */
  'own-load': { readonly groups: number } & (
    | { readonly kind: 'above'; readonly lossFreeRate: number; readonly packetsPerSecond: number }
    /** `command`: the arguments that measure it. */
    | { readonly kind: 'unmeasured'; readonly command: readonly string[] }
    | { readonly kind: 'drops'; readonly dropping: readonly GroupName[] }
  );
}
