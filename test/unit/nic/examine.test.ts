/** What is found on NICs as their drivers answer, for every mode; and that what is not known is never counted as good. */
import { describe, expect, test } from 'vitest';
import { FANOUT_MODE_NAMES, type FanoutMode } from '../../../src/model/fanout.ts';
import { answerOf, examine, type Question } from '../../../src/nic/examine.ts';
import { HASHED_FLOWS, type NicFacts } from '../../../src/nic/facts.ts';
import type { NicFindingArgs } from '../../../src/nic/findings.ts';
import {
  evenly,
  hashedBy,
  MICROSOFT,
  NICS,
  NOTHING_TOLD,
  nic,
  rssOf,
  SYMMETRIC,
  sampled,
  symmetricNic,
  told,
  untold,
} from '../../helpers/nics.ts';

const judge = (facts: NicFacts, question: Partial<Question> = {}) => {
  const examined = examine(facts, { mode: 'hash', flags: [], ...question }, sampled(facts));
  return { ...examined, answer: answerOf(examined) };
};
const codes = (facts: NicFacts, question: Partial<Question> = {}) =>
  judge(facts, question).findings.map(({ code, severity }) => `${severity} ${code}`);
const decisive = (facts: NicFacts, question: Partial<Question> = {}) =>
  judge(facts, question)
    .unknowns.filter(({ isDecisive }) => isDecisive)
    .map(({ fact, because }) => `${fact} ${because.code}`);
const found = <Code extends keyof NicFindingArgs>(facts: NicFacts, code: Code, question: Partial<Question> = {}) =>
  judge(facts, question).findings.find((finding) => finding.code === code)?.args as NicFindingArgs[Code] | undefined;
const directions = (facts: NicFacts, question: Partial<Question> = {}) =>
  judge(facts, question).meetings.map((meeting) => meeting.directions.answer);

describe('a sensor as it should be', () => {
  test.each(['hash', 'qm', 'cpu'] as const)('mode %s: nothing to say', (mode) => {
    expect(judge(symmetricNic(), { mode, procs: 4 })).toMatchObject({ answer: 'ok', findings: [], unknowns: [] });
  });
});

describe('no fact is told', () => {
  test.each(FANOUT_MODE_NAMES)('mode %s is never said to be well', (mode) => {
    expect(judge(NOTHING_TOLD, { mode }).answer).toBe(['lb', 'rnd', 'rollover'].includes(mode) ? 'problem' : 'unknown');
  });

  /** Facts without which the answer of a mode would be a guess. */
  const NEEDED: Readonly<Partial<Record<FanoutMode, readonly (keyof NicFacts)[]>>> = {
    hash: ['flowDissector'],
    qm: ['kind', 'rss', 'hashFields', 'steeringRules', 'xdp'],
    cpu: ['kind', 'rss', 'hashFields', 'steeringRules', 'xdp', 'rps', 'threadedNapi'],
  };
  test.each(Object.entries(NEEDED).flatMap(([mode, facts]) => facts.map((fact) => [mode as FanoutMode, fact] as const)))(
    'mode %s, all but %s',
    (mode, fact) => {
      const hidden = fact === 'hashFields' ? { ...hashedBy('sdfn'), tcp6: untold() } : untold();
      expect(judge(symmetricNic({ [fact]: hidden }), { mode, procs: 4 }).answer).toBe('unknown');
    },
  );

  test.each(HASHED_FLOWS)('mode qm, the fields of %s', (flow) => {
    expect(decisive(symmetricNic({ hashFields: { ...hashedBy('sdfn'), [flow]: untold() } }), { mode: 'qm' })).toEqual([
      `hashFields.${flow} unread`,
    ]);
  });

  test('mode cpu, irqbalance, where interrupts may be moved', () => {
    const irqs = told([0, 1, 2, 3].map((queue) => ({ irq: queue, name: `eth0-TxRx-${queue}`, cpus: [0, 1], effective: [queue] })));
    expect(decisive(symmetricNic({ irqbalance: untold(), irqs }), { mode: 'cpu' })).toEqual(['irqbalance unread']);
    expect(decisive(symmetricNic({ irqbalance: untold() }), { mode: 'cpu' })).toEqual([]);
    expect(decisive(symmetricNic({ irqbalance: told(true), irqs: untold() }), { mode: 'cpu' })).toEqual(['irqs unread']);
  });

  test('mode cpu, which CPU serves an interrupt', () => {
    const irqs = told([0, 1, 2, 3].map((queue) => ({ irq: queue, name: `eth0-TxRx-${queue}`, cpus: [0, 1] })));
    expect(decisive(symmetricNic({ irqs }), { mode: 'cpu' })).toEqual(['irqs several-cpus']);
  });

  test('the CPU of queues that differ for each direction', () => {
    const irqs = told([0, 1, 2, 3].map((irq) => ({ irq, name: `vector ${irq}`, cpus: [irq] })));
    expect(judge(nic({ irqs }), { mode: 'cpu' })).toMatchObject({ answer: 'unknown', findings: [] });
    expect(decisive(nic({ irqs }), { mode: 'cpu' })).toEqual(['irqs cpu-of-queue']);
  });

  test.each(['cbpf', 'ebpf'] as const)('mode %s goes by its program', (mode) => {
    expect(decisive(symmetricNic(), { mode })).toEqual(['program steering-program']);
  });
});

