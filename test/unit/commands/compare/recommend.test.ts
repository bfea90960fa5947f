import { describe, expect, test } from 'vitest';
import { recommend } from '../../../../src/commands/compare/recommend.ts';
import { FANOUT_MODE_NAMES, type FanoutFlag, type FanoutMode } from '../../../../src/model/fanout.ts';
import type { Answer, RunResult } from '../../../../src/model/run-result.ts';
import { epoch, evidenceOf } from '../../../helpers/evidence.ts';
import { resultOf } from '../../../helpers/run-result.ts';

interface Outcome {
  readonly inversions?: number;
  readonly membersUsed?: number;
  readonly dropped?: number;
  readonly parted?: number;
  readonly reason?: string;
  readonly stack?: string;
}

function outcome(
  label: string,
  answer: Answer,
  { inversions = 0, membersUsed = 8, dropped = 0, parted = 0, reason = 'why', stack = 'ipv4/udp' }: Outcome = {},
) {
  const [mode, ...flags] = label.split('+');
  const whole = resultOf(evidenceOf([epoch([60, 60])]));
  return {
    ...whole,
    group: { mode: mode as FanoutMode, flags: flags as FanoutFlag[], id: 1, procs: 8 },
    verdict: { ...whole.verdict, answer, reasons: [{ code: reason, message: reason }] },
    balance: { membersUsed, maxOverMean: 1.2, topFlowShare: 0.01 },
    order: { ...whole.order, checked: 3000, inversions },
    packets: { ...whole.packets, dropped },
    flows: { ...whole.flows, total: 500, twoWay: 500, split: parted },
    stacks: whole.stacks.map((row) => ({ ...row, stack })),
  } satisfies RunResult;
}

const ALL = (runs: readonly RunResult[]) => ({ asked: runs.length, interrupted: false });
const choose = (...runs: RunResult[]) => recommend(runs, { procs: 8 }, ALL(runs));
const chosen = (...runs: RunResult[]) => {
  const { answer, group } = choose(...runs);
  return [answer, group === undefined ? undefined : [group.mode, ...group.flags].join('+')];
};
const codes = (...runs: RunResult[]) => choose(...runs).reasons.map(({ code }) => code);

describe('of modes that kept all flows', () => {
  test('the one that depends on least', () => {
    expect(chosen(outcome('qm', 'yes'), outcome('hash', 'yes'))).toEqual(['yes', 'hash']);
    expect(chosen(outcome('hash+rollover', 'yes'), outcome('hash', 'yes'))).toEqual(['yes', 'hash']);
    expect(chosen(outcome('cpu', 'yes'), outcome('qm', 'yes'), outcome('lb', 'no'))).toEqual(['yes', 'qm']);
  });

  test('order weighs more: hash behind several queues gives way to qm', () => {
    const runs = [outcome('hash', 'yes', { inversions: 12 }), outcome('qm', 'yes')];
    expect(chosen(...runs)).toEqual(['yes', 'qm']);
    expect(codes(...runs)).toEqual(['kept-all-flows', 'depends-on-nic']);
    expect(choose(...runs).reasons[0]?.message).toContain('packets came out of order in some of them');
  });

  test('one that is out of order is used if there is no other, and this is said', () => {
    expect(codes(outcome('hash', 'yes', { inversions: 12 }))).toEqual(['kept-all-flows', 'order-inverted', 'fragments-untested']);
  });

  test('what rolls over under load is the last choice, whatever it kept without', () => {
    expect(chosen(outcome('hash+rollover', 'yes'), outcome('qm', 'yes'))).toEqual(['yes', 'qm']);
    expect(chosen(outcome('hash+rollover', 'yes'), outcome('lb', 'no'))).toEqual(['yes', 'hash+rollover']);
  });

  test('processes that stay idle weigh more than simplicity', () => {
    expect(chosen(outcome('hash', 'yes', { membersUsed: 2 }), outcome('qm', 'yes'))).toEqual(['yes', 'qm']);
    expect(chosen(outcome('hash', 'yes', { membersUsed: 7 }), outcome('qm', 'yes'))).toEqual(['yes', 'hash']);
  });

  test('drops weigh more than simplicity', () => {
    expect(chosen(outcome('hash', 'yes', { dropped: 5 }), outcome('qm', 'yes'))).toEqual(['yes', 'qm']);
  });

  test('the lines to paste are of that mode; defrag comes with its danger', () => {
    const { lines, reasons } = choose(outcome('hash', 'no'), outcome('hash+defrag', 'yes'));
    expect(lines?.suricata).toContain('    defrag: yes');
    expect(lines?.zeek).toContain('af_packet_enable_defrag=T');
    expect(lines?.snort[0]).toContain('--daq-var fanout_type=hash --daq-var fanout_flag=defrag -i eth0 -z 8');
    expect(reasons.map(({ code }) => code)).toEqual(['kept-all-flows', 'one-defrag-group']);
  });
});

