/** The survey, and what the kernel really does with every class, against the table of what was measured before. */
import { beforeAll, describe, expect, test } from 'vitest';
import { binomialSpread } from '../../src/collector/verdict/confidence.ts';
import type { MatrixCell, MatrixResult } from '../../src/commands/matrix/result.ts';
import { labelOf } from '../../src/model/fanout.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { type FlowTruth, generateTraffic } from '../../src/traffic/traffic.ts';
import { Whereabouts } from '../helpers/group.ts';
import { DUPLICATES, HASH_TABLE, type HashRow } from '../helpers/hash-table.ts';
import { flowIdOf, packetsOf, refuseHostNamespace, sendTo, withLab } from '../helpers/lab.ts';
import { runProgram } from '../helpers/programs.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { CLI, start } from '../helpers/tool.ts';
import { lookAt } from '../helpers/wire.ts';

const FLOWS = 96;
const PROCS = 8;

beforeAll(refuseHostNamespace);

interface Survey {
  readonly status: number | null;
  readonly ms: number;
  readonly matrix: MatrixResult;
}

async function survey(args: readonly string[], uid?: number): Promise<Survey> {
  const begun = performance.now();
  const identity = uid === undefined ? {} : { uid };
  const ended = await runProgram(process.execPath, [CLI, 'matrix', '--json', ...args], { env: { PATH: process.env['PATH'] }, ...identity });
  if (ended.stdout === '') throw new Error(`matrix ${args.join(' ')} exited with ${ended.code}: ${ended.stderr}`);
  return { status: ended.code, ms: performance.now() - begun, matrix: JSON.parse(ended.stdout) };
}

function cellIn({ cells }: MatrixResult, label: string, name: string): MatrixCell {
  const found = cells.find((cell) => cell.class === name && labelOf(cell) === label);
  if (found === undefined) throw new Error(`no cell for ${name} in mode ${label}`);
  return found;
}

const rows = HASH_TABLE.flatMap((row) => row.classes.map((name) => ({ ...row, name })));
const flowless = rows.filter((row) => row.flowless).map(({ name }) => name);
const all = TRAFFIC_CLASSES.map(({ name }) => name);

/** Of a fair draw among 8 members, 12 of 96 flows stay together; flows that share a host pair share that luck. */
const PARTED_LEAST = 48;

/** What the table says of a cell; for a flow that is split no more than that many more are than chance would leave together. */
function expectCell(cell: MatrixCell, row: HashRow, isReassembled: boolean): void {
  const parted = cell.split + cell.asymmetric + cell.duplicated;
  expect(cell.flows).toBe(row.flowless ? 0 : FLOWS);
  if (row.spread === 'nothing')
    expect(cell).toMatchObject({ answer: 'inconclusive', outcome: 'one-member', membersUsed: 1, cause: 'no-spread' });
  else if (row.flowless) expect(cell).toMatchObject({ answer: 'inconclusive', outcome: 'no-flows' });
  else if (row.together === 'yes' || (isReassembled && row.defrag === 'yes')) {
    expect(cell).toMatchObject({ answer: 'yes', outcome: 'kept', split: 0, asymmetric: 0, duplicated: 0 });
    expect(cell.cause).toBe(row.defrag === 'yes' ? undefined : row.cause);
  } else {
    const harmless = { answer: 'inconclusive', outcome: 'apart' };
    expect(cell).toMatchObject({ ...(row.together === 'no' ? { answer: 'no', outcome: 'split' } : harmless), cause: row.cause });
    expect(parted).toBeGreaterThan(PARTED_LEAST);
    expect(parted).toBeLessThanOrEqual(FLOWS);
  }
  if (row.spread !== 'nothing') expect(cell.membersUsed).toBeGreaterThanOrEqual(4);
}

/** Each keeps every flow together, whatever wraps it. */
const BUILTIN_COLUMNS = ['hash+dissector', 'ebpf:addresses', 'ebpf:ports'];

/** Frames without IP have two stations in common, but for those that ask everyone or are sent by many. */
const TO_MANY = ['no-transport-ipv4', 'arp'];