describe('whether both directions meet', () => {
  const all = (answer: string) => HASHED_FLOWS.map(() => answer);
  test.each([
    ['an asymmetric key', nic(), all('apart')],
    ['a key that repeats', symmetricNic(), all('together')],
    ['a key that repeats, and no table', nic({ rss: rssOf({ key: SYMMETRIC, table: null }) }), all('together')],
    ['an asymmetric key, and no table', nic({ rss: rssOf({ table: null }) }), all('unknown')],
    ['no key', nic({ rss: rssOf({ key: null }) }), all('unknown')],
    ['no function', nic({ rss: rssOf({ hashFunction: null }) }), all('unknown')],
    ['another function', nic({ rss: rssOf({ hashFunction: 'crc32' }) }), all('unknown')],
    ['XOR of a driver of which nobody knows it', nic({ rss: rssOf({ hashFunction: 'xor' }) }), all('unknown')],
    ['a key that is too short', nic({ rss: rssOf({ key: '6d:5a:6d:5a' }) }), all('unknown')],
    ['one queue', nic({ queues: told({ used: 1, most: 8 }), rss: untold() }), all('together')],
    ['a table of one queue', nic({ rss: rssOf({ table: [2, 2, 2, 2] }) }), all('together')],
    ['a transform of a driver of which nobody knows it', nic({ rss: rssOf({ inputTransform: 'symmetric-xor' }) }), all('unknown')],
    ['one end of flows alone', nic({ hashFields: hashedBy('sdf') }), all('apart')],
    ['one end of flows, and a key that repeats', symmetricNic({ hashFields: hashedBy('s') }), all('apart')],
    ['other fields', symmetricNic({ hashFields: hashedBy('sdfnl') }), all('unknown')],
    ['a VLAN, which has one queue', symmetricNic({ kind: told('vlan'), queues: told({ used: 1, most: 1 }) }), all('unknown')],
    ['a veth device, which has one queue', symmetricNic({ kind: told('veth'), queues: told({ used: 1, most: 1 }) }), all('unknown')],
    ['a bridge', symmetricNic({ kind: told('bridge') }), all('unknown')],
    ['a veth pair', symmetricNic({ kind: told('veth') }), all('unknown')],
  ])('%s', (_, facts, expected) => {
    expect(directions(facts, { mode: 'qm' })).toEqual(expected);
  });

  /** Windows of 32 bits repeat after 4 bytes: enough for two IPv4 addresses, and for nothing else. */
  test('a key that is symmetric for IPv4 addresses alone', () => {
    const key = `${'aa:bb:cc:dd:'.repeat(3)}${MICROSOFT.slice(36)}`;
    const facts = nic({ rss: rssOf({ key }), hashFields: hashedBy('sdfn', 'sd') });
    expect(directions(facts, { mode: 'qm' })).toEqual(['apart', 'together', 'apart', 'apart']);
  });

  test('all queues come to one member', () => {
    const facts = nic({ rss: rssOf({ table: evenly(4).map((queue) => 2 * (queue % 2)) }) });
    expect(directions(facts, { mode: 'qm', procs: 2 })).toEqual(all('together'));
    expect(directions(facts, { mode: 'qm', procs: 3 })).toEqual(all('apart'));
  });

  test('one member gets everything', () => {
    expect(judge(nic(), { mode: 'qm', procs: 1 }).findings.map(({ code }) => code)).not.toContain('directions-apart');
  });

  test('all queues on one CPU', () => {
    const irqs = told([0, 1, 2, 3].map((queue) => ({ irq: 60 + queue, name: `eth0-TxRx-${queue}`, cpus: [0] })));
    expect(directions(nic({ irqs }), { mode: 'cpu' })).toEqual(all('together'));
    expect(codes(nic({ irqs }), { mode: 'cpu' })).toEqual(['warning queues-share-cpu']);
  });

  test('the share is counted', () => {
    const flows = found(nic(), 'directions-apart', { mode: 'qm' })?.flows ?? [];
    // Of four queues one is met by chance.
    for (const { share } of flows) expect((share?.apart ?? 0) / (share?.of ?? 1)).toBeGreaterThan(0.5);
    expect(flows.map(({ flow }) => flow)).toEqual([...HASHED_FLOWS]);
  });
});

