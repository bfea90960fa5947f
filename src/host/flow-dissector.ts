/** Whose flow dissector mode hash goes by here. */

import { native } from '../addon/native.ts';
import { isSystemCallError } from '../errors.ts';
import type { FlowDissector } from '../model/flow-dissector.ts';
import { programOf } from './bpf-program.ts';
import { INITIAL_NAMESPACE, OWN_NAMESPACE } from './network-namespace.ts';
import { isBuiltin } from './steering.ts';

/**
 * @param programAt the id of the program attached to the namespace at a path, null if there is none; throws if it cannot be asked
 * @param nameOf the name of a program, empty where it has none or may not be looked at
 */
export function readFlowDissector(
  programAt: (netns: string) => number | null = native.flowDissector,
  nameOf: (program: number) => string = (program) => programOf(program)?.name ?? '',
): FlowDissector {
  const attached = (programId: number, namespace: 'own' | 'initial'): FlowDissector => ({
    kind: 'attached',
    programId,
    namespace,
    isBuiltin: isBuiltin('dissect', nameOf(programId)),
  });
  const own = askedOf(programAt, OWN_NAMESPACE);
  if (typeof own === 'number') return attached(own, 'own');
  const initial = askedOf(programAt, INITIAL_NAMESPACE);
  if (typeof initial === 'number') return attached(initial, 'initial');
  if (own === undefined) return { kind: 'unknown' };
  return { kind: 'none', asked: initial === null ? 'both' : 'own' };
}

function askedOf(programAt: (netns: string) => number | null, netns: string): number | null | undefined {
  try {
    return programAt(netns);
  } catch (error) {
    if (isSystemCallError(error)) return undefined;
    throw error;
  }
}