describe('the flag defrag, where both ways kept all flows', () => {
  const fragments = { stack: 'ipv4/frag/udp' };

  test('no fragment was seen: with the flag, because nothing speaks against it', () => {
    const runs = [outcome('hash', 'yes'), outcome('hash+defrag', 'yes')];
    expect(chosen(...runs)).toEqual(['yes', 'hash+defrag']);
    expect(choose(...runs).reasons[0]?.message).toContain('IPv4 fragments');
    expect(codes(...runs)).toEqual(['kept-all-flows', 'one-defrag-group']);
  });

  test('fragments were seen, and kept without it', () => {
    expect(chosen(outcome('hash', 'yes', fragments), outcome('hash+defrag', 'yes'))).toEqual(['yes', 'hash']);
  });

  test('fragments that the flag does not reach say nothing about it', () => {
    const inner = { stack: 'ipv4/gre/ipv4/frag/udp' };
    expect(chosen(outcome('hash', 'yes', inner), outcome('hash+defrag', 'yes', inner))).toEqual(['yes', 'hash+defrag']);
    expect(chosen(outcome('hash', 'yes', { stack: 'ipv6/frag/udp' }), outcome('hash+defrag', 'yes'))).toEqual(['yes', 'hash+defrag']);
  });

  test('it was not tested, and no fragment was seen: no line switches reassembly off', () => {
    const { lines } = choose(outcome('hash', 'yes'), outcome('lb', 'no'));
    expect(lines?.suricata.filter((line) => /^ *defrag:/.test(line))).toEqual([]);
    expect(lines?.suricata.join('\n')).toMatch(/# defrag: not set/);
    expect(lines?.zeek.filter((line) => line.startsWith('af_packet_enable_defrag'))).toEqual([]);
  });

  test('what was seen to work is what there is to paste', () => {
    const { lines } = choose(outcome('hash', 'yes', fragments));
    expect(lines?.suricata).toContain('    defrag: no');
    expect(lines?.zeek).toContain('af_packet_enable_defrag=F');
  });
});

test('every mode has a rank: none is best because it was forgotten', () => {
  for (const mode of FANOUT_MODE_NAMES.filter((name) => name !== 'hash'))
    expect(chosen(outcome(mode, 'yes'), outcome('hash', 'yes'))).toEqual(['yes', 'hash']);
  expect(choose(outcome('rnd', 'inconclusive', { reason: 'late' }), outcome('hash', 'inconclusive')).reasons.at(-1)?.code).toBe('why');
});

describe('ended by a signal before all modes had been tested', () => {
  const cutShort = (asked: number, ...runs: RunResult[]) => recommend(runs, { procs: 8 }, { asked, interrupted: true });

  test('no recommendation, nothing to paste, and no word about modes that never ran', () => {
    const { answer, group, lines, reasons } = cutShort(8, outcome('hash', 'yes'));
    expect([answer, group, lines]).toEqual(['inconclusive', undefined, undefined]);
    expect(reasons.map(({ code }) => code)).toEqual(['interrupted', 'kept-all-flows']);
    expect(reasons[1]?.message).toContain('of 1 mode tested, hash kept');
    expect(JSON.stringify(reasons)).not.toContain('no other');
  });

  test('no NO either: the mode that keeps all flows may be among the others', () => {
    const { answer, reasons } = cutShort(3, outcome('hash', 'no', { parted: 9 }));
    expect(answer).toBe('inconclusive');
    expect(reasons.map(({ code }) => code)).toEqual(['interrupted', 'nothing-shown']);
  });
});

describe('of none', () => {
  test('modes that may keep flows together parted some: NO, and the least harm, without lines to paste', () => {
    const runs = [
      outcome('hash', 'no', { parted: 9, reason: 'fragment-v4' }),
      outcome('hash+defrag', 'no', { parted: 3 }),
      outcome('lb', 'no'),
    ];
    expect(chosen(...runs)).toEqual(['no', 'hash+defrag']);
    expect(choose(...runs).lines).toBeUndefined();
  });

  test('a mode by hash may still be shown to be right: INCONCLUSIVE, with what would settle it', () => {
    const runs = [outcome('hash', 'inconclusive', { reason: 'loss' }), outcome('qm', 'no', { parted: 400 })];
    expect(chosen(...runs)).toEqual(['inconclusive', undefined]);
    expect(codes(...runs)).toEqual(['nothing-shown', 'loss']);
  });

  test('lb alone is no reason to say that no mode is safe', () => {
    expect(chosen(outcome('lb', 'no'))).toEqual(['inconclusive', undefined]);
    expect(chosen(outcome('lb', 'no'), outcome('qm', 'no', { parted: 4 }))).toEqual(['no', 'qm']);
  });
});

describe('lines to paste', () => {
  const linesFor = (run: RunResult) => recommend([run], { procs: 8, interface: 'ens1' }, ALL([run])).lines;
  const linesOf = (label: string, about: Outcome = {}) => linesFor(outcome(label, 'yes', about));

  test.each(['addresses', 'ports'] as const)('the built-in program, by its policy: %s', (builtin) => {
    const run = outcome('ebpf', 'yes');
    expect(linesFor({ ...run, group: { ...run.group, builtin } })).toEqual({
      suricata: [
        `# sudo fanout-cluster cure --ids suricata --write /etc/suricata/fanout-cluster.bpf.o --policy ${builtin}`,
        'af-packet:',
        '  - interface: ens1',
        '    threads: 8',
        '    cluster-id: 99',
        '    cluster-type: cluster_ebpf',
        '    ebpf-lb-file: /etc/suricata/fanout-cluster.bpf.o',
      ],
      zeek: [
        '[worker-1]',
        'type=worker',
        'host=localhost',
        'interface=ens1',
        'lb_method=af_packet',
        'lb_procs=8',
        'af_packet_fanout_id=23',
        'af_packet_fanout_mode=AF_Packet::FANOUT_EBPF',
        '# Zeek gives its group no program: after each start, sudo fanout-cluster cure --group 23 --ids zeek',
        '# or AF_Packet::FANOUT_HASH above, and once: sudo fanout-cluster cure --hash --ids zeek',
      ],
      snort: ['# once: sudo fanout-cluster cure --hash --ids snort', 'snort --daq afpacket --daq-var fanout_type=hash -i ens1 -z 8'],
    });
  });

  test('the flow dissector: the command for each, and the lines of mode hash', () => {
    const run = outcome('hash', 'yes');
    const dissected: RunResult = { ...run, group: { ...run.group, builtin: 'dissector' } };
    const { suricata, zeek, snort } = linesFor(dissected) ?? {};
    expect([suricata?.[0], zeek?.[0], snort?.[0]]).toEqual(
      ['suricata', 'zeek', 'snort'].map((ids) => `# once: sudo fanout-cluster cure --hash --ids ${ids}`),
    );
    expect(suricata).toContain('    cluster-type: cluster_flow');
    expect(zeek).toContain('af_packet_fanout_mode=AF_Packet::FANOUT_HASH');
    // It depends on a program, as the other does; fragments are where their flow is.
    const runs = [dissected, outcome('hash', 'yes'), outcome('hash+defrag', 'yes')];
    expect(recommend(runs, { procs: 8 }, ALL(runs)).group).toEqual({ mode: 'hash', flags: ['defrag'] });
    expect(recommend([dissected], { procs: 8 }, ALL([dissected])).reasons.map(({ code }) => code)).toEqual(['kept-all-flows']);
  });

  test('another program: where Suricata finds it, and nothing of what others cannot load', () => {
    const { suricata, zeek, snort } = linesOf('ebpf') ?? {};
    expect(suricata?.[0]).toBe(
      '# /etc/suricata/fanout-cluster.bpf.o: the program tested here, as an object file with a section "loadbalancer"',
    );
    expect(suricata).toContain('    cluster-type: cluster_ebpf');
    expect(zeek?.at(-1)).toMatch(/^# Zeek gives its group no program/);
    expect(snort).toEqual(['# Snort has no setting for ebpf']);
  });

  test('qm', () => {
    expect(linesOf('qm')).toEqual({
      suricata: ['af-packet:', '  - interface: ens1', '    threads: 8', '    cluster-id: 99', '    cluster-type: cluster_qm'],
      zeek: [
        '[worker-1]',
        'type=worker',
        'host=localhost',
        'interface=ens1',
        'lb_method=af_packet',
        'lb_procs=8',
        'af_packet_fanout_id=23',
        'af_packet_fanout_mode=AF_Packet::FANOUT_QM',
        '# af_packet_enable_defrag: not set, because this test saw no IPv4 fragment',
      ],
      snort: ['snort --daq afpacket --daq-var fanout_type=qm -i ens1 -z 8'],
    });
  });

  test('what an IDS has no setting for is said, not made up', () => {
    const { suricata, zeek, snort } = linesOf('hash+rollover') ?? {};
    expect(suricata).toEqual(['# Suricata has no setting for hash+rollover']);
    expect(zeek).toEqual(['# Zeek has no setting for hash+rollover']);
    expect(snort?.[0]).toContain('fanout_flag=rollover');
    expect(linesOf('cbpf')?.snort).toEqual(['# Snort has no setting for cbpf']);
    expect(linesOf('qm+defrag')?.suricata[0]).toContain('reassembles with cluster_flow only');
  });
});