describe('fragments', () => {
  test('leave the queue of their flow where ports are hashed', () => {
    expect(found(symmetricNic({ hashFields: hashedBy('sdfn') }), 'fragments-apart', { mode: 'qm' })?.flows).toMatchObject([
      { flow: 'udp4' },
      { flow: 'udp6' },
    ]);
    expect(codes(symmetricNic(), { mode: 'qm' })).toEqual([]);
  });
});

describe('RPS', () => {
  const rps = (masks: readonly (readonly number[])[]) => told(masks.map((rpsCpus, queue) => ({ queue, rpsCpus, flowCount: 0 })));
  const everywhere = rps([0, 1, 2, 3].map(() => [0, 1, 2, 3]));
  const features = (hashing: boolean) => told({ 'receive-hashing': hashing, 'ntuple-filters': true });

  test('by the asymmetric hash of a NIC', () => {
    const facts = nic({ rps: everywhere, backlogMax: told(10_000) });
    expect(codes(facts, { mode: 'cpu' })).toEqual(['problem directions-apart']);
    expect(codes(facts, { mode: 'hash' })).toEqual(['warning order-between-cpus']);
    expect(found(facts, 'directions-apart', { mode: 'cpu' })).toMatchObject({ by: 'rps' });
    const one = { queues: told({ used: 1, most: 1 }), rps: rps([[0, 1]]), backlogMax: told(10_000) };
    expect(codes(nic(one), { mode: 'cpu' })).toEqual(['problem directions-apart']);
    expect(found(nic({ ...one, rss: rssOf({ hashFunction: null }) }), 'directions-apart', { mode: 'cpu' })).toBeUndefined();
  });

  test('by the hash of the kernel, which takes flow labels', () => {
    const facts = nic({ rps: everywhere, features: features(false), backlogMax: told(10_000) });
    expect(directions(facts, { mode: 'cpu' })).toEqual(['together', 'together', 'unlabelled', 'unlabelled']);
    expect(codes(facts, { mode: 'cpu' })).toEqual(['warning fragments-apart', 'warning rps-flow-labels']);
  });

  test('other CPUs for each queue', () => {
    const facts = nic({ rps: rps([[0], [1], [2], [3]]), features: features(false), backlogMax: told(10_000) });
    expect(directions(facts, { mode: 'cpu' })).toEqual(['apart', 'apart', 'apart', 'apart']);
  });

  test('does not touch the queue', () => {
    expect(directions(symmetricNic({ rps: everywhere }), { mode: 'qm' })).toEqual(['together', 'together', 'together', 'together']);
  });

  test('needs a longer backlog', () => {
    expect(codes(symmetricNic({ rps: everywhere }), { mode: 'hash' })).toEqual(['warning backlog-small']);
  });
});

test('mode cpu: what moves flows to another CPU', () => {
  const facts = symmetricNic({
    threadedNapi: told(true),
    irqbalance: told(true),
    irqs: told([0, 1, 2, 3].map((queue) => ({ irq: 60 + queue, name: `eth0-TxRx-${queue}`, cpus: [0, 1, 2, 3], effective: [queue] }))),
    rfsEntries: told(32768),
    rps: told([0, 1, 2, 3].map((queue) => ({ queue, rpsCpus: [], flowCount: 4096 }))),
  });
  expect(codes(facts, { mode: 'cpu' })).toEqual(['problem irq-moves', 'problem threaded-napi', 'warning rfs']);
  expect(codes(facts, { mode: 'hash' })).toEqual(['warning irq-moves', 'warning rfs']);
});

