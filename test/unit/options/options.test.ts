import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FanoutError } from '../../../src/errors.ts';
import { parseCpuList } from '../../../src/model/cpu-list.ts';
import { availableBytes, hardLimit, type Machine, readMachine, softLimit } from '../../../src/options/machine.ts';
import { type Options, parseOptions } from '../../../src/options/options.ts';
import { OPTION_KEYS, OPTIONS, type RawOptions } from '../../../src/options/table.ts';
import { MACHINE } from '../../helpers/machine.ts';

const GIB = 2 ** 30;
const machine = {
  ...MACHINE,
  memAvailableBytes: 64 * GIB,
  onlineCpus: [0, 1, 2, 3],
  readText: (path: string) => {
    if (path === 'steer') return '1\n6 0 0 3\n';
    throw new Error(`ENOENT: no such file or directory, open '${path}'`);
  },
};

const parse = (raw: RawOptions, change: Partial<Machine> = {}) => parseOptions(raw, { ...machine, ...change });

describe('defaults', () => {
  test('of the lab', () =>
    expect(parse({})).toMatchInlineSnapshot(`
      {
        "failFast": false,
        "flags": [],
        "flowMemoryBytes": 2680160256,
        "force": false,
        "limits": {},
        "maxLossPercent": 1,
        "mode": "hash",
        "output": {
          "color": true,
          "json": {
            "kind": "none",
          },
          "quiet": false,
        },
        "pin": {
          "kind": "none",
        },
        "procs": 4,
        "ring": {
          "blockBytes": 131072,
          "blockCount": 32,
          "blockTimeoutMs": 10,
        },
        "seed": 77,
        "snaplenBytes": 192,
        "source": {
          "flows": 500,
          "injection": "auto",
          "kind": "lab",
          "packetsPerFlow": 6,
          "packetsPerSecond": 50000,
          "rounds": 1,
        },
        "statusIntervalMs": 1000,
        "tolerated": [],
        "workNs": 0,
        "workerFlowsMax": 524288,
        "workerTimeoutMs": 10000,
      }
    `));

  test('of live traffic', () => {
    const { source, limits } = parse({ interface: 'eth0' });
    expect({ source, limits }).toEqual({
      source: { kind: 'live', interface: 'eth0', promisc: true },
      limits: { twoWayFlows: 1000, durationMs: 60_000 },
    });
  });

  test('a group of one CPU still has two members', () => expect(parse({}, { onlineCpus: [0] }).procs).toBe(2));

  test('any limit replaces the default one', () => {
    expect(parse({ interface: 'eth0', duration: '5m' }).limits).toEqual({ durationMs: 300_000 });
    expect(parse({}).limits).toEqual({});
  });

  test('the defaults are in range on machines with large pages', () => expect(parse({}, { pageBytes: 65536 }).ring.blockCount).toBe(32));
});

