import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { styleFor } from '../../../../src/collector/report/layout.ts';
import type { ViolationEvidence } from '../../../../src/model/evidence.ts';
import { epoch, evidenceOf, factsOf, group, member, stackOf } from '../../../helpers/evidence.ts';
import { renderBrief, renderTerminal } from '../../../helpers/rendered.ts';
import { resultOf } from '../../../helpers/run-result.ts';

const plain = styleFor(100, false);
const ESCAPE = '\u001b';

function violation(sport: number): ViolationEvidence {
  const { flows: _, ...traits } = group({ oneKernelKey: false, fragments: 'in-reach', stack: 'ipv4/udp', kind: 'split' });
  const seen = { epoch: 0, packets: 3, bytes: 300, stack: 'ipv4/udp', first: '1', last: '2' };
  return {
    ...traits,
    flow: { proto: 'udp', src: '10.0.0.1', sport, dst: '10.0.0.2', dport: 53 },
    observations: [
      { ...seen, member: 0, direction: 'forward', kernelKey: '00000000000000aa' },
      { ...seen, member: 3, direction: 'forward', kernelKey: '00000000000000bb' },
    ],
  };
}

const yes = resultOf(evidenceOf([epoch([61, 60, 59, 60])]));
const fragments = group({ kind: 'split', stack: 'ipv4/udp', fragments: 'in-reach', oneKernelKey: false, flows: 12 });
const no = resultOf(
  evidenceOf([epoch([61, 60, 59, 60])], [fragments], {
    violations: Array.from({ length: 11 }, (_, i) => violation(1000 + i)),
    violationsOmitted: 1,
  }),
);
const inconclusiveEvidence = evidenceOf([epoch([4, 0]), epoch([3, 2], 'member 1 lost')], [], {
  stacks: [stackOf('ipv4/tcp', [7, 2])],
});
const inconclusive = resultOf(inconclusiveEvidence, {
  source: 'live',
  interface: 'ens1',
  flags: ['defrag'],
  packets: { captured: 60, judged: 54, dropped: 4, overflowed: 0, outgoing: 3, ignored: { 'ethertype 0x0806': 6 } },
  members: [member(0, 40, { cpu: 0 }), member(1, 20, { cpu: 1, drops: 4, freezes: 1, end: 'killed by SIGKILL while capturing' })],
  stop: 'members-lost',
});

