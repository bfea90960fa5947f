/** A BPF flow dissector attached to the namespace of a run: seen, and named where the answer is about it. */
import { describe, expect } from 'vitest';
import { ebpfRequirements } from '../helpers/bpf.ts';
import { runCli, runCliBehindDissector } from '../helpers/cli.ts';
import { withDissector } from '../helpers/dissectors.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { schemaErrors } from '../helpers/schema.ts';

const requirements = [root(), ...ebpfRequirements()];

describe('a BPF flow dissector', () => {
  testWith(requirements, 'that reports what the kernel does: YES, with the warning that the answer is about it', {}, () =>
    withDissector('faithful', async ({ path, id }) => {
      const { status, report } = await runCliBehindDissector(path, ['-n', '4']);
      expect([status, report.verdict.answer]).toEqual([0, 'yes']);
      expect(report.warnings.map(({ code }) => code)).toEqual(['bpf-flow-dissector']);
      expect(report.warnings[0]?.message).toContain(`program id ${id}`);
      expect(schemaErrors(report)).toEqual([]);
    }),
  );

  testWith(requirements, 'is of no concern to a mode that does not hash', {}, () =>
    withDissector('a', async ({ path }) => {
      const { report } = await runCliBehindDissector(path, ['-n', '4', '-m', 'qm']);
      expect(report.warnings.map(({ code }) => code)).not.toContain('bpf-flow-dissector');
    }),
  );

  testWith(requirements, 'in a namespace without: no warning', {}, async () => {
    const { report } = await runCli(['-n', '4']);
    expect(report.warnings).toEqual([]);
  });
});
