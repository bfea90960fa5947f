import { describe, expect, test } from 'vitest';
import { causeOf, type DiagnosisContext, diagnose, explain } from '../../../../src/collector/verdict/diagnose.ts';
import { worded } from '../../../../src/collector/words/say.ts';
import { CAUSE_CODES, type CauseCode } from '../../../../src/model/cause.ts';
import type { Fragments, ViolationGroup } from '../../../../src/model/evidence.ts';
import { context, wordedCauses } from '../../../helpers/diagnosis.ts';
import { group } from '../../../helpers/evidence.ts';

type Case = [
  name: string,
  traits: Partial<ViolationGroup>,
  change: Partial<DiagnosisContext>,
  cause: CauseCode,
  others?: Partial<ViolationGroup>[],
];

const v6 = { stack: 'ipv6/tcp' };
const twoKeys = { oneKernelKey: false };
const whole = { ...twoKeys, wholeKeysDiffer: true };
const spi = { wholeKeysDiffer: true, onlyIndexDiffers: true };
const one = { ...whole, mixedWrappings: true };
const topBit = { topBitPair: true };
const label = { ...v6, labelOneWay: true };

const CASES: Case[] = [
  ['one key, current kernel', {}, {}, 'hash-asymmetric'],
  ['one direction split', { kind: 'split' }, {}, 'hash-asymmetric'],
  ['two keys, no fragments', twoKeys, {}, 'unexplained'],
  ['unknown release', {}, { kernel: 'custom' }, 'hash-asymmetric'],

  ['bug A', {}, { kernel: '4.4.15' }, 'known-bug-a'],
  ['bug A, Ubuntu before the fix', {}, { kernel: '4.4.0-36-generic' }, 'known-bug-a'],
  ['bug A, Ubuntu with the fix', {}, { kernel: '4.4.0-38-generic' }, 'hash-asymmetric'],
  ['bug A, fixed in 4.4.16', {}, { kernel: '4.4.16' }, 'hash-asymmetric'],
  ['bug A, 4.6.4', {}, { kernel: '4.6.4' }, 'known-bug-a'],
  ['bug A, fixed in 4.6.5', {}, { kernel: '4.6.5' }, 'hash-asymmetric'],
  ['bug A, fixed in 4.7', {}, { kernel: '4.7.0' }, 'hash-asymmetric'],
  ['before bug A', {}, { kernel: '4.1.52' }, 'hash-asymmetric'],
  ['a vendor kernel of 3.10 is not established', {}, { kernel: '3.10.0-514.el7' }, 'hash-asymmetric'],

  ['bug B', topBit, { kernel: '5.4.0' }, 'known-bug-b'],
  ['bug B is fixed in 6.0', topBit, { kernel: '6.0.1' }, 'hash-asymmetric'],
  ['bug B never splits one direction', { ...topBit, kind: 'split' }, { kernel: '5.4.0' }, 'hash-asymmetric'],
  ['bug B: other IPv4 flows fail too', topBit, { kernel: '5.4.0' }, 'hash-asymmetric', [{}]],
  ['bug B: IPv6 flows fail for another reason', topBit, { kernel: '5.4.0' }, 'known-bug-b', [label]],
  ['bug B inside bug A', topBit, { kernel: '4.4.10' }, 'known-bug-a', [{}]],

  ['bug B, 5.10.145', topBit, { kernel: '5.10.145' }, 'known-bug-b'],
  ['bug B, fixed in 5.10.146', topBit, { kernel: '5.10.146' }, 'hash-asymmetric'],
  ['bug B, fixed in 5.15.71', topBit, { kernel: '5.15.71' }, 'hash-asymmetric'],
  ['bug B, fixed in 5.19.12', topBit, { kernel: '5.19.12' }, 'hash-asymmetric'],
  [
    'bug B, fixed in Debian 5.10.218, which its release does not tell',
    topBit,
    { kernel: { release: '5.10.0-30-amd64', version: '#1 SMP Debian 5.10.218-1 (2024-06-01)' } },
    'hash-asymmetric',
  ],
  [
    'bug B, Debian 5.10.46',
    topBit,
    { kernel: { release: '5.10.0-8-amd64', version: '#1 SMP Debian 5.10.46-4 (2021-08-03)' } },
    'known-bug-b',
  ],
  ['bug B: 5.10 without its point release is not established by one flow', topBit, { kernel: '5.10.0-30-amd64' }, 'hash-asymmetric'],
  ['bug B: a vendor branch is not established by one flow', topBit, { kernel: '5.14.0-427.el9.x86_64' }, 'hash-asymmetric'],

  ['bug C', label, { kernel: '5.15.131' }, 'known-bug-c'],
  ['bug C, fixed in 6.5.4', label, { kernel: '6.5.4' }, 'hash-asymmetric'],
  ['bug C, 6.5.3', label, { kernel: '6.5.3' }, 'known-bug-c'],
  ['bug C, fixed in 5.15.132', label, { kernel: '5.15.132' }, 'hash-asymmetric'],
  ['bug C, 5.10.194', label, { kernel: '5.10.194' }, 'known-bug-c'],
  ['bug C, fixed in 5.10.195', label, { kernel: '5.10.195' }, 'hash-asymmetric'],
  ['bug C, fixed in 6.1.54', label, { kernel: '6.1.54' }, 'hash-asymmetric'],
  ['bug C, fixed in 6.6', label, { kernel: '6.6.0' }, 'hash-asymmetric'],
  ['bug C: unlabelled IPv6 fails too', label, { kernel: '5.15.100' }, 'hash-asymmetric', [v6]],

  ['sent with the tag in its bytes', { ...twoKeys, sentTagged: true, stack: 'vlan/ipv4/tcp' }, {}, 'sent-tagged'],
  ['sent so as fragments', { ...twoKeys, sentTagged: true, fragments: 'in-reach', stack: 'vlan/ipv4/udp' }, {}, 'sent-tagged'],
  ['sent so as ESP', { ...twoKeys, sentTagged: true, stack: 'vlan/ipv4/esp' }, {}, 'sent-tagged'],
  ['sent so, with one key: the hash', { sentTagged: true, stack: 'vlan/ipv4/tcp' }, {}, 'hash-asymmetric'],
  ['sent so, in mode qm', { ...twoKeys, sentTagged: true, stack: 'vlan/ipv4/tcp' }, { mode: 'qm' }, 'rss-asymmetric'],

  ['IPv4 fragments', { ...twoKeys, fragments: 'in-reach', stack: 'ipv4/udp' }, {}, 'fragment-v4'],
  ['IPv6 fragments', { ...twoKeys, fragments: 'ipv6', stack: 'ipv6/frag/udp' }, {}, 'fragment-v6'],
  ['IPv6 fragments of a tunnel to IPv4', { ...twoKeys, fragments: 'ipv6', stack: 'ipv6/frag/ipv4/udp' }, {}, 'fragment-v6'],
  ['fragments with one key are the hash again', { fragments: 'in-reach' }, {}, 'hash-asymmetric'],
  ['IPv6 in front, IPv4 inside', { ...twoKeys, fragments: 'ipv6', stack: 'ipv6/ipv4/udp' }, {}, 'fragment-v6'],
  ['fragments of VXLAN alone', { ...twoKeys, fragments: 'in-reach', stack: 'ipv4/udp/vxlan/eth/ipv4/udp' }, {}, 'fragment-v4'],
  ['and beside ports that differ', { ...whole, fragments: 'in-reach', stack: 'ipv4/udp/vxlan/eth/ipv4/udp' }, {}, 'tunnel-outer-only'],
  ['fragments in GTP-U over IPv6', { ...twoKeys, fragments: 'ipv6', stack: 'ipv6/udp/gtpu/ipv4/tcp' }, {}, 'fragment-v6'],
  ['fragments and a label in one direction', { ...whole, fragments: 'in-reach', mixedWrappings: true }, {}, 'tunnel-outer-only'],
  ['fragments, and a VLAN tag in one direction', { ...twoKeys, fragments: 'in-reach', mixedWrappings: true }, {}, 'fragment-v4'],
  ['fragments of ESP', { ...whole, fragments: 'in-reach', onlyIndexDiffers: true, stack: 'ipv4/esp' }, {}, 'esp-ah-spi'],
  ['fragments of ESP in one direction', { ...twoKeys, fragments: 'in-reach', stack: 'ipv4/frag/esp' }, {}, 'fragment-v4'],
  ['fragments of 4in6', { ...whole, fragments: 'ipv6', staleIpv6: true, stack: 'ipv6/ipv4/tcp' }, {}, 'known-bug-d'],
  ['fragments, and whole keys that differ for no known reason', { ...whole, fragments: 'in-reach' }, {}, 'unexplained'],

  ['VXLAN', { ...twoKeys, stack: 'ipv4/udp/vxlan/eth/ipv4/tcp' }, {}, 'tunnel-outer-only'],
  ['GTP-U, one direction split', { ...twoKeys, kind: 'split', stack: 'ipv6/udp/gtpu/ipv4/tcp' }, {}, 'tunnel-outer-only'],
  ['VXLAN with one key: the hash', { stack: 'ipv4/udp/vxlan/eth/ipv4/tcp' }, {}, 'hash-asymmetric'],
  ['GRE: the kernel looks inside', { ...twoKeys, stack: 'ipv4/gre/ipv4/tcp' }, {}, 'unexplained'],
  ['ESP', { ...twoKeys, ...spi, stack: 'ipv4/esp' }, {}, 'esp-ah-spi'],
  ['AH', { ...twoKeys, ...spi, stack: 'ipv6/ah/tcp' }, {}, 'esp-ah-spi'],
  ['AH on some packets', { ...twoKeys, ...spi, mixedWrappings: true, wrapping: 'ipv4/ah/other', stack: 'ipv4/other' }, {}, 'esp-ah-spi'],
  ['AH and a label', { ...twoKeys, mixedWrappings: true, wrapping: 'mpls/ipv4/ah/other', stack: 'ipv4/other' }, {}, 'tunnel-outer-only'],
  ['AH, and keys that differ without it', { ...twoKeys, stack: 'ipv4/ah/tcp' }, {}, 'unexplained'],
  ['ESP inside VXLAN', { ...twoKeys, stack: 'ipv4/udp/vxlan/eth/ipv4/esp' }, {}, 'tunnel-outer-only'],
  ['ARP and LLDP in a bridged tunnel', { ...twoKeys, stack: 'ipv4/nvgre/eth/other' }, {}, 'tunnel-payload-types'],
  ['several payloads in GRE', { ...twoKeys, stack: 'ipv4/gre/other' }, {}, 'tunnel-payload-types'],
  ['and their fragments', { ...twoKeys, fragments: 'in-reach', stack: 'ipv4/gre' }, {}, 'tunnel-payload-types'],
  ['LCP in PPTP and a keepalive', { ...twoKeys, stack: 'ipv4/gre/ppp/other' }, {}, 'tunnel-payload-types'],
  ['one type of payload and one key: the hash', { stack: 'ipv4/gre/other' }, {}, 'hash-asymmetric'],
  [
    'GRE in UDP without IP: fragments of a flow with ports',
    { ...twoKeys, fragments: 'in-reach', stack: 'ipv4/udp/gre/other' },
    {},
    'fragment-v4',
  ],
  ['ESP with one key: the hash', { stack: 'ipv4/esp' }, {}, 'hash-asymmetric'],
  ['4in6', { ...twoKeys, staleIpv6: true, stack: 'ipv6/ipv4/tcp' }, {}, 'known-bug-d'],
  ['4in6 with one key: the hash', { staleIpv6: true, stack: 'ipv6/ipv4/tcp' }, {}, 'hash-asymmetric'],

  ['lb', {}, { mode: 'lb' }, 'lb-by-design'],
  ['rnd', twoKeys, { mode: 'rnd' }, 'rnd-by-design'],
  ['mode rollover', {}, { mode: 'rollover' }, 'rollover-under-load'],
  ['mode rollover, and the same packets again in the next round', { kind: 'duplicated' }, { mode: 'rollover' }, 'rollover-under-load'],
  ['flag rollover that acted', {}, { flags: ['rollover'], rolledOver: 5 }, 'rollover-under-load'],
  ['flag rollover that never acted', {}, { flags: ['rollover'] }, 'hash-asymmetric'],
  ['flag rollover, but fragments explain it', { ...twoKeys, fragments: 'in-reach' }, { flags: ['rollover'], rolledOver: 5 }, 'fragment-v4'],
  ['qm with rollovers: either', {}, { mode: 'qm', flags: ['rollover'], rolledOver: 5 }, 'unexplained'],
  ['qm', {}, { mode: 'qm' }, 'rss-asymmetric'],
  ['cpu', twoKeys, { mode: 'cpu' }, 'rss-asymmetric'],
  ['cbpf', {}, { mode: 'cbpf' }, 'bpf-program'],
  ['cbpf without a program', {}, { mode: 'cbpf', programMissing: true }, 'unexplained'],
  ['ebpf', {}, { mode: 'ebpf' }, 'bpf-program'],

  ['duplicates', { ...twoKeys, kind: 'duplicated' }, {}, 'duplicated'],
  ['duplicates with one key, which a hash keeps together', { kind: 'duplicated' }, {}, 'hash-asymmetric'],
  ['duplicates with one key, on two queues', { kind: 'duplicated' }, { mode: 'qm' }, 'duplicated'],
  ['what looks like duplicates where all is scattered', { kind: 'duplicated' }, { mode: 'lb' }, 'lb-by-design'],
  ['ERSPAN', { ...twoKeys, stack: 'ipv4/gre/erspan/eth/ipv4/tcp' }, {}, 'tunnel-outer-only'],
  ['EtherIP', { ...twoKeys, stack: 'ipv4/etherip/eth/ipv4/tcp' }, {}, 'tunnel-outer-only'],
  ['LISP', { ...twoKeys, stack: 'ipv4/udp/lisp/ipv4/tcp' }, {}, 'tunnel-outer-only'],
  ['CAPWAP in one direction', { ...one, wrapping: 'ipv4/udp/capwap/eth/ipv4/tcp' }, {}, 'tunnel-outer-only'],
  ['CAPWAP around what some readers open', { ...one, wrapping: 'ipv4/udp/capwap/eth/cmd/ipv4/tcp' }, {}, 'tunnel-outer-only'],
  ['a tag that some readers open, in one direction', { ...one, wrapping: 'cmd/ipv4/tcp' }, {}, 'tunnel-outer-only'],
  ['two tags that no reader opens both', { ...one, stack: 'cmd/ipv4/tcp', wrapping: 'etag/ipv4/tcp' }, {}, 'tunnel-outer-only'],
  [
    'a tunnel that only one reader opens, and a label',
    { ...one, stack: 'ipv4/udp/gre/ipv4/tcp', wrapping: 'cmd/ipv4/tcp' },
    {},
    'tunnel-outer-only',
  ],
  ['more wrappings than are told', one, {}, 'tunnel-outer-only'],
  ['tags of two types', { ...twoKeys, stack: 'vlan/ipv4/tcp' }, {}, 'tunnel-outer-only'],
  ['tags of two types, and fragments', { ...whole, fragments: 'in-reach', stack: 'vlan/vlan/ipv6/frag/udp' }, {}, 'tunnel-outer-only'],
  ['tags and one key: the hash', { stack: 'vlan/ipv4/tcp' }, {}, 'hash-asymmetric'],
  ['tags around PPPoE, which may differ too', { ...twoKeys, stack: 'vlan/pppoe/ipv4/tcp' }, {}, 'unexplained'],
  ['tags around two IP headers, which may differ too', { ...twoKeys, stack: 'vlan/ipv4/ipv6/tcp' }, {}, 'unexplained'],
  ['labels on some packets', { ...twoKeys, mixedWrappings: true }, {}, 'tunnel-outer-only'],
  ['moved at a change', { movedAtChange: true }, {}, 'membership-change'],
];