describe('whole reports', () => {
  test('yes', () =>
    expect(renderTerminal(yes, plain)).toMatchInlineSnapshot(`
      "Yes: mode hash kept both directions of every flow together.
      4 processes, group 42, on fan0 in the lab, Linux 6.18.44, 1.2 s, sent by tap, seed 7

      proven: 240 two-way flows on 4 processes, each kept on one process; a group that scattered packets
      would pass with probability 3.3e-145

      packets           1,440  judged, of 1,440 captured, 1,440 sent, 0 dropped
      flows               240  240 seen in both directions, 0 in one
      success             240  flows with each direction on one process
      reverse success     240  flows with both directions on the same process
      failures              0  flows split (0) or duplicated (0)
      reverse failures      0  flows with the reverse direction on another process
      out of order          0  of 1,440 packets checked by their numbers

      Distribution (packets)
        worker 0  360  25.0 %  60 flows  ########################################
        worker 1  360  25.0 %  60 flows  ########################################
        worker 2  360  25.0 %  60 flows  ########################################
        worker 3  360  25.0 %  60 flows  ########################################
        4 of 4 workers used, busiest 1.00 times the mean, largest flow 0.4 % of all packets

      Traffic
        stack     flows  two-way  split  asymmetric  workers  answer
        ipv4/tcp    240      240      0           0        4  yes

      Workers
        worker   pid  packets   bytes  flows  drops  freezes  end
             0  4000      360  36,000     60      0        0  exited
             1  4001      360  36,000     60      0        0  exited
             2  4002      360  36,000     60      0        0  exited
             3  4003      360  36,000     60      0        0  exited

      YES!
      "
    `));
  test('no', () =>
    expect(renderTerminal(no, plain)).toMatchInlineSnapshot(`
      "No: hash split 12 of 252 flows: IPv4 fragments (fragment-v4). Set --defrag, or run "sudo
      fanout-cluster cure --hash".
      4 processes, group 42, on fan0 in the lab, Linux 6.18.44, 1.2 s, sent by tap, seed 7

      fragment-v4: 12 flows (ipv4/udp): the kernel hashes an IPv4 fragment by addresses and protocol only,
      so it leaves the process of its flow
        -> set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), in one group per host
           only: two such groups take fragments from each other; or steer by the innermost flow ("sudo
           fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo
           fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata;
           --mode ebpf --ebpf-program builtin:addresses to test it)

      packets           1,512  judged, of 1,512 captured, 1,512 sent, 0 dropped
      flows               252  252 seen in both directions, 0 in one
      success             240  flows with each direction on one process
      reverse success     240  flows with both directions on the same process
      failures             12  flows split (12) or duplicated (0)
      reverse failures      0  flows with the reverse direction on another process
      out of order          0  of 1,512 packets checked by their numbers

      Distribution (packets)
        worker 0  378  25.0 %  63 flows  ########################################
        worker 1  378  25.0 %  63 flows  ########################################
        worker 2  378  25.0 %  63 flows  ########################################
        worker 3  378  25.0 %  63 flows  ########################################
        4 of 4 workers used, busiest 1.00 times the mean, largest flow 0.4 % of all packets

      Traffic
        stack     flows  two-way  split  asymmetric  workers  answer
        ipv4/tcp    240      240      0           0        4  yes
        ipv4/udp     12       12     12           0        2  no

      Violations (examples of each cause)
        udp 10.0.0.1:1000 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
          worker 0  forward  3 packets  kernel key 00000000000000aa
          worker 3  forward  3 packets  kernel key 00000000000000bb
        udp 10.0.0.1:1001 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
          worker 0  forward  3 packets  kernel key 00000000000000aa
          worker 3  forward  3 packets  kernel key 00000000000000bb
        udp 10.0.0.1:1002 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
          worker 0  forward  3 packets  kernel key 00000000000000aa
          worker 3  forward  3 packets  kernel key 00000000000000bb
        udp 10.0.0.1:1003 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
          worker 0  forward  3 packets  kernel key 00000000000000aa
          worker 3  forward  3 packets  kernel key 00000000000000bb
        udp 10.0.0.1:1004 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
          worker 0  forward  3 packets  kernel key 00000000000000aa
          worker 3  forward  3 packets  kernel key 00000000000000bb
        udp 10.0.0.1:1005 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
          worker 0  forward  3 packets  kernel key 00000000000000aa
          worker 3  forward  3 packets  kernel key 00000000000000bb
        udp 10.0.0.1:1006 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
          worker 0  forward  3 packets  kernel key 00000000000000aa
          worker 3  forward  3 packets  kernel key 00000000000000bb
        udp 10.0.0.1:1007 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
          worker 0  forward  3 packets  kernel key 00000000000000aa
          worker 3  forward  3 packets  kernel key 00000000000000bb
        udp 10.0.0.1:1008 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
          worker 0  forward  3 packets  kernel key 00000000000000aa
          worker 3  forward  3 packets  kernel key 00000000000000bb
        udp 10.0.0.1:1009 <-> 10.0.0.2:53 split: fragment-v4 (ipv4/udp)
          worker 0  forward  3 packets  kernel key 00000000000000aa
          worker 3  forward  3 packets  kernel key 00000000000000bb
        ... and 2 more

      Workers
        worker   pid  packets   bytes  flows  drops  freezes  end
             0  4000      378  37,800     63      0        0  exited
             1  4001      378  37,800     63      0        0  exited
             2  4002      378  37,800     63      0        0  exited
             3  4003      378  37,800     63      0        0  exited

      NO: set --defrag, or run "sudo fanout-cluster cure --hash"
      "
    `));
  test('inconclusive', () =>
    expect(renderTerminal(inconclusive, plain)).toMatchInlineSnapshot(`
      "Inconclusive: so few flows that chance could have kept them together (too-few-flows), and 2 more
      reasons. This run does not show whether mode hash+defrag keeps flows together.
      2 processes, group 42, on ens1, Linux 6.18.44, 1.2 s

      too-few-flows: 9 consistent two-way flows: a group that scattered packets would pass with
      probability 0.038, and the limit is 1e-6; the run ended because processes were lost
        -> let 17 more two-way flows pass, spread as those so far
      loss: full rings dropped 4 of 64 packets (6.3 %; 4 on worker 1); --max-loss allows 1 %. Drops split
      no flow, and none was split; but a lost packet may have been the one on another process
        -> give each process a larger ring (--ring-size), capture less with --filter, or add processes
      lost-member: 1 of 2 processes was lost: worker 1 (pid 4001): killed by SIGKILL while capturing
        -> something killed it: usually the out-of-memory killer (see the kernel log); then use fewer
           --procs or a smaller --ring-size; what a lost process had captured last is unknown, so run
           again

      packets           54  judged, of 60 captured, 4 dropped, 3 outgoing
      flows              9  9 seen in both directions, 0 in one
      success            9  flows with each direction on one process
      reverse success    9  flows with both directions on the same process
      failures           0  flows split (0) or duplicated (0)
      reverse failures   0  flows with the reverse direction on another process
      out of order       0  of 54 packets checked by their numbers
      ignored            6  ethertype 0x0806

      Distribution (packets)
        worker 0  40  66.7 %  7 flows  ########################################
        worker 1  20  33.3 %  4 flows  ####################
        2 of 2 workers used, busiest 1.33 times the mean, largest flow 11.1 % of all packets

      Traffic
        stack     flows  two-way  split  asymmetric  workers  answer
        ipv4/tcp      9        9      0           0        2  inconclusive

      Workers
        worker   pid  cpu  packets  bytes  flows  drops  freezes  end
             0  4000    0       40  4,000      7      0        0  exited
             1  4001    1       20  2,000      4      4        1  killed by SIGKILL while capturing

      Epochs (evidence is compared only inside one)
        epoch 0: 2 workers
        epoch 1: 2 workers: member 1 lost

      Warnings
        outgoing-packets: 3 of 60 captured packets were sent by this host

      INCONCLUSIVE: let 17 more two-way flows pass, spread as those so far (and 2 more above)
      "
    `));
  test('narrow', () =>
    expect(renderTerminal(yes, styleFor(40, false))).toMatchInlineSnapshot(`
      "Yes: mode hash kept both directions of
      every flow together.
      4 processes, group 42, on fan0 in the
      lab, Linux 6.18.44, 1.2 s, sent by tap,
      seed 7

      proven: 240 two-way flows on 4
      processes, each kept on one process; a
      group that scattered packets would pass
      with probability 3.3e-145

      packets           1,440  judged, of 1,440
                               captured, 1,440
                               sent, 0 dropped
      flows               240  240 seen in both
                               directions, 0 in one
      success             240  flows with each
                               direction on one
                               process
      reverse success     240  flows with both
                               directions on the
                               same process
      failures              0  flows split (0) or
                               duplicated (0)
      reverse failures      0  flows with the
                               reverse direction on
                               another process
      out of order          0  of 1,440 packets
                               checked by their
                               numbers

      Distribution (packets)
        worker 0  360  25.0 %  60 flows  #####
        worker 1  360  25.0 %  60 flows  #####
        worker 2  360  25.0 %  60 flows  #####
        worker 3  360  25.0 %  60 flows  #####
        4 of 4 workers used, busiest 1.00
        times the mean, largest flow 0.4 % of
        all packets

      Traffic
        stack     flows  two-way  split  asymmetric  workers  answer
        ipv4/tcp    240      240      0           0        4  yes

      Workers
        worker   pid  packets   bytes  flows  drops  freezes  end
             0  4000      360  36,000     60      0        0  exited
             1  4001      360  36,000     60      0        0  exited
             2  4002      360  36,000     60      0        0  exited
             3  4003      360  36,000     60      0        0  exited

      YES!
      "
    `));
  test('a YES that has a catch says so first', () => {
    const busy = { membersUsed: 2, maxOverMean: 1.828, topFlowShare: 0.2 };
    const evidence = evidenceOf([epoch([100, 20])], [], {
      stacks: [{ ...stackOf('mpls/ipv4/tcp', [90, 0]), kernelKeys: 1 }, stackOf('ipv4/tcp', [10, 20])],
    });
    const [first] = renderTerminal(resultOf(evidence, {}, { balance: busy }), styleFor(400, false)).split('\n');
    expect(first).toBe(
      'Yes, but 90 of 120 flows do not spread, and 91.4 % of the packets were on one worker (no-spread): mode hash kept both directions of every flow together.',
    );
  });

  test('warnings and tolerated causes are such a catch; a few harmless flows are not', () => {
    const first = (...of: Parameters<typeof resultOf>) => renderTerminal(resultOf(...of), styleFor(400, false)).split('\n')[0];
    const warnings = ['order-inverted', 'mostly-one-way', 'flows-forgotten'].map((code) => ({ code, message: 'so' }));
    expect(first(evidenceOf([epoch([60, 60])]), {}, { warnings })).toMatch(
      /^Yes, but packets of a flow reached .* \(order-inverted\); most flows .* \(mostly-one-way\); and 1 more: mode hash/,
    );
    const tolerated = resultOf(evidenceOf([epoch([60, 60])], [fragments]), { tolerated: ['fragment-v4'] });
    expect(renderTerminal(tolerated, styleFor(400, false))).toMatch(
      /^Yes, but 12 of 132 flows were split, which was tolerated \(fragment-v4\): mode hash kept both directions of every flow together, except for 12 that do not count/,
    );
    const spi = group({ oneKernelKey: false, onlyIndexDiffers: true, stack: 'ipv4/esp', flows: 3 });
    expect(first(evidenceOf([epoch([60, 60])], [spi]))).toMatch(/^Yes: /);
  });

  test('the first line of a NO: how many flows of how many, and why', () => {
    const first = (...groups: ReturnType<typeof group>[]) =>
      renderTerminal(resultOf(evidenceOf([epoch([60, 60])], groups)), styleFor(400, false)).split('\n')[0];
    const v6 = group({ kind: 'split', stack: 'ipv6/frag/udp', fragments: 'ipv6', oneKernelKey: false, flows: 3 });
    const spi = group({ oneKernelKey: false, onlyIndexDiffers: true, stack: 'ipv4/esp', flows: 30 });
    const copied = group({ kind: 'duplicated', oneKernelKey: false, flows: 7 });
    expect(first(fragments)).toBe(
      'No: hash split 12 of 132 flows: IPv4 fragments (fragment-v4). Set --defrag, or run "sudo fanout-cluster cure --hash".',
    );
    expect(first(fragments, v6, spi)).toBe(
      'No: hash split 15 of 165 flows: IPv4 fragments (fragment-v4), and 1 more cause. Set --defrag, or run "sudo fanout-cluster cure --hash".',
    );
    expect(first(copied)).toBe(
      'No: hash had the packets of 7 of 127 flows on several processes: packets that the interface sees twice (duplicated). Let each packet come to the interface once.',
    );
    const design = resultOf(evidenceOf([epoch([60, 60])]), { mode: 'lb' });
    expect(renderTerminal(design, styleFor(400, false))).toMatch(/^No: lb split 0 of 120 flows: the design of mode lb \(lb-by-design\)/);
  });

  test('--quiet names every warning and other cause', () => {
    const spi = group({ oneKernelKey: false, onlyIndexDiffers: true, stack: 'ipv4/esp', flows: 12 });
    const warnings = [{ code: 'order-inverted', message: 'so' }];
    expect(
      renderBrief(resultOf(evidenceOf([epoch([61, 60, 59, 60])], [spi]), {}, { warnings }), styleFor(300, false)),
    ).toMatchInlineSnapshot(`
      "Yes, but packets of a flow reached their process in another order than they were sent (order-inverted): mode hash kept both directions of every flow together, except for 12 that do not count.
      proven: 240 two-way flows on 4 processes, each kept on one process; a group that scattered packets would pass with probability 3.3e-145; 12 more flows did not stay on one, for causes that do not count here (esp-ah-spi)
      Other causes: esp-ah-spi (12 flows)
      Warnings: order-inverted (packets of a flow reached their process in another order than they were sent)
      YES!
      "
    `);
  });

  test('a YES names the flows that do not count, and harmless causes', () => {
    const spi = group({ oneKernelKey: false, onlyIndexDiffers: true, stack: 'ipv4/esp', flows: 12 });
    const text = renderTerminal(resultOf(evidenceOf([epoch([61, 60, 59, 60])], [spi])), plain);
    expect(text).toContain('Yes: mode hash kept both directions of every flow together, except for 12 that do not count.\n');
    expect(text).toContain('\n  esp-ah-spi (does not decide the answer): 12 flows (ipv4/esp): the kernel hashes the SPI');
  });

  test('brief', () =>
    expect(renderBrief(no, plain)).toMatchInlineSnapshot(`
      "No: hash split 12 of 252 flows: IPv4 fragments (fragment-v4). Set --defrag, or run "sudo
      fanout-cluster cure --hash".
      fragment-v4: 12 flows (ipv4/udp): the kernel hashes an IPv4 fragment by addresses and protocol only,
      so it leaves the process of its flow
        -> set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), in one group per host
           only: two such groups take fragments from each other; or steer by the innermost flow ("sudo
           fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo
           fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata;
           --mode ebpf --ebpf-program builtin:addresses to test it)
      NO: set --defrag, or run "sudo fanout-cluster cure --hash"
      "
    `));
});

