import { describe, expect, test } from 'vitest';
import type { Evidence } from '../../../../src/model/evidence.ts';
import { epoch, evidenceOf, group } from '../../../helpers/evidence.ts';
import { groupFindings, keptFlows, predicted, summaryOf } from '../../../helpers/prediction.ts';
import { renderPrediction, renderPredictionBrief } from '../../../helpers/rendered.ts';

const STYLE = { width: 100, color: false };
const fragments = group({ oneKernelKey: false, kind: 'split', fragments: 'in-reach' });
const esp = group({ oneKernelKey: false, onlyIndexDiffers: true, stack: 'ipv4/esp' });
const copies = group({ oneKernelKey: false, kind: 'duplicated' });
const withGroups = (...groups: readonly ReturnType<typeof group>[]) => evidenceOf([epoch([10])], groups);
const firstLine = (asked: Evidence, other: Evidence = asked, change: Parameters<typeof predicted>[1] = {}) =>
  renderPrediction(predicted(asked, { other: groupFindings(true, other), ...change }), { ...STYLE, width: 300 }).split('\n')[0];

describe('the answer is one sentence', () => {
  const oneWay = (evidence: Evidence) => ({ ...evidence, flows: { ...evidence.flows, twoWay: 0 } });
  test.each<[string, Evidence, Evidence]>([
    ['HASH keeps all 10 flows of trace.pcap on one process each; with --defrag too.', keptFlows(10), keptFlows(10)],
    ['HASH keeps the flow of trace.pcap on one process; with --defrag too.', keptFlows(1), keptFlows(1)],
    ['HASH must split 3 of 13 flows of trace.pcap; with --defrag none.', withGroups(fragments), keptFlows(13)],
    ['HASH must split 3 of 13 flows of trace.pcap; with --defrag 3.', withGroups(fragments), withGroups(fragments)],
    ['HASH must duplicate 3 of 16 flows of trace.pcap; with --defrag none.', withGroups(copies, esp), withGroups(esp)],
    ['HASH must split or duplicate 6 of 16 flows of trace.pcap; with --defrag 3.', withGroups(copies, fragments), withGroups(copies)],
    [
      'HASH keeps all 13 flows of trace.pcap on one process each, but for 3 that do not count; with --defrag too.',
      withGroups(esp),
      withGroups(esp),
    ],
    ['HASH keeps all 10 flows of trace.pcap on one process each; with --defrag it must split 3.', keptFlows(10), withGroups(fragments)],
    [
      'HASH keeps all 10 flows of trace.pcap on one process each, but none has both directions, so it is not shown that they meet.',
      oneWay(keptFlows(10)),
      keptFlows(10),
    ],
    ['There is no flow in trace.pcap, so nothing can be said of it.', keptFlows(0), keptFlows(0)],
  ])('%s', (sentence, asked, other) => {
    expect(firstLine(asked, other)).toBe(sentence);
  });

  test('for the group with the flag, and for standard input', () => {
    const asked = groupFindings(true, keptFlows(13));
    const other = groupFindings(false, withGroups(fragments));
    expect(firstLine(keptFlows(13), keptFlows(13), { pcap: '-', asked, other })).toBe(
      'HASH+DEFRAG keeps all 13 flows of standard input on one process each; without --defrag it must split 3.',
    );
  });

  test('flows that found no room are said', () => {
    const full = { ...keptFlows(10), untracked: { observations: 1, packets: 4 } };
    expect(firstLine(full)).toContain('but there were more of them than could be judged.');
  });
});

