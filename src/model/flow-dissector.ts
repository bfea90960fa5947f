/** Mode hash steers by what the flow dissector reports, and a BPF program may stand in for the kernel's own. */
export type FlowDissector =
  | {
      readonly kind: 'attached';
      readonly programId: number;
      /** The one that is a part of this project: mode hash goes by innermost addresses then. */
      readonly isBuiltin: boolean;
      /** One in the initial namespace is in force in all others too (net/core/flow_dissector.c). */
      readonly namespace: 'own' | 'initial';
    }
  /** A container may be kept from asking about the initial namespace. */
  | { readonly kind: 'none'; readonly asked: 'both' | 'own' }
  /** The kernel would not say: it is too old, or this process has too few privileges. */
  | { readonly kind: 'unknown' };

/** "a BPF flow dissector (program id 12) is attached to this network namespace" */
export function attachedText({ programId, namespace, isBuiltin }: Extract<FlowDissector, { kind: 'attached' }>): string {
  const where = namespace === 'own' ? 'this network namespace' : 'the initial network namespace, and in force in this one';
  const what = isBuiltin ? 'the flow dissector of `cure`' : 'a BPF flow dissector';
  return `${what} (program id ${programId}) is attached to ${where}`;
}
