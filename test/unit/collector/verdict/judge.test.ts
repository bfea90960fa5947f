import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CAUSE_CODES } from '../../../../src/model/cause.ts';
import type { Evidence } from '../../../../src/model/evidence.ts';
import { FANOUT_MODE_NAMES } from '../../../../src/model/fanout.ts';
import { finding } from '../../../../src/model/finding.ts';
import { CURRENT_DESIGN } from '../../../../src/model/kernel-model.ts';
import type { RunFacts } from '../../../../src/model/run-facts.ts';
import { epoch, evidenceOf, factsOf, group, member, stackOf } from '../../../helpers/evidence.ts';
import { judge } from '../../../helpers/worded.ts';

const joined = finding('foreign-member', { groupId: 7, owners: [] });
const even = (members: number, flows: number) => Array<number>(members).fill(flows);
const good = evidenceOf([epoch(even(8, 60))]);

function verdict(evidence: Evidence, change: Partial<RunFacts> = {}) {
  return judge(evidence, factsOf(evidence, change)).verdict;
}

function codes(evidence: Evidence, change: Partial<RunFacts> = {}): readonly string[] {
  const { answer, reasons } = verdict(evidence, change);
  return [answer, ...reasons.map(({ code }) => code)];
}

function packets(evidence: Evidence, change: Partial<RunFacts['packets']>): RunFacts['packets'] {
  return { ...factsOf(evidence).packets, ...change };
}

/** Live, nobody knows how many packets there were. */
function livePackets(evidence: Evidence, change: Partial<RunFacts['packets']>): RunFacts['packets'] {
  const { offered: _, ...counts } = packets(evidence, change);
  return counts;
}

describe('yes', () => {
  test('every flow on one process, spread over all', () => {
    expect(verdict(good)).toMatchInlineSnapshot(`
      {
        "answer": "yes",
        "falsePassBound": 5e-324,
        "reasons": [
          {
            "args": {
              "bound": 5e-324,
              "causes": [],
              "excepted": 0,
              "flows": 480,
              "limit": 0.000001,
              "members": 8,
            },
            "code": "proven",
            "message": "480 two-way flows on 8 processes, each kept on one process; a group that scattered packets would pass with probability below 1e-300",
          },
        ],
      }
    `);
  });

  test('live loss up to the limit does not weaken it', () => {
    const live: Partial<RunFacts> = { source: 'live', packets: livePackets(good, { captured: 2880, dropped: 29 }) };
    expect(codes(good, live)).toEqual(['yes', 'proven']);
  });

  test('beside harmless and tolerated causes', () => {
    const groups = [group({ movedAtChange: true }), group({ oneKernelKey: false, fragments: 'in-reach' })];
    const { answer, reasons } = verdict(evidenceOf([epoch(even(8, 60))], groups), { tolerated: ['fragment-v4'] });
    expect([answer, ...reasons.map(({ code }) => code)]).toEqual(['yes', 'proven']);
    expect(reasons[0]?.message).toMatch(
      /; 6 more flows did not stay on one, for causes that do not count here \(fragment-v4, membership-change\)$/,
    );
  });
});