function expectNothingSplit(matrix: MatrixResult, label: string, procs: number): void {
  for (const name of all) {
    const cell = cellIn(matrix, label, name);
    expect(cell).toMatchObject({ split: 0, asymmetric: 0, duplicated: 0 });
    // Mode hash has a name for it.
    expect(cell.cause).toBe(cell.mode === 'hash' && cell.outcome === 'one-member' ? 'no-spread' : undefined);
    if (!flowless.includes(name)) expect(cell).toMatchObject({ answer: 'yes', outcome: 'kept', flows: FLOWS });
    else expect(cell).toMatchObject({ outcome: TO_MANY.includes(name) ? 'no-flows' : 'one-member', flows: 0 });
    if (cell.outcome === 'kept') expect(cell.membersUsed).toBeGreaterThanOrEqual(Math.min(procs, 4));
  }
}

describe('the built-in programs over every class, in groups of other sizes', () => {
  for (const [procs, seed] of [
    [2, 2],
    [7, 3],
    [16, 4],
  ] as const)
    testWith([root()], `${procs} processes, seed ${seed}`, {}, async () => {
      const { status, matrix } = await survey(['--modes', BUILTIN_COLUMNS.join(','), '--seed', `${seed}`, '-n', `${procs}`]);
      expect(status).toBe(0);
      for (const label of BUILTIN_COLUMNS) expectNothingSplit(matrix, label, procs);
    });
});

describe('the survey of every class in every mode, by way of a TAP', () => {
  let made: Survey;
  const requirements = [root()];
  const isPossible = requirements.every((requirement) => requirement === undefined);
  beforeAll(async () => {
    if (isPossible) made = await survey(['--seed', '1', '--flows', String(FLOWS), '-n', String(PROCS)]);
  });

  testWith(requirements, 'is measured in less than a minute, nothing of it in doubt', {}, async () => {
    const { status, ms, matrix } = made;
    expect(status).toBe(0);
    expect(ms).toBeLessThan(60_000);
    expect(matrix.runs.map(labelOf)).toEqual([
      'hash',
      'hash+defrag',
      'hash+dissector',
      'ebpf:addresses',
      'ebpf:ports',
      'lb',
      'cpu',
      'rollover',
      'rnd',
      'qm',
    ]);
    expect(matrix.leftOut).toEqual([]);
    expect(matrix.cells.length).toBe(10 * all.length);
    expect(all.length).toBeGreaterThan(40);
    for (const { packets, doubts, flags } of matrix.runs) {
      expect(doubts).toEqual([]);
      expect(packets).toMatchObject({ offered: 8 * FLOWS * all.length, dropped: 0, overflowed: 0, outgoing: 0 });
      if (!flags.includes('defrag')) expect(packets?.captured).toBe(packets?.offered);
      // Not even a packet that was sent a little too early.
      expect(packets?.ignored).not.toHaveProperty('before-start');
    }
    expect(matrix.cells.filter(({ outcome }) => outcome === 'doubtful' || outcome === 'few-flows')).toEqual([]);
  });

  testWith(requirements, 'is a document as promised', {}, async () => {
    const { schema, tool, host, source, startedAt, cells } = made.matrix;
    expect({ schema, source }).toMatchObject({ schema: 'fanout-cluster/matrix@1', source: { kind: 'lab', seed: 1, injection: 'tap' } });
    expect([typeof tool.version, typeof host.kernel, typeof host.cpus]).toEqual(['string', 'string', 'number']);
    expect(Number.isNaN(Date.parse(startedAt))).toBe(false);
    const required = ['class', 'mode', 'flags', 'answer', 'flows', 'split', 'asymmetric', 'membersUsed'];
    for (const cell of cells) expect(Object.keys(cell)).toEqual(expect.arrayContaining(required));
    expect(new Set(cells.map((cell) => cell.answer))).toEqual(new Set(['yes', 'no', 'inconclusive']));
  });

  for (const [label, isReassembled] of [
    ['hash', false],
    ['hash+defrag', true],
  ] as const)
    for (const row of HASH_TABLE)
      testWith(requirements, `${label}: ${row.traffic}`, {}, async () => {
        for (const name of row.classes) expectCell(cellIn(made.matrix, label, name), row, isReassembled);
      });

  for (const label of BUILTIN_COLUMNS)
    testWith(requirements, `${label}: nothing is split, and all but frames without IP is shared out`, {}, async () => {
      expectNothingSplit(made.matrix, label, PROCS);
    });

  testWith(requirements, 'packets seen twice, alike to the hash or not', {}, async () => {
    const [unlike, alike] = DUPLICATES;
    expect(cellIn(made.matrix, 'hash', unlike)).toMatchObject({ answer: 'no', outcome: 'duplicated', cause: 'duplicated', flows: FLOWS });
    expect(cellIn(made.matrix, 'hash', alike)).toMatchObject({ answer: 'yes', flows: FLOWS });
  });

  testWith(requirements, 'lb: every flow is split by design, and turns are even to a packet', {}, async () => {
    const counts = made.matrix.runs.find(({ mode }) => mode === 'lb')?.packetsByMember ?? [];
    expect(counts).toHaveLength(PROCS);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    for (const name of all) {
      const cell = cellIn(made.matrix, 'lb', name);
      if (flowless.includes(name)) expect(cell).toMatchObject({ outcome: 'no-flows', membersUsed: PROCS });
      else {
        expect(cell).toMatchObject({ answer: 'no', cause: 'lb-by-design', membersUsed: PROCS });
        expect(cell.split + cell.asymmetric + cell.duplicated).toBeGreaterThan(FLOWS - 4);
      }
    }
  });

  testWith(requirements, 'rnd: split by design, and the dice are fair', {}, async () => {
    const counts = made.matrix.runs.find(({ mode }) => mode === 'rnd')?.packetsByMember ?? [];
    expect(binomialSpread(counts).probability).toBeGreaterThan(1e-6);
    for (const name of all) {
      const cell = cellIn(made.matrix, 'rnd', name);
      if (flowless.includes(name)) expect(cell).toMatchObject({ outcome: 'no-flows', membersUsed: PROCS });
      else {
        expect(cell).toMatchObject({ answer: 'no', cause: 'rnd-by-design', membersUsed: PROCS });
        expect(cell.split + cell.asymmetric + cell.duplicated).toBeGreaterThan(FLOWS - 4);
      }
    }
  });

  testWith(requirements, 'cpu, where one CPU receives, and rollover, where no ring is full: one member', {}, async () => {
    for (const mode of ['cpu', 'rollover'] as const) {
      const counts = made.matrix.runs.find((run) => run.mode === mode)?.packetsByMember ?? [];
      expect(counts.filter((count) => count > 0)).toHaveLength(1);
      for (const name of all)
        expect(cellIn(made.matrix, mode, name)).toMatchObject({ answer: 'inconclusive', outcome: 'one-member', membersUsed: 1 });
    }
  });

  testWith(requirements, 'qm, where a flow has one queue: kept, and shared out', {}, async () => {
    for (const name of all) {
      const cell = cellIn(made.matrix, 'qm', name);
      expect(cell).toMatchObject(flowless.includes(name) ? { outcome: 'no-flows' } : { answer: 'yes', outcome: 'kept' });
      expect(cell.membersUsed).toBe(PROCS);
    }
  });
});