const ACCEPTED: [name: string, raw: RawOptions, expected: (options: Options) => unknown, value: unknown][] = [
  ['one process', { procs: '1' }, (o) => o.procs, 1],
  ['more than a legacy group holds', { procs: '300' }, (o) => o.procs, 300],
  ['flags', { defrag: true, rollover: true, ignoreOutgoing: true }, (o) => o.flags, ['rollover', 'ignore-outgoing', 'defrag']],
  ['mode', { mode: 'qm' }, (o) => o.mode, 'qm'],
  ['the highest group id', { groupId: '65535' }, (o) => o.groupId, 65535],
  [
    'cbpf',
    { mode: 'cbpf', cbpfProgram: 'steer' },
    (o) => o.program,
    { kind: 'cbpf', file: 'steer', instructions: [{ code: 6, jt: 0, jf: 0, k: 3 }] },
  ],
  ['ebpf', { mode: 'ebpf', ebpfProgram: '/sys/fs/bpf/lb' }, (o) => o.program, { kind: 'ebpf', path: '/sys/fs/bpf/lb' }],
  ['cbpf without a program', { mode: 'cbpf', cbpfProgram: 'none' }, (o) => o.program, { kind: 'none' }],
  ['ebpf, and no program is named', { mode: 'ebpf' }, (o) => [o.program, o.builtin], [{ kind: 'ebpf', path: 'builtin' }, 'addresses']],
  ['the other policy', { mode: 'ebpf', ebpfProgram: 'builtin:ports' }, (o) => o.builtin, 'ports'],
  ['ebpf with a program of its own', { mode: 'ebpf', ebpfProgram: 'lb.o' }, (o) => o.builtin, undefined],
  ['ebpf without a program', { mode: 'ebpf', ebpfProgram: 'none' }, (o) => o.program, { kind: 'none' }],
  ['a file called none', { mode: 'ebpf', ebpfProgram: './none' }, (o) => o.program, { kind: 'ebpf', path: './none' }],
  [
    'ring',
    { ringSize: '1g', blockSize: '1M', blockTimeout: '100' },
    (o) => o.ring,
    { blockBytes: 1 << 20, blockCount: 1024, blockTimeoutMs: 100 },
  ],
  ['ring in bytes', { ringSize: '8192', blockSize: '4096' }, (o) => o.ring.blockCount, 2],
  ['no promisc', { interface: 'eth0', promisc: false }, (o) => o.source, { kind: 'live', interface: 'eth0', promisc: false }],
  ['pin', { pin: true }, (o) => o.pin, { kind: 'auto' }],
  ['pin auto', { pin: 'auto' }, (o) => o.pin, { kind: 'auto' }],
  ['pin list', { pin: '3,0-1' }, (o) => o.pin, { kind: 'list', cpus: [3, 0, 1] }],
  ['bare seconds', { duration: '90' }, (o) => o.limits.durationMs, 90_000],
  ['fractions of a second', { duration: '0.5' }, (o) => o.limits.durationMs, 500],
  ['milliseconds', { duration: '500ms' }, (o) => o.limits.durationMs, 500],
  ['hours', { duration: '2h' }, (o) => o.limits.durationMs, 7_200_000],
  ['memory for flows', { flowMemory: '512M' }, (o) => o.flowMemoryBytes, 2 ** 29],
  ['tolerate twice', { tolerate: ['fragment-v6', 'fragment-v4', 'fragment-v6'] }, (o) => o.tolerated, ['fragment-v6', 'fragment-v4']],
  ['max loss', { maxLoss: '0.25' }, (o) => o.maxLossPercent, 0.25],
  [
    'loop',
    { loop: true },
    (o) => o.source,
    { kind: 'lab', injection: 'auto', flows: 500, packetsPerFlow: 6, packetsPerSecond: 50000, rounds: 'endless' },
  ],
  ['json to standard output', { json: true }, (o) => o.output.json, { kind: 'stdout' }],
  ['json to a dash', { json: '-' }, (o) => o.output.json, { kind: 'stdout' }],
  ['json to a file', { json: 'run.json' }, (o) => o.output.json, { kind: 'file', path: 'run.json' }],
  ['seed', { seed: '0' }, (o) => o.seed, 0],
  ['seed of a live run', { seed: '5', interface: 'eth0' }, (o) => o.seed, 5],
];

test.each(ACCEPTED)('accepts %s', (_, raw, expected, value) => expect(expected(parse(raw))).toEqual(value));