describe('no', () => {
  test('one violation is enough, whatever else went wrong', () => {
    const evidence = evidenceOf([epoch([1, 0])], [group({ flows: 1 })]);
    const change: Partial<RunFacts> = {
      members: [member(0, 6), member(1, 6, { end: 'killed by SIGKILL' })],
      packets: packets(evidence, { dropped: 3 }),
    };
    const judgement = judge(evidence, factsOf(evidence, change));
    expect(judgement.verdict).toMatchInlineSnapshot(`
      {
        "answer": "no",
        "falsePassBound": 1,
        "reasons": [
          {
            "args": {
              "dissector": {
                "asked": "both",
                "kind": "none",
              },
              "flows": 1,
              "kernel": "6.18.44",
              "stacks": [
                "ipv4/tcp",
              ],
            },
            "code": "hash-asymmetric",
            "message": "1 flow (ipv4/tcp): all packets of each such flow have one kernel key, yet kernel 6.18.44 put them on several processes, in no pattern of a known bug; no BPF flow dissector is attached, so it is this kernel's own hash, and nothing measured establishes why",
            "remedy": "do not run an IDS in mode hash here; report it to the maker of this kernel, and steer without that hash ("sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it)",
          },
        ],
      }
    `);
    expect(judgement.warnings.map(({ code }) => code)).toEqual(['loss', 'accounting-mismatch', 'lost-member']);
  });

  test('harmless and tolerated causes are not enough', () => {
    expect(codes(evidenceOf([epoch(even(8, 60))], [group({ movedAtChange: true })]))).toEqual(['yes', 'proven']);
    expect(codes(evidenceOf([epoch(even(8, 60))], [group()]), { tolerated: ['hash-asymmetric'] })).toEqual(['yes', 'proven']);
    expect(codes(evidenceOf([epoch(even(8, 60))], [group()]), { tolerated: ['duplicated'] })).toEqual(['no', 'hash-asymmetric']);
  });

  test('flows that only luck kept together prove nothing', () => {
    // One in eight stays on one process by chance.
    const parted = group({ stack: 'ipv4/esp', oneKernelKey: false, onlyIndexDiffers: true, flows: 140 });
    const stacks = [stackOf('ipv4/esp', even(8, 3), [parted])];
    const unlucky = evidenceOf([epoch(even(8, 3))], [parted], { stacks });
    const { verdict: answer, stacks: judged } = judge(unlucky, factsOf(unlucky));
    expect([answer.answer, ...answer.reasons.map(({ code }) => code)]).toEqual(['inconclusive', 'too-few-flows', 'esp-ah-spi']);
    expect(judged.map((stack) => stack.answer)).toEqual(['inconclusive']);
    expect(answer.falsePassBound).toBe(1);
    // Beside flows of another kind that were all kept.
    const beside = [...stacks, stackOf('ipv4/tcp', even(8, 9))];
    const mixed = evidenceOf([epoch(even(8, 12))], [parted], { stacks: beside });
    expect(verdict(mixed).answer).toBe('yes');
    expect(verdict(mixed).falsePassBound).toBeCloseTo(8 ** -72, 10);
    // Half of them kept is no luck.
    const half = [stackOf('ipv4/esp', even(8, 18), [parted])];
    expect(verdict(evidenceOf([epoch(even(8, 18))], [parted], { stacks: half })).answer).toBe('yes');
  });

  test.each(['lb', 'rnd'] as const)('%s by design, though no flow was split', (mode) => {
    expect(codes(evidenceOf([epoch([2, 2])]), { mode })).toEqual(['no', `${mode}-by-design`]);
  });

  test('not by design where nothing was tested', () => {
    expect(codes(evidenceOf([epoch([0, 0])]), { mode: 'lb' })).toEqual(['inconclusive', 'no-traffic']);
    expect(codes(evidenceOf([epoch([50])]), { mode: 'lb' })).toEqual(['inconclusive', 'one-process']);
  });

  test('a tolerated design is never a YES', () => {
    expect(codes(good, { mode: 'rnd', tolerated: ['rnd-by-design'] })).toEqual(['inconclusive', 'tolerated-design']);
  });
});

describe('the promise of lb and rnd', () => {
  const spread = (mode: 'lb' | 'rnd', counts: readonly number[], change: Partial<RunFacts> = {}) => {
    const total = counts.reduce((sum, n) => sum + n, 0);
    const evidence = { ...evidenceOf([epoch(counts.map(() => 1))]), judgedPackets: total };
    return verdict(evidence, { mode, members: counts.map((n, i) => member(i, n)), ...change }).reasons.slice(1);
  };

  test('lb: turns differ by one at most', () => {
    expect(spread('lb', [25, 25, 24, 24])).toEqual([]);
    expect(spread('lb', [25, 25, 25, 23])).toMatchInlineSnapshot(`
      [
        {
          "args": {
            "kind": "turns",
            "least": 23,
            "most": 25,
            "packets": 98,
          },
          "code": "spread-broken",
          "message": "mode lb deals packets out in turn, yet the processes got between 23 and 25 of 98; turns would differ by one at most",
          "remedy": "report it to the kernel developers (netdev): even its own promise is broken",
        },
      ]
    `);
  });

  test('lb: a packet dropped by a full ring has taken its turn', () => {
    const members = [member(0, 20, { drops: 5 }), member(1, 25)];
    const evidence = { ...evidenceOf([epoch([1, 1])]), judgedPackets: 45 };
    expect(codes(evidence, { mode: 'lb', members, packets: packets(evidence, { offered: 50, dropped: 5 }) })).toEqual([
      'no',
      'lb-by-design',
    ]);
  });

  test('rnd: a packet dropped by a full ring was drawn all the same', () => {
    expect(spread('rnd', [1000, 600], { members: [member(0, 1000), member(1, 600, { drops: 400 })] })).toEqual([]);
    expect(spread('rnd', [1000, 600])).toHaveLength(1);
  });

  test('lb: nothing is said where something else may have taken turns', () => {
    expect(spread('lb', [30, 20], { source: 'live' })).toEqual([]);
    expect(spread('lb', [30, 20], { withheld: 4 })).toEqual([]);
  });

  test('rnd: dice', () => {
    expect(spread('rnd', [1020, 990, 1010, 980])).toEqual([]);
    expect(spread('rnd', [1300, 900, 900, 900])).toMatchInlineSnapshot(`
      [
        {
          "args": {
            "kind": "draws",
            "mean": 1000,
            "probability": 2.5511765576657957e-27,
            "z": 10.954451150103322,
          },
          "code": "spread-broken",
          "message": "mode rnd draws a process for each packet, yet one process is 11.0 standard deviations from the mean of 1000 packets; a fair draw does that with probability 2.6e-27 at most",
          "remedy": "report it to the kernel developers (netdev): even its own promise is broken",
        },
      ]
    `);
    // Too few to tell.
    expect(spread('rnd', [19, 0])).toEqual([]);
  });

  test.each(['lb', 'rnd'] as const)('%s: nothing is said of shares of a part of the run, or of a group that had others in it', (mode) => {
    const counts = [1300, 900, 900, 900];
    const lost = counts.map((n, i) => member(i, n, i === 1 ? { end: 'lost while capturing: signal SIGKILL' } : {}));
    expect(spread(mode, counts)).toHaveLength(1);
    expect(spread(mode, counts, { members: lost })).toEqual([]);
    expect(spread(mode, counts, { disturbances: [joined] })).toEqual([]);
    const evidence = { ...evidenceOf([epoch([1, 1, 1, 1]), epoch([1, 1, 1, 1])]), judgedPackets: 4000 };
    const members = counts.map((n, i) => member(i, n));
    expect(codes(evidence, { mode, members })).toEqual(['no', `${mode}-by-design`]);
  });
});

