/** `doctor` as its users run it: what ends it how, and its document. Whatever this host has, the answer of mode lb is no. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DoctorResult } from '../../src/commands/doctor/result.ts';
import { assertPrivateNamespace, CAPTURE, ip, makePair, removePair, SENDER } from '../helpers/network.ts';
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

describe('devices that no NIC stands behind', () => {
  beforeAll(() => {
    assertPrivateNamespace();
    makePair();
    ip('link', 'add', 'br9', 'type', 'bridge');
    ip('link', 'set', CAPTURE, 'master', 'br9');
    ip('link', 'add', 'mv9', 'link', SENDER, 'type', 'macvlan', 'mode', 'bridge');
    ip('tuntap', 'add', 'tap9', 'mode', 'tap', 'multi_queue');
    for (const name of ['br9', 'mv9', 'tap9']) ip('link', 'set', name, 'up');
  });
  afterAll(() => {
    for (const name of ['mv9', 'br9', 'tap9']) ip('link', 'delete', name);
    removePair();
  });

  test.each([
    [CAPTURE, 'veth', []],
    ['br9', 'bridge', []],
    ['mv9', 'macvlan', []],
    // Nobody has it open.
    ['tap9', 'tun', ['no-carrier']],
  ])('%s (%s): of problems in mode hash %j, and what only a NIC could tell is not known in mode qm', async (name, kind, problems) => {
    const hash = await run(['doctor', '-i', name, '--json']);
    const document: DoctorResult = JSON.parse(hash.stdout);
    expect(document.facts.find(({ id }) => id === 'kind')?.value).toBe(kind);
    expect(document.findings.filter(({ severity }) => severity === 'problem').map(({ code }) => code)).toEqual(problems);
    expect(problems.length === 0 ? [0, 3] : [1]).toContain(hash.status);
    const qm = await run(['doctor', '-i', name, '-m', 'qm', '-n', '4', '--json']);
    const byQueue: DoctorResult = JSON.parse(qm.stdout);
    expect([qm.status, byQueue.answer === 'ok']).not.toEqual([0, true]);
    expect(byQueue.unknowns.length).toBeGreaterThan(0);
  });

  test('a device that belongs to a bridge is said to', async () => {
    const { stdout } = await run(['doctor', '-i', CAPTURE, '--json']);
    expect((JSON.parse(stdout) as DoctorResult).facts.find(({ id }) => id === 'master')?.value).toBe('br9');
  });
});
