/** The programs of a run: the filter every member gets, and what steers modes cbpf and ebpf. */

import type { CbpfInstruction } from '../../addon/capture.ts';
import type { Options } from '../../options/options.ts';
import type { Program } from '../group/program.ts';
import type { Provisions } from './provisions.ts';

export interface Steering {
  /** null: keep the head of every packet. */
  readonly filter: readonly CbpfInstruction[] | null;
  readonly program: Program | null;
}

export function steeringOf(options: Options, provisions: Pick<Provisions, 'filterOf' | 'programOf' | 'refusalOf'>): Steering {
  return { filter: provisions.filterOf(options), program: programOf(options, provisions) };
}

function programOf(options: Options, provisions: Pick<Provisions, 'programOf' | 'refusalOf'>): Program | null {
  const refusal = provisions.refusalOf(options);
  // Without its program the group would be another one.
  if (refusal !== undefined) throw refusal;
  const descriptor = provisions.programOf(options);
  if (descriptor !== undefined) return { kind: 'ebpf', descriptor };
  if (options.program?.kind !== 'cbpf') return null;
  return { kind: 'cbpf', instructions: options.program.instructions.map(({ code, jt, jf, k }): CbpfInstruction => [code, jt, jf, k]) };
}