describe('what members told', () => {
  const contradictions = [{ member: 2, judged: 360, told: 357 }];

  test('of flows is not what they counted: no YES, and who', () => {
    const { answer, reasons } = verdict(good, { contradictions });
    expect([answer, ...reasons.map(({ code }) => code)]).toEqual(['inconclusive', 'accounting-mismatch']);
    expect(reasons[0]?.message).toBe('what workers told of flows is not what they counted: worker 2 judged 360 and told of 357 packets');
  });

  test('does not take a NO away', () => {
    const judgement = judge(evidenceOf([epoch(even(8, 60))], [group()]), factsOf(good, { contradictions }));
    expect(judgement.verdict.answer).toBe('no');
    expect(judgement.warnings.map(({ code }) => code)).toContain('accounting-mismatch');
  });
});

describe('inconclusive', () => {
  test('one process', () =>
    expect(verdict(evidenceOf([epoch([500])]))).toMatchInlineSnapshot(`
      {
        "answer": "inconclusive",
        "falsePassBound": 1,
        "reasons": [
          {
            "args": {},
            "code": "one-process",
            "message": "a group of one process keeps every flow together whatever the kernel does, so nothing was tested",
            "remedy": "run with --procs 2 or more; best with as many as the IDS has workers",
          },
        ],
      }
    `));

  test('no traffic', () =>
    expect(verdict(evidenceOf([epoch([0, 0])]), { source: 'live', stop: 'time' })).toMatchInlineSnapshot(`
      {
        "answer": "inconclusive",
        "falsePassBound": 1,
        "reasons": [
          {
            "args": {
              "interface": "fan0",
              "source": "live",
              "stop": {
                "flowsMax": 16777216,
                "reason": "time",
              },
              "why": {
                "filter": false,
                "kind": "untold",
                "noPromisc": false,
              },
            },
            "code": "no-traffic",
            "message": "no packet was captured on fan0; the run ended at --duration",
            "remedy": "look whether traffic arrives ("ip -s link show fan0")",
          },
        ],
      }
    `));

  test('no flows', () => {
    const evidence = evidenceOf([epoch([0, 0])]);
    const change = { packets: packets(evidence, { offered: 9, captured: 9, ignored: { 'ethertype 0x0806': 7, truncated: 2 } }) };
    expect(verdict(evidence, change)).toMatchInlineSnapshot(`
      {
        "answer": "inconclusive",
        "falsePassBound": 1,
        "reasons": [
          {
            "args": {
              "captured": 9,
              "ignored": [
                [
                  "ethertype 0x0806",
                  7,
                ],
                [
                  "truncated",
                  2,
                ],
              ],
            },
            "code": "no-flows",
            "message": "9 packets captured, but none belonged to a flow (ethertype 0x0806: 7, truncated: 2)",
            "remedy": "wait for TCP, UDP, SCTP, DCCP or ICMP echo traffic",
          },
        ],
      }
    `);
  });

  test('one direction only', () => {
    const flows = { total: 40, twoWay: 0, oneWay: 40, consistent: 0, split: 0, asymmetric: 0, duplicated: 0 };
    expect(verdict(evidenceOf([epoch([0, 0])], [], { flows, judgedPackets: 80 }), { source: 'live' })).toMatchInlineSnapshot(`
      {
        "answer": "inconclusive",
        "falsePassBound": 1,
        "reasons": [
          {
            "args": {
              "flows": 40,
              "ignoresOutgoing": false,
              "source": "live",
              "stop": {
                "flowsMax": 16777216,
                "reason": "end-of-traffic",
              },
            },
            "code": "no-two-way-flows",
            "message": "40 flows seen, none of them in both directions; the run ended when all traffic had been sent",
            "remedy": "see whether the mirror or tap delivers both directions to this interface, and whether routing is asymmetric",
          },
        ],
      }
    `);
  });

  test('too few flows, and how many would do', () => {
    expect(verdict(evidenceOf([epoch([7, 6])]))).toMatchInlineSnapshot(`
      {
        "answer": "inconclusive",
        "falsePassBound": 0.00013180105127658207,
        "reasons": [
          {
            "args": {
              "bound": 0.00013180105127658207,
              "flows": 13,
              "limit": 0.000001,
              "needed": 8,
              "stop": {
                "flowsMax": 16777216,
                "reason": "end-of-traffic",
              },
            },
            "code": "too-few-flows",
            "message": "13 consistent two-way flows: a group that scattered packets would pass with probability 1.3e-4, and the limit is 1e-6; the run ended when all traffic had been sent",
            "remedy": "let 8 more two-way flows pass, spread as those so far",
          },
        ],
      }
    `);
  });

  test.each([
    ['qm', /receive queue/],
    ['cpu', /CPU that receives/],
    ['rollover', /until its ring is full/],
    ['cbpf', /equal modulo 4/],
    ['hash', /without ports/],
  ] as const)('one member in mode %s', (mode, cause) => {
    const { answer, reasons } = verdict(evidenceOf([epoch([0, 90, 0, 0])]), { mode });
    expect([answer, reasons.length, reasons[0]?.code]).toEqual(['inconclusive', 1, 'one-member']);
    expect(reasons[0]?.message).toMatch(cause);
    expect(reasons[0]?.message).toContain('all 90 consistent two-way flows were on worker 1 of 4');
  });

  test.each(['qm', 'cpu'] as const)('one member in mode %s of the lab: it has no NIC, or one that leads all there', (mode) => {
    const evidence = evidenceOf([epoch([0, 90, 0, 0])]);
    const [bare] = verdict(evidence, { mode }).reasons;
    expect(bare?.message).toContain(`without a NIC the lab receives all on one ${mode === 'qm' ? 'queue' : 'CPU'}`);
    expect(bare?.remedy).toMatch(/^simulate a NIC: --nic queues=4, or/);
    const nic = { name: 'queues=1,rss=symmetric', queues: 1, isSymmetric: true, hashesPorts: true };
    const [behind] = verdict(evidence, { mode, source: 'pcap', nic }).reasons;
    expect(behind?.message).toContain('the simulated NIC (queues=1,rss=symmetric) chose only queues');
    expect(behind?.remedy).toContain('with more queues');
  });

  test('one member in mode hash: packets that this host sent with the tag in their bytes', () => {
    const stacks = [{ ...stackOf('vlan/ipv4/tcp', [90, 0]), kernelKeys: 1, sentTagged: 90 }];
    const evidence = evidenceOf([epoch([90, 0])], [], { stacks });
    const [, why] = verdict(evidence, { packets: packets(evidence, { outgoing: 400 }) }).reasons;
    expect(why?.code).toBe('no-spread');
    expect(why?.message).toContain('this host sent them with the VLAN tag in their bytes');
    expect(why?.remedy).toContain('on the VLAN device or the bridge');
  });

  test.each(['5.10.46', '5.10.0-8-amd64'])('on kernel %s it says by which model the kernel keys are', (kernel) => {
    const { warnings } = judge(evidenceOf([epoch([90, 90])]), factsOf(evidenceOf([epoch([90, 90])]), { kernel }));
    expect(warnings.find(({ code }) => code === 'older-hash')?.message).toContain('exchanges ports together with addresses');
  });

  test('of a kernel that was asked it says so, and nothing where it hashes as current ones do', () => {
    const said = (change: Partial<RunFacts>) => {
      const evidence = evidenceOf([epoch([90, 90])]);
      return judge(evidence, factsOf(evidence, change)).warnings.find(({ code }) => code === 'older-hash')?.message;
    };
    const kernel = '4.18.0-553.el8_10.x86_64';
    const askedDesign = { ...CURRENT_DESIGN, readsHsr: false };
    expect(said({ kernel })).toContain('exchanges ports together with addresses, ');
    expect(said({ kernel, askedDesign })).toMatch(/does not look behind tags of HSR and PRP, as it showed when it was asked;/);
    expect(said({ kernel, askedDesign: CURRENT_DESIGN })).toBeUndefined();
  });

  test.each(['6.1.20', '6.18.44', '5.18.1', 'custom'])('on kernel %s there is nothing to say of it', (kernel) => {
    const { warnings } = judge(evidenceOf([epoch([90, 90])]), factsOf(evidenceOf([epoch([90, 90])]), { kernel }));
    expect(warnings.filter(({ code }) => code === 'older-hash')).toEqual([]);
  });

  test('one member in mode hash, because the hash cannot spread any of it', () => {
    const stacks = [{ ...stackOf('mpls/ipv4/tcp', [90, 0]), kernelKeys: 1 }];
    const judgement = judge(evidenceOf([epoch([90, 0])], [], { stacks }), factsOf(evidenceOf([epoch([90, 0])])));
    expect(judgement.verdict.reasons).toMatchInlineSnapshot(`
      [
        {
          "args": {
            "flows": 90,
            "members": [
              0,
            ],
            "missing": 0,
            "procs": 2,
          },
          "code": "one-member",
          "message": "all 90 consistent two-way flows were on worker 0 of 2: nothing shows that the kernel could have split them",
        },
        {
          "args": {
            "kinds": [
              {
                "flows": 90,
                "kind": "label",
                "readers": [],
                "stacks": [
                  "mpls/ipv4/tcp",
                ],
              },
            ],
          },
          "code": "no-spread",
          "message": "90 flows (mpls/ipv4/tcp): mode hash gives all of a kind to one process, because the kernel's dissector stops at an MPLS label, before any address",
          "remedy": "steer by the innermost flow ("sudo fanout-cluster cure --hash" for HASH groups, as deep as their reader looks; "sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o" for Suricata; --mode ebpf --ebpf-program builtin:addresses to test it); or strip MPLS labels at the packet broker; where that cannot be done, expect one process to carry all of it",
        },
      ]
    `);
    expect(judgement.causes.map(({ code, flows, harmless }) => [code, flows, harmless])).toEqual([['no-spread', 90, true]]);
    expect(judgement.warnings).toEqual([]);
  });

  test('one member, of which the hash could have spread a part', () => {
    const stacks = [{ ...stackOf('mpls/ipv4/tcp', [90, 0]), kernelKeys: 1 }, stackOf('ipv4/tcp', [2, 0])];
    const { reasons } = verdict(evidenceOf([epoch([92, 0])], [], { stacks }));
    expect(reasons.map(({ code }) => code)).toEqual(['one-member', 'no-spread']);
    expect(reasons[0]?.message).toMatch(/without ports/);
  });

  test.each(['cbpf', 'ebpf'] as const)('mode %s without a program', (mode) => {
    const evidence = evidenceOf([epoch([90, 0, 0])]);
    const judgement = judge(evidence, factsOf(evidence, { mode, programMissing: true }));
    expect([judgement.verdict.answer, ...judgement.verdict.reasons.map(({ code }) => code)]).toEqual([
      'inconclusive',
      'one-member',
      'bpf-program-missing',
    ]);
    expect(judgement.verdict.reasons[0]?.message).toBe(
      'all 90 consistent two-way flows were on worker 0 of 3: nothing shows that the kernel could have split them',
    );
    expect(judgement.causes).toMatchObject([{ code: 'bpf-program-missing', flows: 90, harmless: true }]);
    expect(judgement.causes[0]?.message).toContain(`mode ${mode} has no program`);
  });

  test('one member, but so few flows that they may meet by chance', () => {
    expect(verdict(evidenceOf([epoch([3, 0])])).reasons[0]?.remedy).toMatch(/^let at least 17 more two-way flows pass/);
  });

  test('another member in each epoch is still one member at a time', () => {
    const { reasons } = verdict(evidenceOf([epoch([90, 0]), epoch([0, 90], 'link down')]));
    expect(reasons[0]?.message).toContain('on one worker at a time');
  });

  test('loss in the lab, however small', () => {
    expect(verdict(good, { packets: packets(good, { offered: 2881, dropped: 1 }) })).toMatchInlineSnapshot(`
      {
        "answer": "inconclusive",
        "falsePassBound": 5e-324,
        "reasons": [
          {
            "args": {
              "dropped": 1,
              "maxLossPercent": 1,
              "members": [],
              "seen": 2881,
              "source": "lab",
              "split": 0,
            },
            "code": "loss",
            "message": "full rings dropped 1 of 2,881 packets (0.035 %); the lab allows none. Drops split no flow, and none was split; but a lost packet may have been the one on another process",
            "remedy": "give each process a larger ring (--ring-size), send more slowly (--rate), or add processes",
          },
        ],
      }
    `);
  });

  test('live loss above the limit, rings and tables together', () => {
    const live: Partial<RunFacts> = { source: 'live', packets: livePackets(good, { captured: 2900, dropped: 15, overflowed: 20 }) };
    expect(codes(good, live)).toEqual(['inconclusive', 'loss', 'evidence-lost']);
    expect(codes(good, { ...live, maxLossPercent: 2 })).toEqual(['yes', 'proven']);
  });

  test.each([
    ['packets that vanished', { offered: 2890 }, '10 of 2,890 packets sent reached no process'],
    ['packets from nowhere', { offered: 2870 }, '10 more packets were captured than the 2,870 that were sent'],
    ['packets not accounted for', { captured: 2890, offered: 2890 }, 'add up to 2,880'],
  ])('%s', (_, change, message) => {
    const { answer, reasons } = verdict(good, { packets: packets(good, change) });
    expect([answer, reasons.length, reasons[0]?.code]).toEqual(['inconclusive', 1, 'accounting-mismatch']);
    expect(reasons[0]?.message).toContain(message);
  });

  test('packets that vanished with a process are named once', () => {
    const lost = [member(0, 6), member(1, 6, { end: 'signal SIGKILL' })];
    expect(codes(good, { packets: packets(good, { offered: 2890 }), members: lost })).toEqual(['inconclusive', 'lost-member']);
    expect(codes(good, { packets: packets(good, { offered: 2870 }), members: lost })).toContain('accounting-mismatch');
  });

  test('what the filter refused is accounted for', () => {
    expect(codes(good, { packets: packets(good, { offered: 2890 }), withheld: 10 })).toEqual(['yes', 'proven']);
  });

  test('a lost member', () => {
    const members = factsOf(good).members.with(3, member(3, 360, { end: 'killed by SIGKILL while capturing' }));
    expect(verdict(good, { members }).reasons).toMatchInlineSnapshot(`
      [
        {
          "args": {
            "lost": [
              {
                "end": "killed by SIGKILL while capturing",
                "index": 3,
                "pid": 4003,
              },
            ],
            "procs": 8,
          },
          "code": "lost-member",
          "message": "1 of 8 processes was lost: worker 3 (pid 4003): killed by SIGKILL while capturing",
          "remedy": "something killed it: usually the out-of-memory killer (see the kernel log); then use fewer --procs or a smaller --ring-size; what a lost process had captured last is unknown, so run again",
        },
      ]
    `);
  });

  test.each(['link-down', 'interface-removed'] as const)('%s comes before the lack of packets that it explains', (code) => {
    const disturbances = [finding(code, { interface: 'cap0' })];
    expect(codes(evidenceOf([epoch([0, 0])]), { disturbances })).toEqual(['inconclusive', code, 'no-traffic']);
    // Another program does not stop the traffic.
    expect(codes(evidenceOf([epoch([0, 0])]), { disturbances: [joined] })).toEqual(['inconclusive', 'no-traffic', 'foreign-member']);
  });

  test('rollovers that happened to split no flow', () => {
    const members = factsOf(good).members.with(3, member(3, 360, { rollover: { all: 4, huge: 0, failed: 0 } }));
    expect(codes(good, { members, flags: ['rollover'] })).toEqual(['inconclusive', 'rolled-over']);
  });

  test('drops, where they were, and that they split no flow', () => {
    const drops = [3, 0, 9, 1, 1, 1, 1, 0];
    const members = factsOf(good).members.map((one, i) => ({ ...one, drops: drops[i] ?? 0 }));
    const lossy = { members, packets: packets(good, { offered: 2896, dropped: 16 }) };
    expect(verdict(good, lossy).reasons.map(({ message }) => message)).toEqual([
      'full rings dropped 16 of 2,896 packets (0.55 %; 9 on worker 2, 3 on worker 0, 1 on worker 3, 1 on worker 4, 2 on 2 more); the lab allows none. Drops split no flow, and none was split; but a lost packet may have been the one on another process',
    ]);
  });
});

