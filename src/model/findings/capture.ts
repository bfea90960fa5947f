/** What findings about a capture file are about. `name` is its path, or "standard input". */
import type { CaptureDamage, CapturePurpose, FurtherLinkTypes, LeftOut } from '../capture-file.ts';

export interface CaptureArgs {
  /** `records`: packets before the damage. */
  'capture-damaged': CaptureDamage & { readonly name: string; readonly records: number };
  /** `records`: packets that were read before a signal came. */
  'capture-unfinished': { readonly name: string; readonly records: number };
  'packets-left-out': { readonly name: string } & (LeftOut | FurtherLinkTypes);
  'packets-cut': { readonly name: string; readonly cut: number; readonly frames: number; readonly purpose: CapturePurpose };
  'no-time-stamps': { readonly name: string };
}
