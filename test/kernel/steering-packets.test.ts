/** Where the built-in programs send real packets: in pieces, in pages, sent by this host, merged to super-packets. */
import { closeSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ALL_LAYERS } from '../../src/model/steering.ts';
import { loadLabAddon } from '../helpers/addon.ts';
import { type CliRun, runCliDuring } from '../helpers/cli.ts';
import { HERE, HERE6, withHosts } from '../helpers/hosts.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { BUILD_TIMEOUT_MS, buildNativeCases, runSteeringCase } from '../helpers/native-cases.ts';
import { program, root, testWith } from '../helpers/requirements.ts';
import { ROOT } from '../helpers/tool.ts';

beforeAll(() => {
  refuseHostNamespace();
  buildNativeCases();
}, BUILD_TIMEOUT_MS);

const CASES = [
  'the_hash_of_the_packet_is_the_kernels',
  'the_verifier_is_not_near_its_limit',
  'fragments_in_every_order',
  'fragments_of_two_datagrams_in_turns',
  'fragments_that_overlap',
  'an_identification_that_comes_again',
  'every_wrapping_in_every_way',
];

describe('packet by packet', () => {
  for (const name of CASES)
    testWith([root()], name.replaceAll('_', ' '), {}, async () => {
      expect(await runSteeringCase(name)).toMatch(/(^|\n)1 cases, 0 failed checks$/);
    });

  test('no case is left out', () => {
    const source = readFileSync(join(ROOT, 'native/test/kernel_steering.cpp'), 'utf8');
    expect(Array.from(source.matchAll(/^TEST\((\w+)\)/gm), ([, name]) => name)).toEqual(CASES);
  });
});

/** As many connections as there are pairs of addresses or of ports, each of segments above the MTU. */
describe('super-packets of iperf3, as GSO and GRO make them', () => {
  const needs = [root(), program('iperf3')];
  const addon = loadLabAddon();

  function expectKept({ status, report }: CliRun, connections: number): void {
    expect([status, report.verdict.answer, report.violations]).toEqual([0, 'yes', []]);
    expect(report.flows).toMatchObject({ split: 0, asymmetric: 0, duplicated: 0 });
    expect(report.flows.twoWay).toBeGreaterThanOrEqual(connections);
    expect(report.warnings.map(({ code }) => code)).toContain('above-mtu');
  }

  for (const address of [HERE, HERE6])
    testWith(needs, `policy ports, 32 streams to ${address}`, {}, () =>
      withHosts(async (hosts) => {
        await hosts.serve(['iperf3', '-s', '--forceflush'], /Server listening/);
        const args = ['-i', hosts.interface, '-n', '6', '-m', 'ebpf', '--ebpf-program', 'builtin:ports'];
        expectKept(await runCliDuring(args, () => hosts.onPeer(`iperf3 -c ${address} -P 32 -t 1`)), 33);
      }),
    );

  testWith(needs, 'mode hash with the dissector, connections to 12 addresses', {}, () =>
    withHosts(async (hosts) => {
      const dissector = addon.loadSteering({ program: 'dissect', name: 'fc_test', policy: 0, layers: ALL_LAYERS });
      const link = addon.attachFlowDissector('/proc/self/ns/net', dissector);
      closeSync(dissector);
      try {
        await hosts.serve(['iperf3', '-s', '--forceflush'], /Server listening/);
        const script = 'for i in $(seq 100 111); do iperf3 -c 10.77.0.$i -P 2 -n 2M || exit; done';
        expectKept(await runCliDuring(['-i', hosts.interface, '-n', '6', '-m', 'hash'], () => hosts.onPeer(script)), 36);
      } finally {
        closeSync(link);
      }
    }),
  );
});