describe('spread', () => {
  interface Places {
    readonly flow: FlowTruth;
    readonly members: ReadonlySet<number>;
    readonly inner: string;
    readonly outer: string;
  }

  const pair = ({ src, dst }: { readonly src: string; readonly dst: string }) => [src, dst].sort().join(' ');

  /** Where each flow of every class is, and between which addresses. */
  async function placesOf(classes: readonly string[]): Promise<ReadonlyMap<string, readonly Places[]>> {
    const traffic = generateTraffic({ seed: 2, classes, flows: FLOWS * classes.length, packetsPerFlow: 4 });
    const [seen] = await withLab('veth', 1, (lab) => sendTo(lab, traffic, [{ procs: PROCS, mode: 'hash' }], { packetsPerSecond: 40_000 }));
    if (seen === undefined) throw new Error('nothing seen');
    const whereabouts = new Whereabouts(seen);
    const first = new Map(packetsOf(traffic).map(({ flow, frame }) => [flow.id, lookAt(frame)]));
    const places = new Map<string, Places[]>();
    for (const flow of traffic.flows) {
      const look = first.get(flow.id);
      if (look === undefined) throw new Error(`flow ${flow.id} was not sent`);
      const members = new Set((['forward', 'reverse'] as const).flatMap((way) => [...whereabouts.of(flowIdOf(flow), way).keys()]));
      places.set(flow.class, [...(places.get(flow.class) ?? []), { flow, members, inner: pair(look), outer: pair(look.outer) }]);
    }
    return places;
  }

  const flowing = rows.filter((row) => !row.flowless && row.together === 'yes');
  let places: ReadonlyMap<string, readonly Places[]>;
  beforeAll(async () => {
    places = await placesOf(flowing.map(({ name }) => name));
  });

  /** The members of all flows that have the same addresses. */
  function membersBy(name: string, key: 'inner' | 'outer'): readonly ReadonlySet<number>[] {
    const groups = new Map<string, Set<number>>();
    for (const place of places.get(name) ?? []) {
      const group = groups.get(place[key]) ?? new Set();
      groups.set(place[key], group);
      for (const member of place.members) group.add(member);
    }
    return [...groups.values()];
  }

  test.each(flowing.map((row) => [row.name, row.spread] as const))('%s: by %s', (name, spread) => {
    const flows = places.get(name) ?? [];
    expect(flows).toHaveLength(FLOWS);
    expect(flows.filter(({ members }) => members.size !== 1)).toEqual([]);
    const used = new Set(flows.flatMap(({ members }) => [...members])).size;
    if (spread === 'nothing') return expect(used).toBe(1);
    expect(used).toBeGreaterThanOrEqual(4);
    const groups = membersBy(name, spread === 'tunnel ends' ? 'outer' : 'inner');
    const several = groups.filter(({ size }) => size > 1).length;
    // Four flows of one pair of hosts differ in a port: on one member by chance in one of 512 pairs.
    if (spread === 'ports' && groups.length < FLOWS) expect(several).toBeGreaterThan(groups.length / 2);
    else if (spread !== 'ports') expect(several).toBe(0);
  });
});

