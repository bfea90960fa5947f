/** The lab as shipped, on kernels that hash as the known bugs made them: the answer, and the bug by its name. */
import { describe, expect } from 'vitest';
import type { RunResult } from '../../src/model/run-result.ts';
import { ebpfRequirements } from '../helpers/bpf.ts';
import { runCliBehindDissector } from '../helpers/cli.ts';
import { type DissectorName, withDissector } from '../helpers/dissectors.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { schemaErrors } from '../helpers/schema.ts';

const requirements = [root(), ...ebpfRequirements()];

const reasons = ({ verdict }: RunResult) => verdict.reasons.map(({ code }) => code).sort();
const causes = (report: RunResult) => new Set(report.violations.map(({ cause }) => cause));

const SIZES = [2, 8, 16];
const SEEDS = [1, 7, 4711];

const KERNELS: readonly (readonly [name: string, dissector: DissectorName, causes: readonly string[]])[] = [
  ['bug A', 'a', ['known-bug-a']],
  ['bug B', 'b', ['known-bug-b']],
  ['bug C', 'c', ['known-bug-c']],
  ['bugs B and C', 'bAndC', ['known-bug-b', 'known-bug-c']],
  ['every fourth flow, which is no known bug', 'aQuarter', ['hash-asymmetric']],
];

describe('a kernel that hashes as', () => {
  for (const [name, dissector, expected] of KERNELS)
    testWith(requirements, `${name}: NO, and why, at 2, 8 and 16 processes`, { timeout: 120_000 }, () =>
      withDissector(dissector, async ({ path, id }) => {
        const check = async (procs: number, seed: number): Promise<void> => {
          const { status, report } = await runCliBehindDissector(path, ['-n', String(procs), '--seed', String(seed)]);
          const context = `${procs} processes, seed ${seed}`;
          expect([status, report.verdict.answer, reasons(report)], context).toEqual([1, 'no', expected]);
          expect([...causes(report)].sort(), context).toEqual(expected);
          expect(report.verdict.reasons[0]?.message, context).toContain(`a BPF flow dissector (program id ${id}) is attached`);
          expect(schemaErrors(report), context).toEqual([]);
        };
        for (const procs of SIZES) await Promise.all(SEEDS.map((seed) => check(procs, seed)));
      }),
    );
});