describe('cause of a violation', () => {
  test.each(CASES)('%s', (_, traits, change, cause, others = []) => {
    const subject = group(traits);
    expect(causeOf(subject, context({ groups: [subject, ...others.map(group)], ...change }))).toBe(cause);
  });

  test.each(CASES)('%s: is data that JSON keeps', (_, traits, change, cause, others = []) => {
    const groups = [group(traits), ...others.map(group)];
    const found = diagnose(context({ groups, ...change }), []);
    expect(found.map(({ code }) => code)).toContain(cause);
    expect(JSON.parse(JSON.stringify(found))).toStrictEqual(found);
  });

  test('every cause is reached by a case, but for those of flows that were kept', () => {
    const ofKeptFlows: CauseCode[] = ['icmp-error', 'no-spread', 'bpf-program-missing'];
    expect(new Set([...CASES.map(([, , , cause]) => cause), ...ofKeptFlows])).toEqual(new Set(CAUSE_CODES));
  });
});

describe('diagnosis', () => {
  test('adds up flows by cause, the largest first, and marks what is tolerated', () => {
    const groups = [
      group({ flows: 2 }),
      group({ flows: 5, stack: 'ipv6/udp', kind: 'split' }),
      group({ ...twoKeys, fragments: 'in-reach', flows: 9, stack: 'ipv4/udp' }),
      group({ movedAtChange: true, flows: 1 }),
    ];
    expect(wordedCauses(context({ groups }), ['fragment-v4'])).toMatchInlineSnapshot(`
      [
        {
          "args": {
            "flows": 9,
            "inReach": "all",
            "isDefrag": false,
            "stacks": [
              "ipv4/udp",
            ],
          },
          "code": "fragment-v4",
          "flows": 9,
          "harmless": false,
          "message": "9 flows (ipv4/udp): the kernel hashes an IPv4 fragment by addresses and protocol only, so it leaves the process of its flow",
          "remedy": "set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), in one group per host only: two such groups take fragments from each other; or steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
          "tolerated": true,
        },
        {
          "args": {
            "dissector": {
              "asked": "both",
              "kind": "none",
            },
            "flows": 7,
            "kernel": "6.18.44",
            "stacks": [
              "ipv4/tcp",
              "ipv6/udp",
            ],
          },
          "code": "hash-asymmetric",
          "flows": 7,
          "harmless": false,
          "message": "7 flows (ipv4/tcp, ipv6/udp): all packets of each such flow have one kernel key, yet kernel 6.18.44 put them on several processes, in no pattern of a known bug; no BPF flow dissector is attached, so it is this kernel's own hash, and nothing measured establishes why",
          "remedy": "do not run an IDS in mode hash here; report it to the maker of this kernel, and steer without that hash ("sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
        },
        {
          "args": {
            "flows": 1,
            "stacks": [
              "ipv4/tcp",
            ],
          },
          "code": "membership-change",
          "flows": 1,
          "harmless": true,
          "message": "1 flow (ipv4/tcp): they moved when a process joined or left: the kernel then maps about half of all flows anew, in every mode by hash",
          "remedy": "restart the whole group rather than single processes",
        },
      ]
    `);
  });

  test('names the device, the queue or CPU, and packets of this host in the remedy for RSS', () => {
    const [cause] = wordedCauses(context({ mode: 'qm', interface: 'ens1', outgoing: 7, groups: [group({ flows: 1 })] }));
    expect(cause).toMatchInlineSnapshot(`
      {
        "args": {
          "by": {
            "interface": "ens1",
            "kind": "device",
            "outgoing": 7,
            "spreading": {
              "kind": "nic",
              "queues": "combined",
            },
          },
          "flows": 1,
          "mode": "qm",
          "stacks": [
            "ipv4/tcp",
          ],
        },
        "code": "rss-asymmetric",
        "flows": 1,
        "harmless": false,
        "message": "1 flow (ipv4/tcp): packets of one flow were handled on several queues; 7 captured packets were sent by this host, and those go by the sender's TX queue",
        "remedy": "make RSS symmetric ("ethtool -X ens1 hkey 6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A:6D:5A", or "ethtool -X ens1 xfrm symmetric-xor" where the driver has it) or use one receive queue ("ethtool -L ens1 combined 1"); "fanout-cluster doctor -i ens1 -m qm" reads which of its settings it is, and has the command of this driver; where this host only receives copies, keep what it sends out with --ignore-outgoing",
      }
    `);
  });

  test('of what a hash splits by design: what happens, why, and what to do', () => {
    const said = (traits: Partial<ViolationGroup>, change: Partial<DiagnosisContext> = {}) =>
      wordedCauses(context({ groups: [group({ ...twoKeys, ...traits })], ...change })).map(
        ({ code, message, remedy }) => `${code}: ${message} -> ${remedy}`,
      );
    expect([
      said({ stack: 'ipv4/udp/vxlan/eth/ipv4/tcp' }),
      said({ stack: 'ipv4/udp/gtpu/ipv4/tcp' }),
      said({ ...spi, stack: 'ipv4/esp' }),
      said({ ...spi, mixedWrappings: true, wrapping: 'ipv4/ah/other', stack: 'ipv4/other' }),
      said({ stack: 'ipv6/ipv4/tcp', staleIpv6: true }),
      said({ stack: 'ipv6/frag/udp', fragments: 'ipv6' }),
      said({ stack: 'vlan/ipv4/udp', fragments: 'in-reach' }),
      said({ stack: 'vlan/vlan/ipv4/udp', fragments: 'beyond-reach' }),
      said({ stack: 'vlan/vlan/ipv4/udp', fragments: 'beyond-reach' }, { flags: ['defrag'] }),
    ]).toMatchInlineSnapshot(`
      [
        [
          "tunnel-outer-only: 3 flows (ipv4/udp/vxlan/eth/ipv4/tcp): the kernel hashes the outer header of the tunnel, not the flow inside, and the outer ones differ between packets of one inner flow; each end of VXLAN and Geneve takes the outer source port from a hash of its own (RFC 7348, RFC 8926); Suricata, Zeek, Snort and Arkime track the flow inside -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or end the tunnel before the sensor, or let the IDS receive it by a socket of its own",
        ],
        [
          "tunnel-outer-only: 3 flows (ipv4/udp/gtpu/ipv4/tcp): the kernel hashes the outer header of the tunnel, not the flow inside, and the outer ones differ between packets of one inner flow; Zeek, Snort and Arkime track the flow inside -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or end the tunnel before the sensor, or let the IDS receive it by a socket of its own",
        ],
        [
          "esp-ah-spi: 3 flows (ipv4/esp): the kernel hashes the SPI of ESP and AH where it hashes the ports of TCP, and each direction is a security association with an SPI of its own -> none is needed for ESP: an IDS cannot look inside; what AH carries it can: capture that behind the gateway that ends AH, or steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
        ],
        [
          "esp-ah-spi: 3 flows (ipv4/other): the kernel hashes the SPI of ESP and AH where it hashes the ports of TCP, and some packets have an AH header, and others none -> none is needed for ESP: an IDS cannot look inside; what AH carries it can: capture that behind the gateway that ends AH, or steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
        ],
        [
          "known-bug-d: 3 flows (ipv6/ipv4/tcp): the kernel hashes octets 8 to 11 of the outer IPv6 source address together with the inner IPv4 flow, and each direction has another source there; it does so wherever struct flow_keys ends in padding, as in mainline since Linux 5.5, and no later release is known that does not -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or end the tunnel (DS-Lite, 4in6, GRE over IPv6) before the sensor",
        ],
        [
          "fragment-v6: 3 flows (ipv6/frag/udp): the kernel hashes an IPv6 packet with a fragment header by addresses and protocol only, so it leaves the process of its flow; the defrag flag reassembles IPv4 alone -> no fanout flag helps; steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
        ],
        [
          "fragment-v4: 3 flows (vlan/ipv4/udp): the kernel hashes an IPv4 fragment by addresses and protocol only, so it leaves the process of its flow -> set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), in one group per host only: two such groups take fragments from each other; or steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
        ],
        [
          "fragment-v4: 3 flows (vlan/vlan/ipv4/udp): the kernel hashes an IPv4 fragment by addresses and protocol only, so it leaves the process of its flow; the defrag flag does not reach fragments under two VLAN tags or inside a tunnel -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or strip the outer tags or end the tunnel before the sensor, where the flag then reaches them, and set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), in one group per host only: two such groups take fragments from each other",
        ],
        [
          "fragment-v4: 3 flows (vlan/vlan/ipv4/udp): the kernel hashes an IPv4 fragment by addresses and protocol only, so it leaves the process of its flow; the defrag flag is set, but it does not reach fragments under two VLAN tags or inside a tunnel -> steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or strip the outer tags or end the tunnel before the sensor",
        ],
      ]
    `);
  });

  test('advises to set defrag only for fragments that it reaches', () => {
    const remedy = (reach: readonly Fragments[], change: Partial<DiagnosisContext> = {}) =>
      wordedCauses(context({ groups: reach.map((fragments) => group({ ...twoKeys, fragments })), ...change })).map(
        (cause) => cause.remedy ?? '',
      )[0];
    expect(remedy(['in-reach', 'in-reach'])).toMatch(/^set --defrag/);
    expect(remedy(['in-reach'], { flags: ['defrag'] })).not.toContain('--defrag');
    expect(remedy(['in-reach', 'beyond-reach'])).toMatch(
      /^set --defrag.*; for the others steer by the innermost flow .*; or strip the outer tags/,
    );
    // On its own the flag would do nothing.
    expect(remedy(['beyond-reach'])).toMatch(
      /^steer by the innermost flow .*; or strip the outer tags.*, where the flag then reaches them, and set --defrag/,
    );
  });

  test('a flow with fragments and another cause is mended by both remedies', () => {
    const said = (traits: Partial<ViolationGroup>, change: Partial<DiagnosisContext> = {}) =>
      wordedCauses(context({ groups: [group(traits), group({ ...traits, fragments: 'none', flows: 7 })], ...change })).map(
        ({ code, message, remedy }) => [code, message.split('; ').slice(-1)[0], remedy],
      );
    const labels = { ...one, fragments: 'in-reach', wrapping: 'mpls/ipv4/tcp' } as const;
    expect([
      said(labels),
      said(labels, { flags: ['defrag'] }),
      said({ ...whole, fragments: 'ipv6', stack: 'ipv6/udp/vxlan/eth/ipv4/tcp' }),
      said({ fragments: 'in-reach' }).map(([, ...text]) => text[0]),
      said({ ...whole, fragments: 'in-reach', ...spi, stack: 'ipv4/esp' }).map(([code]) => code),
    ]).toMatchInlineSnapshot(`
      [
        [
          [
            "tunnel-outer-only",
            "3 of these flows have fragments besides, which split them as well: the kernel hashes an IPv4 fragment by addresses and protocol only",
            "steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or have the packet broker strip labels, tags and tunnels in both directions; for fragments that remain then: set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), in one group per host only: two such groups take fragments from each other",
          ],
        ],
        [
          [
            "tunnel-outer-only",
            "3 of these flows have fragments besides, which split them as well: the kernel hashes an IPv4 fragment by addresses and protocol only",
            "steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or have the packet broker strip labels, tags and tunnels in both directions; for fragments that remain then: the defrag flag reaches what is then IPv4 in the outermost header",
          ],
        ],
        [
          [
            "tunnel-outer-only",
            "3 of these flows have fragments besides, which split them as well: the kernel hashes an IPv6 packet with a fragment header by addresses and protocol only",
            "steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or end the tunnel before the sensor, or let the IDS receive it by a socket of its own; for fragments that remain then: steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
          ],
        ],
        [
          "3 of these flows have fragments besides, which split them as well: the kernel hashes an IPv4 fragment by addresses and protocol only",
        ],
        [
          "esp-ah-spi",
        ],
      ]
    `);
  });
});

