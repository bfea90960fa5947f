/** The programs of a run: the filter every member gets, and what steers modes cbpf and ebpf. */
import type { Options } from '../config/options.ts';
import { compileFilter, openSteeringProgram } from '../host/programs.ts';
import type { CbpfInstruction } from '../native.ts';
import type { SteeringProgram } from '../protocol/schema.ts';

export interface Steering {
  /** null: keep the head of every packet. */
  readonly filter: readonly CbpfInstruction[] | null;
  readonly program: SteeringProgram | null;
  /** Takes back what was loaded for this run. */
  release(): void;
}

export async function prepareSteering(options: Options, interfaceName: string): Promise<Steering> {
  const filter = options.filter === undefined ? null : await compileFilter(options.filter, interfaceName, options.snaplenBytes);
  if (options.program?.kind === 'ebpf') {
    const { path, release } = await openSteeringProgram(options.program.path);
    return { filter, program: { kind: 'ebpf', pinnedPath: path }, release };
  }
  const program: SteeringProgram | null =
    options.program?.kind === 'cbpf'
      ? { kind: 'cbpf', instructions: options.program.instructions.map(({ code, jt, jf, k }): CbpfInstruction => [code, jt, jf, k]) }
      : null;
  return { filter, program, release: () => {} };
}
