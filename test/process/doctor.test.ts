/** `doctor` as its users run it: what ends it how, and its document. Whatever this host has, the answer of mode lb is no. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { DoctorResult } from '../../src/commands/doctor/result.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { run } from '../helpers/tool.ts';

test.each([
  ['a mode that splits flows by design', ['-i', 'lo', '-m', 'lb'], 1],
  ['no interface', [], 2],
  ['an interface that is not there', ['-i', 'gone0'], 4],
  ['rollover twice', ['-i', 'lo', '-m', 'rollover', '--rollover'], 2],
])('%s: %j ends with %j', async (_, args, expected) => {
  const { status } = await run(['doctor', ...args]);
  expect(status).toBe(expected);
});

test('--json: one document, in the form that is promised', async () => {
  const { stdout } = await run(['doctor', '-i', 'lo', '-m', 'lb', '-n', '2', '--json']);
  const document: DoctorResult = JSON.parse(stdout);
  expect(document).toMatchObject({
    schema: 'fanout-cluster/doctor@1',
    interface: 'lo',
    mode: 'lb',
    flags: [],
    procs: 2,
    answer: 'problem',
    startedAt: expect.stringMatching(/^\d{4}-/),
  });
  expect(document.findings[0]).toMatchObject({ code: 'by-design', severity: 'problem', args: { mode: 'lb' } });
  expect(document.meetings.map(({ flow }) => flow)).toEqual(['tcp4', 'udp4', 'tcp6', 'udp6']);
});

test('--from: mode and members are those of the configuration, which the document tells', async () => {
  const directory = temporaryDirectory();
  try {
    const file = join(directory.path, 'suricata.yaml');
    writeFileSync(file, '%YAML 1.1\n---\naf-packet:\n  - interface: ens9\n    threads: 3\n    cluster-type: cluster_round_robin\n');
    const { status, stdout } = await run(['doctor', '--from', file, '-i', 'lo', '--json']);
    const document: DoctorResult = JSON.parse(stdout);
    expect([status, document.interface, document.mode, document.procs]).toEqual([1, 'lo', 'lb', 3]);
    expect(document.deployment?.settings).toContainEqual({ option: '--procs', value: '3', from: 'file', file, line: 5 });
    expect(document.deployment?.remarks.filter(({ code }) => code !== 'lint-findings')).toEqual([]);
  } finally {
    directory.remove();
  }
});