describe('rollover under load', () => {
  const rolled = group({ kind: 'split', oneKernelKey: true, flows: 7 });
  const parted = evidenceOf([epoch(even(8, 480))], [rolled]);
  const base = factsOf(parted).members;
  const drops = base.map((one, i) => ({ ...one, drops: i === 0 ? 5 : 0, rollover: { all: 6, huge: 2, failed: 5 } }));
  const lossy = packets(parted, { offered: parted.judgedPackets + 5, dropped: 5 });

  test('with the flag: the cause gives the counter, and that packets rolled over is not said again', () => {
    const { verdict: given, warnings } = judge(parted, factsOf(parted, { flags: ['rollover'], members: drops, packets: lossy }));
    expect([given.answer, ...given.reasons.map(({ code }) => code)]).toEqual(['no', 'rollover-under-load']);
    expect(given.reasons[0]?.message).toContain('passed 48 packets on');
    expect(warnings.map(({ code }) => code)).toEqual(['loss']);
    expect(warnings[0]?.message).toContain('Drops split no flow: those that were split are counted apart');
  });

  test('beside another cause it is said', () => {
    const fragments = evidenceOf([epoch(even(8, 480))], [group({ stack: 'ipv4/udp', fragments: 'in-reach', oneKernelKey: false })]);
    const { warnings } = judge(fragments, factsOf(fragments, { flags: ['rollover'], members: drops }));
    expect(warnings.map(({ code }) => code)).toContain('rolled-over');
  });

  test('the mode was tested where packets were on several members, else not', () => {
    const { verdict: given, warnings } = judge(parted, factsOf(parted, { mode: 'rollover' }));
    expect([given.answer, ...given.reasons.map(({ code }) => code)]).toEqual(['no', 'rollover-under-load']);
    expect(warnings).toEqual([]);
    const one = evidenceOf([epoch([480, 0, 0])]);
    const members = factsOf(one).members.map((each, i) => ({ ...each, packets: i === 0 ? 2880 : 0 }));
    expect(judge(one, factsOf(one, { mode: 'rollover', members })).warnings.map(({ code }) => code)).toEqual(['rollover-untested']);
  });
});