const REFUSED: [code: string, raw: RawOptions, message: RegExp, change?: Partial<Machine>][] = [
  ...['0', '-1', '65537', '1e9', 'abc', '', ' 4', '4.5', '0x10', '99999999999999999999'].map((procs): [string, RawOptions, RegExp] => [
    'USAGE',
    { procs },
    /^--procs: ".*" is not a whole number from 1 to 65536$/,
  ]),
  ['USAGE', { mode: 'HASHES' }, /^--mode: "HASHES" is not one of hash, lb, cpu, rollover, rnd, qm, cbpf, ebpf$/],
  ['USAGE', { groupId: '0' }, /^--group-id/],
  ['USAGE', { groupId: '65536' }, /^--group-id/],
  ['USAGE', { snaplen: '63' }, /^--snaplen/],
  ['USAGE', { snaplen: '65536' }, /^--snaplen/],
  ['USAGE', { ringSize: '4T' }, /^--ring-size: "4T" is not a size from 4K to 4G/],
  ['USAGE', { ringSize: '8G' }, /^--ring-size/],
  ['USAGE', { blockSize: '5000' }, /^--block-size: "5000" is not a multiple of the page size \(4K\)/],
  ['USAGE', { blockSize: '1K' }, /^--block-size/],
  ['USAGE', { blockTimeout: '0' }, /^--block-timeout/],
  ['USAGE', { flowMemory: '4G' }, /^--flow-memory: "4G" is not a size from 1M to 2556M/],
  [
    'TOO_LARGE',
    { flowMemory: '1G', procs: '16', ringSize: '64M' },
    /^--flow-memory asks for 1024 MiB; beside rings and processes 896 MiB are available$/,
    { memAvailableBytes: 2 * GIB },
  ],
  ['USAGE', { duration: '0' }, /^--duration/],
  ['USAGE', { duration: '5d' }, /^--duration: "5d" is not a time from 1ms to 72h/],
  ['USAGE', { duration: '-5s' }, /^--duration/],
  ['USAGE', { duration: '73h' }, /^--duration/],
  ['USAGE', { statusInterval: '0' }, /^--status-interval/],
  ['USAGE', { workerTimeout: '1ms' }, /^--worker-timeout/],
  ['USAGE', { maxLoss: '101' }, /^--max-loss/],
  ['USAGE', { maxLoss: 'NaN' }, /^--max-loss/],
  ['USAGE', { maxFlows: '0' }, /^--max-flows/],
  ['USAGE', { maxPackets: '1e6' }, /^--max-packets/],
  ['USAGE', { workNs: '-1' }, /^--work-ns/],
  ['USAGE', { seed: '4294967296' }, /^--seed/],
  ['USAGE', { tolerate: ['fragments'] }, /^--tolerate: "fragments" is not one of hash-asymmetric, /],
  ['USAGE', { pin: '0-' }, /^--pin: "0-" is not "auto" or a list/],
  ['USAGE', { pin: '1,1' }, /^--pin/],
  ['USAGE', { pin: '0-9' }, /^--pin: CPU 4 is not online/],
  ['USAGE', { interface: '' }, /^--interface/],
  ['USAGE', { interface: '..' }, /^--interface/],
  ['USAGE', { interface: 'a/b' }, /^--interface/],
  ['USAGE', { interface: 'x'.repeat(128) }, /^--interface/],
  ['USAGE', { interface: 'eth0\u001b[2J' }, /^--interface/],
  ['USAGE', { labInterface: 'bridge' }, /^--lab-interface/],
  ['USAGE', { flows: '0' }, /^--flows/],
  ['USAGE', { json: '' }, /^--json/],
  ['USAGE', { mode: 'ebpf', ebpfProgram: '' }, /^--ebpf-program/],
  ['BAD_FILTER', { filter: ' ' }, /^--filter: the expression is empty$/],
  ['BAD_FILTER', { filter: 'tcp\0' }, /^--filter: the expression has a NUL in it$/],
  ['BAD_FILTER', { filter: 'a'.repeat(131_072) }, /^--filter: the expression has 131072 bytes, and 131071 are the most$/],
  ['BAD_PROGRAM', { mode: 'cbpf', cbpfProgram: 'nowhere' }, /^--cbpf-program: cannot read nowhere: ENOENT/],
  ['CONTRADICTORY_OPTIONS', { mode: 'rollover', rollover: true }, /the kernel refuses the pair/],
  ['CONTRADICTORY_OPTIONS', { mode: 'cbpf' }, /without a program: the kernel would send every packet to the first member/],
  ['CONTRADICTORY_OPTIONS', { cbpfProgram: 'none' }, /--cbpf-program has no effect in mode hash/],
  ['CONTRADICTORY_OPTIONS', { mode: 'ebpf', cbpfProgram: 'steer' }, /--cbpf-program has no effect in mode ebpf/],
  ['CONTRADICTORY_OPTIONS', { ebpfProgram: 'x' }, /--ebpf-program has no effect in mode hash/],
  ['CONTRADICTORY_OPTIONS', { ringSize: '5M', blockSize: '2M' }, /not two or more whole blocks/],
  ['CONTRADICTORY_OPTIONS', { ringSize: '128K' }, /not two or more whole blocks/],
  ['CONTRADICTORY_OPTIONS', { snaplen: '65535', blockSize: '64K' }, /no room for a packet/],
  ['CONTRADICTORY_OPTIONS', { promisc: true }, /is about a live interface/],
  ['CONTRADICTORY_OPTIONS', { loop: true, rounds: '2' }, /--loop sends for ever/],
  ...(['flows', 'packetsPerFlow', 'rate', 'rounds', 'labInterface'] as const).map((name): [string, RawOptions, RegExp] => [
    'CONTRADICTORY_OPTIONS',
    { interface: 'eth0', [name]: '2' },
    /shapes the traffic of the lab/,
  ]),
  ['CONTRADICTORY_OPTIONS', { interface: 'eth0', loop: true }, /^--loop shapes/],
  ['TOO_LARGE', { procs: '65536' }, /^65536 processes need 786432 MiB: rings of 4 MiB each, 262144 MiB together/],
  [
    'TOO_LARGE',
    { procs: '500' },
    /^500 processes need about 2040 file descriptors, and this process may have 2000$/,
    { memAvailableBytes: 1e15 },
  ],
  ['TOO_LARGE', { procs: '16', ringSize: '4G' }, /rings of 4096 MiB each, 65536 MiB together/],
  [
    'TOO_LARGE',
    { procs: '65536' },
    /^65536 processes have 327680 threads, and this host or user may have 32768$/,
    { memAvailableBytes: 1e15 },
  ],
  [
    'TOO_LARGE',
    { procs: '32' },
    /^32 processes need about 8 MiB each, and the collector 25 MiB: 281 MiB together; the memory control group leaves 200 MiB$/,
    { memChargeableBytes: 200 * 2 ** 20 },
  ],
  [
    'TOO_LARGE',
    { procs: '8' },
    /^8 processes and the collector need 48 more threads, and the control group allows 30 more \(pids.max\)$/,
    { tasksLeft: 30 },
  ],
];

