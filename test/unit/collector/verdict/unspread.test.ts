import { describe, expect, test } from 'vitest';
import { findUnspread, noSpread } from '../../../../src/collector/verdict/unspread.ts';
import { worded } from '../../../../src/collector/words/say.ts';
import type { StackEvidence } from '../../../../src/model/evidence.ts';
import type { RunFacts } from '../../../../src/model/run-facts.ts';
import { epoch, evidenceOf, factsOf, group, member, stackOf } from '../../../helpers/evidence.ts';

/** Flows of one kernel key, all on member 1 of 8 unless told otherwise. */
function oneKey(stack: string, flows: number, change: Partial<StackEvidence> = {}): StackEvidence {
  return { ...stackOf(stack, [0, flows]), kernelKeys: 1, ...change };
}

function found(stack: StackEvidence, change: Partial<RunFacts> = {}, epochs = 1): boolean {
  const evidence = evidenceOf(Array(epochs).fill(epoch([0, stack.flows, 0, 0, 0, 0, 0, 0])), [], { stacks: [stack] });
  return findUnspread(evidence, factsOf(evidence, change)).length > 0;
}

describe('what a hash cannot spread', () => {
  test.each([
    ['three flows behind a label', oneKey('mpls/ipv4/tcp', 3), true],
    ['two flows, which may have changed their ports round', oneKey('mpls/ipv4/tcp', 2), false],
    ['several kernel keys', oneKey('mpls/ipv4/tcp', 90, { kernelKeys: 2 }), false],
    ['one pair of tunnel ends', oneKey('ipv4/udp/gtpu/ipv4/tcp', 30), true],
    ['pings behind a label', oneKey('mpls/ipv4/icmp', 3), true],
    ['pings between two hosts, few enough for chance', oneKey('ipv4/icmp', 7), false],
    ['pings between two hosts, too many for chance', oneKey('ipv4/icmp', 8), true],
    ['a broken hash, which parted one of them', oneKey('mpls/ipv4/tcp', 30, { asymmetric: 1 }), false],
    ['a broken hash, which put them on two members', { ...oneKey('mpls/ipv4/tcp', 30), twoWayByMember: [15, 15] }, false],
  ])('%s', (_, stack, expected) => {
    expect(found(stack)).toBe(expected);
  });

  test('in another epoch it is on another member', () => {
    expect(found({ ...oneKey('mpls/ipv4/tcp', 30), twoWayByMember: [15, 15] }, {}, 2)).toBe(true);
  });

  test.each(['qm', 'cpu', 'lb', 'rnd', 'rollover', 'cbpf', 'ebpf'] as const)('is no matter of mode %s', (mode) => {
    expect(found(oneKey('mpls/ipv4/tcp', 30), { mode })).toBe(false);
  });

  test('nor of a group of one', () => {
    const evidence = evidenceOf([epoch([30])], [], { stacks: [oneKey('mpls/ipv4/tcp', 30)] });
    expect(findUnspread(evidence, factsOf(evidence))).toEqual([]);
  });
});

