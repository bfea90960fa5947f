/** What findings are about of a group whose members leave and come. */

export type ChurnEventKind = 'leave' | 'join' | 'link-flap';

/** A change of the group. `slot`: which became free, or is that of the new member. */
export interface ChurnChange {
  readonly kind: ChurnEventKind;
  readonly slot?: number;
}

/** Of the flows of members that stayed, the share that moved. */
interface Moved {
  readonly slot?: number;
  readonly share: number;
}

export interface ChurnArgs {
  'unexpected-share': {
    readonly change: ChurnChange;
    readonly flows: number;
    readonly stayedShare: number;
    readonly expectedShare: number;
  };
  /** `joins`: the share that moves when a process comes back; absent where none did. */
  'restart-moves-flows': {
    readonly procs: number;
    readonly losses: number;
    readonly least: Moved;
    readonly most: Moved;
    readonly joins?: number;
  };
  /** `movedShare` is absent where every flow stayed. */
  'link-flap-reorders': { readonly movedShare?: number };
  /** The group changed at another moment than it was made to. `change`: what did it, as the epoch has it. */
  disturbed: { readonly change?: string };
}