describe('elsewhere', () => {
  test('by way of a veth pair, as an ordinary user: the same of the hash, and one queue', async () => {
    const nobody = 65534;
    const { status, matrix } = await survey(['--modes', 'hash,qm', '--classes', 'ipv4-tcp,vxlan-ipv4-tcp,arp'], nobody);
    expect([status, matrix.source.injection]).toEqual([0, 'veth']);
    expect(matrix.cells.map(({ outcome }) => outcome)).toEqual(['kept', 'one-member', 'split', 'one-member', 'one-member', 'one-member']);
  });

  test('without the right to load programs: the other modes are surveyed, and these named', async () => {
    const { status, matrix } = await survey(['--classes', 'ipv4-tcp'], 65534);
    expect(status).toBe(0);
    expect(matrix.leftOut.map((group) => `${labelOf(group)} ${group.reason.code}`)).toEqual([
      'hash+dissector PROGRAM_REFUSED',
      'ebpf:addresses PROGRAM_REFUSED',
      'ebpf:ports PROGRAM_REFUSED',
    ]);
    expect(matrix.runs).toHaveLength(7);
  });

  test('where they were asked for, that is not all that was to be measured', async () => {
    const { status, matrix } = await survey(['--classes', 'ipv4-tcp', '--modes', 'ebpf,hash'], 65534);
    expect(status).toBe(3);
    expect(matrix.cells.map((cell) => `${labelOf(cell)} ${cell.outcome}`)).toEqual(['ebpf:addresses not-run', 'hash kept']);
    expect(matrix.runs[0]?.doubts.map(({ code }) => code)).toEqual(['PROGRAM_REFUSED']);
    await expect(survey(['--classes', 'ipv4-tcp', '--modes', 'ebpf'], 65534)).rejects.toThrow(/exited with 4: .*PROGRAM_REFUSED/s);
  });

  test('flags are those of the group: rollover that never happens, reassembly in another mode', async () => {
    const { status, matrix } = await survey(['--modes', 'hash+rollover+defrag,lb+defrag', '--classes', 'ipv4-udp,fragment-ipv4-udp']);
    expect(status).toBe(0);
    expect(matrix.cells.map(({ flags, answer }) => [...flags, answer])).toEqual([
      ['rollover', 'defrag', 'yes'],
      ['defrag', 'no'],
      ['rollover', 'defrag', 'yes'],
      ['defrag', 'no'],
    ]);
  });

  test('Ctrl-C leaves what was measured, and says what was not', async () => {
    const running = start(['matrix', '--classes', 'plain', '--json']);
    await running.said(/measuring lb/);
    running.child.kill('SIGINT');
    const { status, stdout } = await running.ended;
    expect(status).toBe(3);
    const matrix: MatrixResult = JSON.parse(stdout);
    expect(matrix.cells).toHaveLength(10 * 14);
    expect(matrix.cells.filter(({ mode, answer }) => mode === 'hash' && answer !== 'yes')).toEqual([]);
    const later = matrix.cells.filter(({ mode }) => ['cpu', 'rollover', 'rnd', 'qm'].includes(mode));
    expect(new Set(later.map(({ answer, reason }) => `${answer} ${reason}`))).toEqual(new Set(['inconclusive interrupted']));
    expect(later.filter(({ outcome }) => outcome !== 'not-run')).toEqual([]);
    for (const { doubts } of matrix.runs.slice(5)) expect(doubts).not.toEqual([]);
  });
});