describe('flows of which only some packets are wrapped', () => {
  const said = (...groups: readonly Partial<ViolationGroup>[]) => {
    const [cause] = wordedCauses(context({ groups: groups.map((traits) => group({ ...one, flows: 1, ...traits })) }));
    return cause?.message.replace(/^\d+ flows? \([^)]*\): /, '');
  };

  test('are said to be behind what is there, with the readers that look behind it', () => {
    expect([
      said({ wrapping: 'cmd/ipv4/tcp' }),
      said({ wrapping: 'fabricpath/eth/ipv4/tcp' }),
      said({ stack: 'vlan/ipv4/tcp', wrapping: 'vlan/mpls/pw/eth/ipv4/tcp' }),
      said({ wrapping: 'cmd/ipv4/tcp' }, { wrapping: 'etag/ipv4/tcp' }, { wrapping: 'snap/ipv4/tcp' }),
      said({ stack: 'mpls/ipv4/tcp', wrapping: 'nsh/ipv4/tcp' }),
      said({ wrapping: 'ipv4/udp/vxlan/eth/ipv4/tcp' }),
      said({}),
      said({ mixedWrappings: false, stack: 'ipv4/gre/erspan/eth/ipv4/tcp' }, { wrapping: 'cmd/ipv4/tcp' }),
      said({ wrapping: 'ipv4/udp/lisp/ipv4/tcp' }),
      said({ mixedWrappings: false, stack: 'ipv4/udp/lisp/ipv4/tcp' }),
      said({ mixedWrappings: false, stack: 'vlan/ipv4/tcp' }, { stack: 'ipv4/udp', wrapping: 'cmd/ipv4/udp' }),
    ]).toMatchInlineSnapshot(`
      [
        "some packets of the flow are behind a Cisco MetaData tag, where the hash of the kernel does not look, and others are not, such as one direction with it and one without; Snort and Arkime track the flow inside",
        "some packets of the flow are behind a Cisco FabricPath header, where the hash of the kernel does not look, and others are not, such as one direction with it and one without; Suricata, Zeek and Snort track the flow inside",
        "some packets of the flow are behind an MPLS label, where the hash of the kernel does not look, and others are not, such as one direction with it and one without; Suricata tracks the flow inside",
        "some packets of the flow are behind a Cisco MetaData tag or a header of LLC and SNAP or an E-Tag, where the hash of the kernel does not look, and others are not, such as one direction with it and one without; Snort and Arkime track the flow inside in cmd/ipv4/tcp; Suricata tracks the flow inside in etag/ipv4/tcp; Zeek and Snort track the flow inside in snap/ipv4/tcp",
        "some packets of the flow are behind a network service header (NSH), where the hash of the kernel does not look, and others behind an MPLS label, such as one direction with it and one without; Suricata and Arkime track the flow inside",
        "some packets of the flow are behind VXLAN, where the hash of the kernel does not look, and others are not, such as one direction with it and one without; Suricata, Zeek, Snort and Arkime track the flow inside",
        "some packets of the flow are behind a label or a tag, or in a tunnel, where the hash of the kernel does not look, and others are not, such as one direction with it and one without",
        "the kernel hashes the outer header of the tunnel, not the flow inside, and the outer ones differ between packets of one inner flow; besides, some packets of the flow are behind a Cisco MetaData tag, where the hash of the kernel does not look, and others are not, such as one direction with it and one without; Suricata, Zeek, Snort and Arkime track the flow inside; Snort and Arkime track the flow inside",
        "some packets of the flow are behind LISP, where the hash of the kernel does not look, and others are not, such as one direction with it and one without; none of Suricata, Zeek, Snort and Arkime tracks the flow inside",
        "the kernel hashes the outer header of the tunnel, not the flow inside, and the outer ones differ between packets of one inner flow; none of Suricata, Zeek, Snort and Arkime tracks the flow inside",
        "some packets of the flow are behind a VLAN tag of a type that the kernel does not know, such as 0x9100, where the hash of the kernel does not look, and others behind tags that it knows, such as one direction with 0x9100 and one with 0x8100; besides, some packets of the flow are behind a Cisco MetaData tag, where the hash of the kernel does not look, and others are not, such as one direction with it and one without; Snort and Arkime track the flow inside",
      ]
    `);
  });

  test('without any the sentence is that of a tunnel', () => {
    expect(worded(explain('tunnel-outer-only', context())).message).toContain('outer header');
  });
});