test.each(REFUSED)('%s: %j', (code, raw, message, change) => {
  expect(() => parse(raw, change)).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message), remedy: expect.stringMatching(/\S/) }),
  );
});

test.each([
  [{ procs: '32' }, { memChargeableBytes: 200 * 2 ** 20 }],
  [{ procs: '8' }, { tasksLeft: 30 }],
])('a remedy with a number of processes is followed: %j, %j', (raw, change) => {
  const most = remedyOf(() => parse(raw, change)).match(/use --procs (\d+)/)?.[1] ?? '';
  expect(parse({ procs: most }, change).procs).toBe(Number(most));
  expect(() => parse({ procs: String(Number(most) + 2) }, change)).toThrow();
});

function remedyOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof FanoutError) return error.remedy;
  }
  throw new Error('it did not fail');
}

test('where not even one process fits, the remedy names none', () => {
  expect(() => parse({ procs: '2' }, { memChargeableBytes: 2 ** 20 })).toThrow(
    expect.objectContaining({ remedy: expect.stringMatching(/^raise its limit/) }),
  );
});

test('an interface as Zeek names it, and by a long alternative name', () => {
  const interfaceOf = (name: string) => parse({ interface: name }).source;
  expect(interfaceOf('af_packet::eth0')).toMatchObject({ interface: 'eth0' });
  expect(interfaceOf('a'.repeat(127))).toMatchObject({ interface: 'a'.repeat(127) });
});

test('any text in any option is a value or a FanoutError', () => {
  const names = [
    'interface',
    'procs',
    'mode',
    'groupId',
    'filter',
    'snaplen',
    'ringSize',
    'blockSize',
    'blockTimeout',
    'flowMemory',
    'pin',
    'maxFlows',
    'duration',
    'seed',
    'workNs',
    'maxLoss',
    'rate',
    'json',
    'cbpfProgram',
  ] as const;
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.integer().map(String),
    fc.constantFrom('4M', '10s', 'cbpf', 'steer', '1e9', '0', 'auto'),
  );
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(fc.constantFrom(...names), value), { selector: ([name]) => name, maxLength: 3 }), (entries) => {
      try {
        parse(Object.fromEntries(entries));
      } catch (error) {
        expect(error).toBeInstanceOf(FanoutError);
      }
    }),
    { numRuns: 2000 },
  );
});

