/** The built-in steering program: it keeps together what no hash of the kernel does, under either policy. */
import { beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../helpers/cli.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { CAPTURE, makePair, removePair } from '../helpers/network.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { run } from '../helpers/tool.ts';

beforeAll(refuseHostNamespace);

const EVERYTHING = ['--traffic', 'all', '--flows', '3000'];

describe.each(['builtin:addresses', 'builtin:ports'])('%s', (program) => {
  test.each([
    [2, 11],
    [7, 12],
    [16, 13],
  ])('%i processes: every flow of every class stays together, pieces and errors with it', { timeout: 180_000 }, async (procs, seed) => {
    const { report } = await runCli(['--mode', 'ebpf', '--ebpf-program', program, '-n', `${procs}`, '--seed', `${seed}`, ...EVERYTHING]);
    const { total, twoWay } = report.flows;
    expect(report.flows).toMatchObject({ consistent: total, split: 0, asymmetric: 0, duplicated: 0 });
    expect(total).toBe(twoWay);
    expect(total).toBeGreaterThan(2500);
    expect(report.causes.filter(({ code }) => code !== 'no-spread')).toEqual([]);
    expect([report.verdict.answer, report.balance.membersUsed]).toEqual(['yes', procs]);
  });
});

test('mode hash splits the same traffic', { timeout: 180_000 }, async () => {
  const { report } = await runCli(['-n', '7', '--seed', '12', ...EVERYTHING]);
  expect(report.verdict.answer).toBe('no');
  expect(report.flows.split + report.flows.asymmetric).toBeGreaterThan(100);
});

test('two programs have two secrets: flows go elsewhere', { timeout: 180_000 }, async () => {
  const once = async () => {
    const args = ['--mode', 'ebpf', '--ebpf-program', 'builtin', '-n', '8', '--seed', '3', '--traffic', 'ipv4-tcp', '--flows', '400'];
    return (await runCli(args)).report.members.map(({ packets }) => packets);
  };
  expect(await once()).not.toEqual(await once());
});

testWith([root()], 'without the privilege it says which one', {}, async () => {
  const { status, stderr } = await run(['--mode', 'ebpf', '--ebpf-program', 'builtin', '-n', '2'], {
    by: ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'],
  });
  expect(status).toBe(4);
  expect(stderr).toMatch(/PROGRAM_REFUSED: builtin: this process may not load eBPF programs/);
});

/** Without CAP_PERFMON the verifier is stricter, and refuses what it takes from others: a refusal that needs no broken program. */
testWith([root()], 'a refusal by the verifier is told with its last line', {}, async () => {
  makePair();
  try {
    const less = ['setpriv', '--inh-caps=-sys_admin,-perfmon', '--bounding-set=-sys_admin,-perfmon'];
    const { status, stderr } = await run(['-i', CAPTURE, '--mode', 'ebpf', '--ebpf-program', 'builtin', '-n', '2'], { by: less });
    expect(status).toBe(4);
    expect(stderr).toMatch(
      /PROGRAM_REFUSED: builtin: the kernel refused the program \(bpf\(BPF_PROG_LOAD\): [^)]+\); the verifier says: [^\n]{20,}\n {2}-> .*CAP_PERFMON/,
    );
    // Neither the log nor what the verifier counted.
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
    expect(stderr).not.toMatch(/processed \d+ insns/);
  } finally {
    removePair();
  }
});