test('the whole text', () => {
  const flow = { proto: 'udp', src: '10.0.0.1', sport: 1000, dst: '10.0.0.2', dport: 53, communityId: '1:x' };
  const seen = { member: 0, epoch: 0, bytes: 300, first: '1', last: '2' } as const;
  const observations = [
    { ...seen, direction: 'forward', packets: 1, kernelKey: '00000000000000aa', stack: 'ipv4/frag/udp' },
    { ...seen, direction: 'reverse', packets: 1200, kernelKey: '00000000000000bb', stack: 'ipv4/udp' },
  ] as const;
  const { flows: _, ...traits } = { ...fragments, stack: 'ipv4/udp' };
  const evidence = {
    ...withGroups({ ...fragments, stack: 'ipv4/udp' }, esp),
    violations: [{ ...traits, flow, observations }],
    violationsOmitted: 2,
  };
  const result = predicted(evidence, {
    summary: summaryOf(evidence.judgedPackets + 8, { leftOutOtherwise: 1 }),
    asked: groupFindings(false, evidence, { ignored: [[4, 8]] }),
    other: groupFindings(true, keptFlows(16), { unseen: 1 }),
  });
  const warnings = [{ code: 'capture-damaged', message: 'it ends inside packet 105', remedy: 'capture again' }];
  expect(renderPrediction({ ...result, warnings }, STYLE)).toMatchInlineSnapshot(`
    "HASH must split 3 of 16 flows of trace.pcap; with --defrag none. But the capture file could not be
    read to its end.

    group        flows  kept  split  copied  harmless
    hash            16    10      6       0         3
    hash+defrag     16    16      0       0         0

    packets   96  judged, of 105 read
    flows     16  16 seen in both directions, 0 in one
    left out   1  packets of which no Ethernet frame can be made
    ignored    8  truncated

    Traffic
      stack     flows  two-way  kept  split  copied
      ipv4/tcp     10       10    10      0       0
      ipv4/udp      3        3     0      3       0
      ipv4/esp      3        3     0      3       0

    Causes
      fragment-v4: 3 flows (ipv4/udp): the kernel hashes an IPv4 fragment by addresses and protocol
      only, so it leaves the process of its flow
        -> set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), in one group per
           host only: two such groups take fragments from each other; or steer by the innermost flow
           ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo
           fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata;
           --mode ebpf --ebpf-program builtin:addresses to test it)
      esp-ah-spi (does not decide the answer): 3 flows (ipv4/esp): the kernel hashes the SPI of ESP and
      AH where it hashes the ports of TCP, and each direction is a security association with an SPI of
      its own
        -> none is needed for ESP: an IDS cannot look inside; what AH carries it can: capture that
           behind the gateway that ends AH, or steer by the innermost flow ("sudo fanout-cluster cure
           --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids
           suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program
           builtin:addresses to test it)

    Flows with several kernel keys
      udp 10.0.0.1:1000 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
        kernel key 00000000000000aa  forward       1 packet  ipv4/frag/udp
        kernel key 00000000000000bb  reverse  1,200 packets
      ... and 2 more

    Warnings
      capture-damaged: it ends inside packet 105
        -> capture again

    This is a prediction, by a model of what this kernel, Linux 6.18.44, hashes, for a group without a
    BPF flow dissector. Packets of one key are on one process in every group; a group of n processes
    keeps a flow of two keys together by chance, in 1 of n.

    To see it happen:
      sudo fanout-cluster --pcap trace.pcap --procs 64
    "
  `);
  expect(renderPredictionBrief({ ...result, warnings }, STYLE)).toMatchInlineSnapshot(`
    "HASH must split 3 of 16 flows of trace.pcap; with --defrag none. But the capture file could not be
    read to its end.

    Causes
      fragment-v4: 3 flows (ipv4/udp): the kernel hashes an IPv4 fragment by addresses and protocol
      only, so it leaves the process of its flow
        -> set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), in one group per
           host only: two such groups take fragments from each other; or steer by the innermost flow
           ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo
           fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata;
           --mode ebpf --ebpf-program builtin:addresses to test it)
      esp-ah-spi (does not decide the answer): 3 flows (ipv4/esp): the kernel hashes the SPI of ESP and
      AH where it hashes the ports of TCP, and each direction is a security association with an SPI of
      its own
        -> none is needed for ESP: an IDS cannot look inside; what AH carries it can: capture that
           behind the gateway that ends AH, or steer by the innermost flow ("sudo fanout-cluster cure
           --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids
           suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program
           builtin:addresses to test it)

    Warnings: capture-damaged (the capture file could not be read to its end)
    "
  `);
});

test('the command that confirms it is one line, as a shell takes it', () => {
  const line = (pcap: string, defrag = false) =>
    renderPrediction(predicted(keptFlows(1), { pcap, asked: groupFindings(defrag, keptFlows(1)) }), { ...STYLE, width: 40 })
      .trimEnd()
      .split('\n')
      .at(-1);
  expect(line('/a/very/long/path/to/a/capture/file.pcap')).toBe(
    '  sudo fanout-cluster --pcap /a/very/long/path/to/a/capture/file.pcap --procs 64',
  );
  expect(line('my trace.pcap', true)).toBe("  sudo fanout-cluster --pcap 'my trace.pcap' --defrag --procs 64");
  expect(line("it's.pcap")).toBe("  sudo fanout-cluster --pcap 'it'\\''s.pcap' --procs 64");
  expect(line('-')).toBe('  sudo fanout-cluster --pcap FILE --procs 64');
});

test('a path cannot command the terminal', () => {
  expect(renderPrediction(predicted(keptFlows(1), { pcap: 'x\u001b[2J' }), STYLE)).not.toContain('\u001b');
});