describe('stacks', () => {
  const answers = (evidence: Evidence, change: Partial<RunFacts> = {}) =>
    judge(evidence, factsOf(evidence, change)).stacks.map(({ stack, answer }) => `${stack}: ${answer}`);

  test('each by its own flows', () => {
    const broken = group({ stack: 'ipv4/udp', fragments: 'in-reach', oneKernelKey: false });
    const stacks = [
      stackOf('ipv4/tcp', even(8, 60)),
      stackOf('ipv4/udp', even(8, 9), [broken]),
      stackOf('ipv6/tcp', [1, 1]),
      stackOf('ipv4/icmp', [90, 0]),
    ];
    const evidence = evidenceOf([epoch(even(8, 60))], [broken], { stacks });
    expect(answers(evidence)).toEqual(['ipv4/tcp: yes', 'ipv4/udp: no', 'ipv6/tcp: inconclusive', 'ipv4/icmp: inconclusive']);
    expect(answers(evidence, { tolerated: ['fragment-v4'] })[1]).toBe('ipv4/udp: yes');
    expect(judge(evidence, factsOf(evidence)).warnings.map(({ code, message }) => [code, message])).toMatchInlineSnapshot(`
      [
        [
          "stack-on-one-member",
          "all 90 two-way flows of ipv4/icmp were on worker 0: this kind of traffic does not spread over the group",
        ],
      ]
    `);
  });

  test('a YES does not hide that a hash cannot spread one of them, and it is said once', () => {
    const stacks = [stackOf('ipv4/tcp', even(8, 60)), { ...stackOf('mpls/ipv4/tcp', [90, 0]), kernelKeys: 1 }];
    const evidence = evidenceOf([epoch(even(8, 60))], [], { stacks });
    const { verdict: result, causes, warnings } = judge(evidence, factsOf(evidence));
    expect([result.answer, ...result.reasons.map(({ code }) => code)]).toEqual(['yes', 'proven']);
    expect(causes.map(({ code, flows }) => [code, flows])).toEqual([['no-spread', 90]]);
    expect(warnings).toEqual([]);
    expect(answers(evidence)).toEqual(['ipv4/tcp: yes', 'mpls/ipv4/tcp: inconclusive']);
  });

  test('all on one member: said for the run, and not for each of them again', () => {
    const stacks = [stackOf('ipv4/tcp', [90, 0]), stackOf('ipv6/udp', [90, 0])];
    const evidence = evidenceOf([epoch([180, 0])], [], { stacks });
    expect(judge(evidence, factsOf(evidence, { mode: 'qm' })).warnings).toEqual([]);
  });

  test('no stack is better than the run it was seen in', () => {
    expect(answers(good, { packets: packets(good, { offered: 2881, dropped: 1 }) })).toEqual(['ipv4/tcp: inconclusive']);
  });

  test('shares added up over epochs prove nothing', () => {
    expect(answers(evidenceOf([epoch([90, 0]), epoch([0, 90], 'link down')]))).toEqual(['ipv4/tcp: inconclusive']);
  });
});