test('mode qm: members without packets', () => {
  expect(found(symmetricNic(), 'members-beyond-queues', { mode: 'qm', procs: 6 })).toMatchObject({ queues: 4, procs: 6, most: 8 });
  expect(found(symmetricNic({ rss: rssOf({ key: SYMMETRIC, table: [0, 1, 3] }) }), 'queues-unused', { mode: 'qm' })?.unused).toEqual([2]);
  expect(codes(nic({ queues: told({ used: 1, most: 8 }) }), { mode: 'qm', procs: 4 })).toEqual(['warning one-queue']);
});

test('rules that steer are looked at by nobody', () => {
  const facts = symmetricNic({ steeringRules: told(2) });
  expect(codes(facts, { mode: 'qm' })).toEqual(['warning steering-rules']);
  expect(judge(facts, { mode: 'qm' }).answer).toBe('unknown');
  expect(judge(facts, { mode: 'hash' }).answer).toBe('ok');
});

test('rules that nobody can count decide, unless filters are off', () => {
  const features = (ntuple: boolean) => told({ 'receive-hashing': true, 'ntuple-filters': ntuple });
  const driver = told({ name: 'gve', version: '6.12.9', bus: '' });
  const answer = (ntuple: boolean) =>
    judge(symmetricNic({ driver, steeringRules: untold(), features: features(ntuple) }), { mode: 'qm' }).answer;
  expect([answer(true), answer(false)]).toEqual(['unknown', 'ok']);
});

test('a flow dissector', () => {
  const attached = (isBuiltin: boolean) => symmetricNic({ flowDissector: told({ programId: 7, isBuiltin }) });
  expect([codes(attached(true)), judge(attached(true)).answer]).toEqual([['note flow-dissector'], 'ok']);
  expect([codes(attached(false)), judge(attached(false)).answer]).toEqual([['warning flow-dissector'], 'unknown']);
  expect(judge(attached(false), { mode: 'qm' }).answer).toBe('ok');
});

test('losses', () => {
  const grown = (name: string) => symmetricNic({ losses: told({ before: { [name]: 3 }, after: { [name]: 10 }, ms: 1000 }) });
  expect(codes(grown('rx_missed_errors'))).toEqual(['problem nic-drops']);
  expect(codes(grown('rx_dropped'))).toEqual(['warning nic-drops']);
  const row = { cpu: 1, dropped: 0, squeezed: 0, rps: 0, flowLimited: 0 };
  const softnet = told({ before: [row], after: [{ ...row, dropped: 4 }], ms: 1000 });
  expect(codes(symmetricNic({ softnet }))).toEqual(['warning softnet-drops']);
  expect(codes(symmetricNic({ link: told({ isUp: false, hasCarrier: false, mtu: 1500, promiscuity: 0, isLoopback: false }) }))).toEqual([
    'problem link-down',
  ]);
});

test.each(Object.entries(NICS))('%s', (_, facts) => {
  const modes = (['hash', 'qm', 'cpu'] as const).map((mode) => {
    const { answer } = judge(facts, { mode, procs: 4 });
    return [mode, answer, ...codes(facts, { mode, procs: 4 }), ...decisive(facts, { mode, procs: 4 }).map((one) => `? ${one}`)].join(
      '\n  ',
    );
  });
  expect(modes.join('\n')).toMatchSnapshot();
});

test('mode cpu: CPUs that are those of no member', () => {
  const cpus = told({ online: [0, 1, 2, 3, 4, 5, 6, 7], isolated: [] });
  const irqs = told([0, 1, 2, 3].map((queue) => ({ irq: 60 + queue, name: `eth0-TxRx-${queue}`, cpus: [2 * queue] })));
  expect(found(symmetricNic({ cpus, irqs }), 'members-without-cpu', { mode: 'cpu', procs: 4 })).toEqual({
    members: [1, 3],
    cpus: [0, 2, 4, 6],
    procs: 4,
  });
  expect(codes(symmetricNic({ cpus, irqs }), { mode: 'cpu', procs: 3 })).toEqual([]);
});

test('mode qm: queues that the hash of ixgbe cannot choose', () => {
  const facts = symmetricNic({ queues: told({ used: 20, most: 63 }), rss: rssOf({ key: SYMMETRIC, table: evenly(16) }) });
  expect(found(facts, 'queues-unused', { mode: 'qm' })).toMatchObject({ unused: [16, 17, 18, 19], hashedMost: 16 });
});