describe('machine', () => {
  test('of this host, by what the kernel says', () => {
    const here = readMachine();
    expect(here.pageBytes % 4096).toBe(0);
    expect(here.memAvailableBytes).toBeGreaterThan(1 << 20);
    expect(here.memChargeableBytes).toBeGreaterThan(1 << 20);
    expect(here.tasksMax).toBeGreaterThan(100);
    expect(here.onlineCpus.length).toBeGreaterThan(0);
    expect(parseOptions({ procs: '2' }, here).procs).toBe(2);
    // An endless device is cut, not read for ever.
    expect(here.readText('/dev/zero', 10)).toBe('\0'.repeat(10));
  });

  test('limits of the process are read from their columns', () => {
    const limits =
      'Limit                     Soft Limit           Hard Limit           Units     \nMax processes             63000                127000               processes \nMax open files            1024                 unlimited            files     \n';
    expect(hardLimit(limits, 'Max processes')).toBe(127_000);
    expect(hardLimit(limits, 'Max open files')).toBe(Number.POSITIVE_INFINITY);
    expect(hardLimit('', 'Max open files')).toBe(Number.POSITIVE_INFINITY);
    expect([softLimit(limits, 'Max processes'), softLimit(limits, 'Max open files')]).toEqual([63_000, 1024]);
    expect(readMachine().descriptorsMax).toBeGreaterThan(10);
  });

  test('memory that is available, or where no file tells it, free', () => {
    const free = () => 77;
    expect(availableBytes('MemTotal: 9 kB\nMemAvailable:       5 kB\n', free)).toBe(5120);
    expect([availableBytes('MemTotal: 1 kB\n', free), availableBytes(undefined, free)]).toEqual([77, 77]);
  });

  test.each([
    ['0', [0]],
    ['0-3,8', [0, 1, 2, 3, 8]],
    ['3-1', undefined],
    ['', undefined],
    ['0,0', undefined],
    ['0-99999', undefined],
  ])('CPU list %j', (text, cpus) => expect(parseCpuList(text)).toEqual(cpus));

  test('the same CPUs named thousands of times are refused without a list of them', () => {
    expect(parseCpuList('0-8191')).toHaveLength(8192);
    const text = Array(3000).fill('0-8191').join(',');
    const begun = performance.now();
    expect(parseCpuList(text)).toBeUndefined();
    // A list of 24 million took two seconds.
    expect(performance.now() - begun).toBeLessThan(500);
  });
});

test('a default given in words is the default', () => {
  const texts = OPTION_KEYS.flatMap((key) => {
    const row = OPTIONS[key];
    return row.kind === 'value' && row.default !== undefined ? [[key, row.default]] : [];
  });
  expect(texts.length).toBeGreaterThan(10);
  expect(parse(Object.fromEntries(texts))).toEqual(parse({}));
});

describe('--traffic', () => {
  const traffic = (list: string) => {
    const { source } = parse({ traffic: list });
    return source.kind === 'lab' ? source.traffic : undefined;
  };

  test('classes, groups and globs, each class once, in the order of the list', () => {
    expect(traffic('stp,arp')).toEqual(['stp', 'arp']);
    expect(traffic('erspan2*,erspan')).toEqual(['erspan2-ipv4-tcp', 'erspan1-ipv4-tcp', 'erspan3-ipv4-udp']);
    expect(traffic('standard')).toHaveLength(23);
  });

  test('a list may name a class as often as it likes, but not hundreds of patterns, each of which is tried on all classes', () => {
    expect(traffic(Array(60_000).fill('arp').join(','))).toEqual(['arp']);
    const patterns = Array.from({ length: 257 }, (_, i) => `${'*'.repeat(i)}arp`);
    expect(traffic(patterns.slice(1).join(','))).toEqual(['arp']);
    expect(() => traffic(patterns.join(','))).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('257') }));
  });

  test('absent, nothing is chosen', () => {
    expect(parse({}).source).not.toHaveProperty('traffic');
  });

  test.each(['', 'arp,', 'arp,,stp', 'vxlan', 'list,arp', 'arp stp'])('%j is refused', (list) => {
    expect(() => traffic(list)).toThrow(expect.objectContaining({ code: 'USAGE', remedy: expect.stringContaining('--traffic list') }));
  });

  test('is of no use on a live interface', () => {
    expect(() => parse({ traffic: 'arp', interface: 'eth0' })).toThrow(expect.objectContaining({ code: 'CONTRADICTORY_OPTIONS' }));
  });
});