describe('a BPF flow dissector', () => {
  const warningsOf = (change: Partial<RunFacts>) =>
    judge(good, factsOf(good, change)).warnings.map(({ code, message }) => `${code}: ${message}`);
  const dissector = { kind: 'attached', programId: 12, namespace: 'own', isBuiltin: false } as const;

  test('makes a YES one about itself', () => {
    expect(warningsOf({ dissector })).toMatchInlineSnapshot(`
      [
        "bpf-flow-dissector: a BPF flow dissector (program id 12) is attached to this network namespace: mode hash covers what it reports, so this answer is about that program and not about the kernel's own hash",
      ]
    `);
  });

  test('is asked by mode hash alone', () => {
    expect(warningsOf({ dissector, mode: 'qm' })).toEqual([]);
  });

  test.each([{ kind: 'none', asked: 'own' }, { kind: 'unknown' }] as const)('%j is no warning', (state) => {
    expect(warningsOf({ dissector: state })).toEqual([]);
  });
});

describe('properties', () => {
  const spreads = fc
    .integer({ min: 1, max: 9 })
    .chain((procs) => fc.array(fc.array(fc.nat({ max: 80 }), { minLength: procs, maxLength: procs }), { minLength: 1, maxLength: 3 }));
  const traits = fc.record({
    kind: fc.constantFrom('split' as const, 'asymmetric' as const, 'duplicated' as const),
    stack: fc.constantFrom('ipv4/tcp', 'ipv6/udp', 'mpls/ipv4/tcp', 'arp'),
    oneKernelKey: fc.boolean(),
    staleIpv6: fc.boolean(),
    mixedWrappings: fc.boolean(),
    onOnePacket: fc.boolean(),
    topBitPair: fc.boolean(),
    labelOneWay: fc.boolean(),
    fragments: fc.constantFrom('none', 'in-reach', 'beyond-reach', 'ipv6'),
    wholeKeysDiffer: fc.boolean(),
    onlyIndexDiffers: fc.boolean(),
    sentTagged: fc.boolean(),
    tagsDiffer: fc.boolean(),
    flows: fc.integer({ min: 1, max: 50 }),
  });
  const runs = fc.record({
    spread: spreads,
    groups: fc.array(traits, { maxLength: 3 }),
    mode: fc.constantFrom(...FANOUT_MODE_NAMES),
    dropped: fc.nat({ max: 100 }),
    kernel: fc.constantFrom('4.4.1', '5.10.0', '6.18.44', 'odd'),
    tolerated: fc.subarray([...CAUSE_CODES]),
    source: fc.constantFrom('lab' as const, 'live' as const),
  });

  test('a YES has at least two members, no violation that counts, no loss in the lab and no chance', () => {
    fc.assert(
      fc.property(runs, ({ spread, groups, dropped, ...change }) => {
        const evidence = evidenceOf(
          spread.map((e) => epoch(e)),
          groups,
        );
        const base = factsOf(evidence);
        const facts = { ...base, ...change, packets: { ...base.packets, dropped, offered: evidence.judgedPackets + dropped } };
        const { verdict: result, causes } = judge(evidence, facts);
        expect(result.reasons.length).toBeGreaterThan(0);
        const counting = causes.filter((cause) => !cause.harmless && cause.tolerated !== true);
        // Live, one packet is no proof; it is a doubt.
        const proving = counting.filter(({ flows, isolated = 0 }) => flows > isolated);
        if (counting.length > 0)
          expect(result.answer).toBe(proving.length > 0 || ['lb', 'rnd'].includes(change.mode) ? result.answer : 'inconclusive');
        if (proving.length > 0) expect(result.answer).toBe('no');
        if (result.answer !== 'yes') return;
        expect(counting).toEqual([]);
        expect(spread.some((e) => e.filter((n) => n > 0).length >= 2)).toBe(true);
        expect(result.falsePassBound).toBeLessThanOrEqual(1e-6);
        expect(['lb', 'rnd']).not.toContain(change.mode);
        if (change.source === 'lab') expect(dropped).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });

  test('the order of evidence leaves no trace', () => {
    fc.assert(
      fc.property(runs, ({ spread, groups, dropped: _, ...change }) => {
        const evidence = evidenceOf(
          spread.map((e) => epoch(e)),
          groups,
        );
        const turned = { ...evidence, groups: [...evidence.groups].reverse(), stacks: [...evidence.stacks].reverse() };
        const [a, b] = [evidence, turned].map((e) => judge(e, { ...factsOf(e), ...change }));
        expect(b?.verdict).toEqual(a?.verdict);
        expect(b?.causes).toEqual(a?.causes);
      }),
    );
  });
});
