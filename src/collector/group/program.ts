/** What steers a group of mode cbpf or ebpf. */
import type { CbpfInstruction } from '../../addon/capture.ts';

/** Of mode ebpf a descriptor in this process. */
export type Program =
  | { readonly kind: 'cbpf'; readonly instructions: readonly CbpfInstruction[] }
  | { readonly kind: 'ebpf'; readonly descriptor: number };