describe('violations', () => {
  const traits = { kind: 'split', oneKernelKey: false, fragments: 'in-reach' } as const;
  const esp = { kind: 'asymmetric', oneKernelKey: false, onlyIndexDiffers: true } as const;
  const listed = [
    ...Array.from({ length: 500 }, (_, i) => ({ ...violation(i), ...group({ ...esp, stack: 'ipv4/esp' }) })),
    ...Array.from({ length: 400 }, (_, i) => ({ ...violation(i), ...group({ ...traits, fragments: 'ipv6', stack: 'ipv6/frag/udp' }) })),
    ...Array.from({ length: 90 }, (_, i) => ({ ...violation(i), ...group({ ...traits, stack: 'ipv4/frag/udp' }) })),
  ];
  const result = resultOf(
    evidenceOf(
      [epoch([60, 60])],
      [
        group({ ...esp, stack: 'ipv4/esp', flows: 900 }),
        group({ ...traits, fragments: 'ipv6', stack: 'ipv6/frag/udp', flows: 400 }),
        group({ ...traits, stack: 'ipv4/frag/udp', flows: 500 }),
      ],
      { violations: listed, violationsOmitted: 810 },
    ),
  );
  const lines = renderTerminal(result, styleFor(200, false))
    .split('\n')
    .filter((line) => / <-> .*: (fragment|esp)/.test(line));

  test('are examples of the causes: the main one first, harmless ones last, and marked', () => {
    expect(lines.map((line) => /: ([\w-]+)( \(does not decide the answer\))? \(ipv/.exec(line)?.slice(1).join(''))).toEqual([
      ...Array(4).fill('fragment-v4'),
      ...Array(3).fill('fragment-v6'),
      ...Array(3).fill('esp-ah-spi (does not decide the answer)'),
    ]);
    expect(renderTerminal(result, plain)).toContain('... and 1,790 more\n');
  });
});

describe('form', () => {
  test('copies have a column of their own where there are any', () => {
    const copied = group({ kind: 'duplicated', oneKernelKey: false, flows: 7 });
    const text = renderTerminal(resultOf(evidenceOf([epoch([61, 60, 59, 60])], [copied])), plain);
    expect(text).toMatch(/stack +flows +two-way +split +asymmetric +duplicated +workers +answer\n +ipv4\/tcp +247 +247 +0 +0 +7 +4 +no\n/);
    expect(renderTerminal(resultOf(evidenceOf([epoch([61, 60, 59, 60])])), plain)).not.toMatch(/asymmetric +duplicated/);
  });

  test.each([
    ['yes', yes, /^YES!$/],
    ['no', no, /^NO: set --defrag/],
    ['inconclusive', inconclusive, /^INCONCLUSIVE: let 17 more two-way flows pass, .* \(and 2 more above\)$/],
  ])('the last line of %s is the answer', (_, result, last) => {
    expect(renderTerminal(result, plain).trimEnd().split('\n').at(-1)).toMatch(last);
  });

  test('colours add nothing but colours, and only where asked for', () => {
    for (const result of [yes, no, inconclusive]) {
      const colored = renderTerminal(result, styleFor(100, true));
      expect(colored).toContain(ESCAPE);
      expect(stripVTControlCharacters(colored)).toBe(renderTerminal(result, plain));
      expect(renderTerminal(result, plain)).not.toContain(ESCAPE);
    }
  });

  test('a group of hundreds is cut short, and the lost member is not what is cut', () => {
    const evidence = evidenceOf([epoch(Array(300).fill(2))]);
    const members = factsOf(evidence).members.with(250, member(250, 0, { end: 'exited with 9' }));
    const text = renderTerminal(resultOf(evidence, { members }), plain);
    expect(text.split('\n').length).toBeLessThan(180);
    expect(text).toContain('... and 236 more');
    expect(text).toMatch(/^ +250 .* exited with 9$/m);
  });

  test('text from outside cannot drive the terminal', () => {
    const evil = `a${ESCAPE}]0;owned\u0007\u009b2J\u202e\n`;
    const members = [member(0, 3, { end: evil }), member(1, 3)];
    const result = resultOf(evidenceOf([epoch([1, 0])]), { members }, { source: { kind: 'live', interface: evil, pcap: evil, nic: evil } });
    const text = renderTerminal(result, plain);
    expect(text).not.toMatch(/[^\n\P{Cc}]|\p{Cf}/u);
    expect(text).toContain('a\\u001b]0;owned\\u0007\\u009b2J\\u202e\\u000a');
  });
});

test("the kernel's rollover counters, where the group rolls over", () => {
  const rolled = { all: 1226, huge: 12, failed: 2073 };
  const evidence = evidenceOf([epoch([60, 60])]);
  const members = [member(0, 360, { rollover: rolled, drops: 2073 }), member(1, 360)];
  const lines = renderTerminal(resultOf(evidence, { mode: 'rollover', members }), plain).split('\n');
  const at = lines.indexOf('Workers');
  expect(lines.slice(at + 1, at + 4)).toEqual([
    '  worker   pid  packets   bytes  flows  drops  freezes  rolled  huge  failed  end',
    '       0  4000      360  36,000     60  2,073        0   1,226    12   2,073  exited',
    '       1  4001      360  36,000     60      0        0       -     -       -  exited',
  ]);
  expect(renderTerminal(yes, plain)).not.toContain('rolled');
});

test('flows that made room stand beside the others, and in the warnings', () => {
  const kept = evidenceOf([epoch([60, 60])]);
  const evidence = { ...kept, flows: { ...kept.flows, total: 5120, oneWay: 5000, forgotten: 4321 } };
  const text = renderTerminal(resultOf(evidence, { stop: 'flow-memory' }), plain);
  expect(text).toMatch(/^flows +5,120 {2}120 seen in both directions, 5,000 in one, of which 4,321 made room$/m);
  expect(text).toMatch(/^ {2}flows-forgotten: 4,321 of 5,000 flows/m);
  expect(text).toMatch(/the run ended because its flow table is full/);
  expect(renderTerminal(yes, plain)).not.toMatch(/made room|ended-early/);
});

test('observations of a violation that are not listed are counted', () => {
  const many = {
    ...violation(7),
    observations: Array.from({ length: 10 }, () => violation(7).observations).flat(),
    observationsOmitted: 30,
  };
  const evidence = evidenceOf([epoch([61, 60])], [fragments], { violations: [many] });
  const result = resultOf(evidence);
  expect(result.violations[0]?.observationsOmitted).toBe(30);
  expect(renderTerminal(result, plain)).toContain('... and 42 more observations');
});

test('of thousands of epochs the first are shown', () => {
  const epochs = Array.from({ length: 4096 }, (_, i) => epoch([1, 1], `change ${i}`));
  const lines = renderTerminal(resultOf(evidenceOf(epochs)), plain).split('\n');
  const at = lines.indexOf('Epochs (evidence is compared only inside one)');
  expect(lines.slice(at + 32, at + 35)).toEqual(['  epoch 31: 2 workers: change 31', '  ... and 4064 more (all of them with --json)', '']);
});