describe('how much the lab can send', () => {
  test.each([
    [{ packetsPerFlow: '1' }, 'USAGE'],
    [{ packetsPerFlow: '2', traffic: 'arp,duplicate' }, 'USAGE'],
    [{ flows: '1048577' }, 'USAGE'],
    [{ flows: '1000000', packetsPerFlow: '8' }, 'CONTRADICTORY_OPTIONS'],
  ])('%j is refused before anything starts', (raw, code) => {
    expect(() => parse(raw)).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    { packetsPerFlow: '2' },
    { packetsPerFlow: '3', traffic: 'duplicate' },
    { flows: '1048576' },
    { flows: '1000000', packetsPerFlow: '7' },
  ])('%j is not', (raw) => {
    expect(parse(raw).source).toMatchObject({ kind: 'lab' });
  });
});

describe('--pcap', () => {
  test('is the lab with the packets of a file', () => {
    expect(parse({ pcap: 'trace.pcapng', rounds: '3', rate: '1000', labInterface: 'veth' }).source).toEqual({
      kind: 'pcap',
      path: 'trace.pcapng',
      injection: 'veth',
      packetsPerSecond: 1000,
      rounds: 3,
    });
    expect(parse({ pcap: '-' }).source).toMatchObject({ kind: 'pcap', path: '-', rounds: 1, injection: 'auto' });
    expect(parse({ pcap: 'trace', loop: true }).limits).toEqual({});
  });

  test.each<[RawOptions, string]>([
    [{ interface: 'eth0' }, '--pcap shapes the traffic of the lab'],
    [{ traffic: 'arp' }, '--traffic shapes traffic that the lab makes up'],
    [{ flows: '5' }, '--flows'],
    [{ packetsPerFlow: '5' }, '--packets-per-flow'],
    [{ promisc: true }, '--promisc'],
    [{ loop: true, rounds: '2' }, '--loop'],
    [{ labInterface: 'veth', nic: 'queues=8' }, '--nic spreads packets over receive queues'],
    [{ pcap: '-', loop: true }, 'standard input can be read once'],
    [{ pcap: '-', rounds: '2' }, 'standard input can be read once'],
  ])('contradicts %j', (raw, message) => {
    expect(() => parse({ pcap: 'trace', ...raw })).toThrow(
      expect.objectContaining({ code: 'CONTRADICTORY_OPTIONS', message: expect.stringContaining(message) }),
    );
  });

  test('is sent in bursts and behind a NIC, if asked', () => {
    expect(parse({ pcap: 'trace', burst: '64', nic: 'queues=2' }).source).toMatchObject({ burst: 64, nic: { queues: 2 } });
    expect(parse({ burst: '1', nic: 'queues=2' }).source).toMatchObject({ kind: 'lab', burst: 1, nic: { queues: 2 } });
    for (const burst of ['0', '1000001', '1.5', '']) expect(() => parse({ burst })).toThrow(/--burst/);
    for (const raw of [{ burst: '2' }, { nic: 'queues=8' }])
      expect(() => parse({ interface: 'eth0', ...raw })).toThrow(expect.objectContaining({ code: 'CONTRADICTORY_OPTIONS' }));
    expect(() => parse({ nic: 'missing' })).toThrow(expect.objectContaining({ code: 'BAD_NIC' }));
  });

  test.each(['', 'a\0b'])('%j is no path', (pcap) => {
    expect(() => parse({ pcap })).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