describe('what is said of it', () => {
  const said = (stacks: readonly string[], change: Partial<RunFacts> = {}) => {
    const evidence = evidenceOf([epoch([1, 1])], [group()]);
    return noSpread(
      stacks.map((stack) => oneKey(stack, 30)),
      factsOf(evidence, change),
    )
      .map(worded)
      .map(({ message, remedy }) => `${message} -> ${remedy}`);
  };

  test('packets that this host sent with the tag in their bytes', () => {
    const evidence = evidenceOf([epoch([1, 1])], [group()]);
    const [cause] = noSpread([oneKey('vlan/ipv4/udp', 30, { sentTagged: 30 })], factsOf(evidence)).map(worded);
    expect(cause?.message).toContain('this host sent them with the VLAN tag in their bytes');
    expect(cause?.remedy).toContain('capture where these packets are received');
  });

  test('why, by the kind of traffic', () => {
    const kinds = [
      ['mpls/ipv4/tcp'],
      ['ipv4/mpls/ipv4/udp'],
      ['ipv4/udp/gtpu/ipv4/tcp'],
      ['ipv4/gre/erspan/eth/ipv4/tcp'],
      ['ipv4/icmp'],
      ['vlan/vlan/ipv4/tcp'],
      ['mpls/ipv4/tcp', 'mpls/ipv6/udp', 'ipv4/udp/gtpu/ipv4/tcp'],
    ];
    expect(kinds.flatMap((stacks) => said(stacks))).toMatchInlineSnapshot(`
      [
        "30 flows (mpls/ipv4/tcp): mode hash gives all of a kind to one process, because the kernel's dissector stops at an MPLS label, before any address -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or strip MPLS labels at the packet broker; where that cannot be done, expect one process to carry all of it",
        "30 flows (ipv4/mpls/ipv4/udp): mode hash gives all of a kind to one process, because it covers the outer header of the tunnel only, and there was one pair of tunnel ends; Snort tracks the flow inside -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or end the tunnel before the sensor, or spread it over more tunnel ends; where that cannot be done, expect one process to carry all of it",
        "30 flows (ipv4/udp/gtpu/ipv4/tcp): mode hash gives all of a kind to one process, because it covers the outer header of the tunnel only, and there was one pair of tunnel ends; Zeek, Snort and Arkime track the flow inside -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or end the tunnel before the sensor, or spread it over more tunnel ends; where that cannot be done, expect one process to carry all of it",
        "30 flows (ipv4/gre/erspan/eth/ipv4/tcp): mode hash gives all of a kind to one process, because it covers the outer header of the tunnel only, and there was one pair of tunnel ends -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or end the tunnel before the sensor, or spread it over more tunnel ends; where that cannot be done, expect one process to carry all of it",
        "30 flows (ipv4/icmp): mode hash gives all of a kind to one process, because it has no ports to go by here, and there was one pair of hosts -> traffic without ports spreads when more hosts take part; where that cannot be done, expect one process to carry all of it",
        "30 flows (vlan/vlan/ipv4/tcp): mode hash gives all of a kind to one process, because it does not reach the ports of these packets, as in fragments between one pair of hosts, behind a tag of a type that the kernel does not know, such as 0x9100, or on kernels with bug C behind a flow label -> let IPv4 fragments be reassembled (--defrag), and the switch or broker write tags of type 0x88a8 or 0x8100; where that cannot be done, expect one process to carry all of it",
        "60 flows (mpls/ipv4/tcp, mpls/ipv6/udp): mode hash gives all of a kind to one process, because the kernel's dissector stops at an MPLS label, before any address; 30 flows (ipv4/udp/gtpu/ipv4/tcp): mode hash gives all of a kind to one process, because it covers the outer header of the tunnel only, and there was one pair of tunnel ends; Zeek, Snort and Arkime track the flow inside -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or strip MPLS labels at the packet broker; end the tunnel before the sensor, or spread it over more tunnel ends; where that cannot be done, expect one process to carry all of it",
      ]
    `);
  });

  test('frames without IP, where they are more than the fair share of a process and may all have been on one', () => {
    const run = (arp: number, most: number, change: Partial<RunFacts> = {}) => {
      const base = factsOf(evidenceOf([epoch([1, 1])])).packets;
      const packets = { ...base, captured: 1000, ignored: { 'ethertype 0x0806': arp, 'icmp-error': 900 } };
      return said([], { procs: 4, packets, members: [member(0, most), member(1, 300), member(2, 700 - most)], ...change });
    };
    expect(run(400, 600)).toMatchInlineSnapshot(`
      [
        "400 of 1,000 packets belong to no flow (ethertype 0x0806: 400), and mode hash gives all of one type to one process -> keep frames without IP from the sensor at the packet broker if the IDS has no use for them; where that cannot be done, expect one process to carry all of it",
      ]
    `);
    expect(run(240, 600)).toEqual([]);
    expect(run(400, 390)).toEqual([]);
    expect(run(400, 600, { mode: 'qm' })).toEqual([]);
    expect(run(90, 600, { procs: 64 })).toEqual([]);
  });
});
