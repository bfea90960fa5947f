/**
 * The options of all commands, a row each. From it come what the command line takes (commander), --help, defaults, ranges, the types of what
 * was typed and of what it means, and the grammar of the fuzzer. A command lists the keys of its options (see OptionSet).
 */
import { IDS_NAMES } from '../deployment/depth.ts';
import { KINDS } from '../deployment/reading.ts';
import { CAUSE_CODES } from '../model/cause.ts';
import { FANOUT_MODE_NAMES, fanoutModeCalled, MEMBERS_MAX } from '../model/fanout.ts';
import { FLOW_MEMORY_MAX, FLOW_MEMORY_MIN, RUN_MS_MAX } from '../model/run-limits.ts';
import { POLICIES } from '../model/steering.ts';
import { FLOWS_MAX } from '../traffic/limits.ts';
import {
  parseCbpfProgram,
  parseClasses,
  parseEbpfProgram,
  parseFilter,
  parseIds,
  parseInterface,
  parseJsonOutput,
  parseKernel,
  parseLayers,
  parsePath,
  parsePin,
  parseRunningGroup,
  parseVersion,
} from './arguments.ts';
import { type Machine, SEED_MAX } from './machine.ts';
import { NIC_EXAMPLE, parseNic } from './nic.ts';
import { parseSteerings } from './steerings.ts';
import { byteSize, decimal, duration, oneOf, type Range, sizeText, wholeNumber } from './values.ts';

/** Headings of --help, in this order. */
export const SECTIONS = {
  own: 'Options:',
  group: 'The group under test:',
  deployment: 'A deployment (of Suricata, Zeek, Snort, Arkime, ...):',
  stop: 'When to stop (at the first limit reached):',
  capture: 'Capture:',
  lab: 'The lab:',
  report: 'Verdict and report:',
} as const;
export type Section = keyof typeof SECTIONS;

interface Described {
  readonly section: Section;
  /** What it means, without the default. */
  readonly help: string;
  /** What holds where it is not given, in words. */
  readonly otherwise?: string;
}

/** Present or not. */
interface FlagRow extends Described {
  readonly kind: 'flag';
  /** As typed, such as "--defrag" or "--no-color". */
  readonly flags: string;
  /** What --no-... means, for an option that has both. */
  readonly negated?: string;
  /** Where neither is given. */
  readonly default: boolean;
}

type Parse<Typed, Value> = (typed: Typed, option: string, machine: Machine) => Value;

/** With a value; of several on one command line the last one counts. */
interface ValueRow<Value, Default extends string | undefined> extends Described {
  readonly kind: 'value';
  readonly flags: string;
  readonly default: Default;
  readonly parse: Parse<string, Value>;
  /** Values that fit, for completions and for the fuzzer. */
  readonly fitting: readonly string[];
}

/** With a value or without. */
interface OptionalRow<Value> extends Described {
  readonly kind: 'optional';
  readonly flags: string;
  readonly parse: Parse<string | boolean | undefined, Value>;
  readonly fitting: readonly string[];
}

/** May be given several times. */
interface ListRow<Value> extends Described {
  readonly kind: 'list';
  readonly flags: string;
  readonly parse: Parse<string, Value>;
  readonly fitting: readonly string[];
}

type Row = FlagRow | ValueRow<unknown, string | undefined> | OptionalRow<unknown> | ListRow<unknown>;

function flag(
  flags: string,
  section: Section,
  help: string,
  rest: Pick<FlagRow, 'negated' | 'otherwise'> & { readonly default?: boolean } = {},
): FlagRow {
  return { kind: 'flag', flags, section, help, default: false, ...rest };
}

interface ValueRest<Value, Default> {
  readonly parse: Parse<string, Value>;
  readonly fitting: readonly string[];
  readonly default?: Default;
  readonly otherwise?: string;
}

function value<Value, const Default extends string | undefined = undefined>(
  flags: string,
  section: Section,
  help: string,
  rest: ValueRest<Value, Default>,
): ValueRow<Value, Default> {
  return { kind: 'value', flags, section, help, ...rest, default: rest.default as Default };
}

/** The few kinds of value that most options have: a range says the most about each. */
const number =
  (range: Range): Parse<string, number> =>
  (text, option) =>
    wholeNumber(option, text, range);
const share =
  (range: Range): Parse<string, number> =>
  (text, option) =>
    decimal(option, text, range);
const time =
  (range: Range): Parse<string, number> =>
  (text, option) =>
    duration(option, text, range);
const choice =
  <T extends string>(all: readonly T[]): Parse<string, T> =>
  (text, option) =>
    oneOf(option, text, all);

export const INJECTIONS = ['auto', 'tap', 'veth'] as const;

const NUMBERS = ['0', '1', '2', '3', '100', '1000', '100000'];
const COUNT_MAX = Number.MAX_SAFE_INTEGER;
const BLOCK_BYTES_MAX = 1 << 30;
const RING_BYTES_MAX = 4 * 2 ** 30;
/** So that a size ends in hours at any rate that is worth measuring. */
const PACKETS_MAX = 1_000_000_000;
/** A worker reports every 100 ms, and a busy host may keep it waiting for several of them. */
const WORKER_TIMEOUT_MS_MIN = 500;
/** As an example of a list of modes. */
const MODE_LIST = 'hash,hash+defrag,lb,qm';

/** A live run without any limit ends at the first of these; the lab ends with its traffic. */
export const LIVE_LIMITS = { twoWayFlows: 1000, duration: '60s' } as const;

export const OPTIONS = {
  ids: value('--ids <name,...>', 'own', `whose groups: ${IDS_NAMES.join(', ')}; steered no deeper than they look`, {
    otherwise: 'who reads the groups here',
    parse: parseIds,
    fitting: ['suricata', 'zeek', 'zeek,snort'],
  }),
  hash: flag('--hash', 'own', 'groups in mode hash, of all programs in this network namespace: by a flow dissector, while they run'),
  group: value('--group <id>', 'own', 'a group of another program in mode ebpf, while it runs', {
    parse: number({ least: 0, most: 65535 }),
    fitting: ['1', '23', '65535'],
  }),
  write: value('--write <file>', 'own', 'the steering program as an object file with secret keys of its own, mode 0600', {
    parse: parsePath('the path of a file'),
    fitting: ['/etc/suricata/fanout-cluster.bpf.o', 'lb.o'],
  }),
  policy: value('--policy <policy>', 'own', `what a flow is: ${POLICIES.join(', ')}`, {
    otherwise: 'ports for Suricata, else addresses',
    parse: choice(POLICIES),
    fitting: POLICIES,
  }),
  layers: value('--layers <name,...>', 'own', 'encapsulations to look into, instead of those that the IDS opens; "all"', {
    parse: parseLayers,
    fitting: ['all', 'ip,gre,vxlan'],
  }),
  netns: value('--netns <name>', 'own', 'of another network namespace: its name, a process in it, or a path', {
    parse: parsePath('a network namespace'),
    fitting: ['sensor', '1234', '/proc/1234/ns/net'],
  }),
  allNamespaces: flag('--all-namespaces', 'own', 'of all network namespaces that have a name or a process'),
  withoutFallback: flag('--without-fallback', 'own', 'on a kernel before 6.1, where more than fanout goes by the flow dissector'),
  undo: flag('--undo', 'own', 'with --hash or --group: as it was before'),
  status: flag('--status', 'own', 'what is attached where, since when, and who loaded it'),
  verify: flag('--verify', 'own', 'run the command that proves it, and end with its exit status'),
  slot: value('--slot <number>', 'own', 'kill the member in this slot only', {
    otherwise: 'each in turn',
    parse: number({ least: 0, most: MEMBERS_MAX - 1 }),
    fitting: ['0', '1'],
  }),
  classes: value('--classes <list>', 'own', 'classes, groups or globs, as --traffic has them', {
    parse: parseClasses,
    fitting: ['all', 'vlan*', 'ipv4-tcp,arp'],
  }),
  modes: value('--modes <list>', 'own', 'modes, with flags behind a + and the policy of ebpf behind a colon', {
    parse: (list, option) => parseSteerings(option, list, MODE_LIST),
    fitting: ['hash', 'hash,hash+defrag,lb', 'hash+rollover', 'cbpf', 'qm,cpu', 'ebpf:addresses,ebpf:ports+rollover'],
  }),
  measureLoad: flag(
    '--measure-load',
    'own',
    'the lab: only measure what testing these modes at once costs, and at which rate packets are lost',
  ),
  ownLoad: flag('--no-own-load', 'own', 'live: do not measure first, in the lab, what so many groups cost this machine', {
    default: true,
  }),
  packets: value('--packets <count>', 'own', 'packets for each size, rounded up to whole rounds of all flows', {
    parse: number({ least: 1, most: PACKETS_MAX }),
    fitting: ['1000', '1000000'],
  }),
  kernel: value('--kernel <release>', 'own', "of another kernel than this host's: what uname -r prints there, or uname -rv", {
    parse: parseKernel,
    fitting: ['6.1', '5.10.46', '5.10.0-30-amd64 #1 SMP Debian 5.10.218-1 (2024-06-01)'],
  }),
  thisHost: flag('--this-host', 'own', 'also look at interfaces, CPUs, memory and running groups of this host'),
  sarif: {
    kind: 'optional',
    flags: '--sarif [file]',
    section: 'own',
    help: 'a SARIF 2.1.0 document to the file, or to standard output instead of the text',
    parse: parseJsonOutput,
    fitting: ['lint.sarif', '-'],
  },

  interface: value('-i, --interface <name>', 'group', 'capture live traffic there', {
    otherwise: 'the lab, a private network namespace',
    parse: parseInterface,
    fitting: ['lo', 'eth0', 'cap0', 'veth9.100'],
  }),
  procs: value('-n, --procs <count>', 'group', `processes in the group, 1 to ${MEMBERS_MAX}`, {
    otherwise: 'online CPUs, at least 2',
    parse: number({ least: 1, most: MEMBERS_MAX }),
    fitting: ['1', '2', '8', '16', '300', '1,2,4', '1,2,4,8,16'],
  }),
  mode: value('-m, --mode <mode>', 'group', FANOUT_MODE_NAMES.join(', '), {
    default: 'hash',
    parse: (text, option) => fanoutModeCalled(text) ?? oneOf(option, text, FANOUT_MODE_NAMES),
    fitting: FANOUT_MODE_NAMES,
  }),
  defrag: flag('--defrag', 'group', 'let the kernel reassemble IPv4 fragments first'),
  rollover: flag('--rollover', 'group', 'let the kernel pass packets on when a ring is full'),
  ignoreOutgoing: flag('--ignore-outgoing', 'group', 'leave out packets that this host sends (Linux 6.2 or newer)'),
  groupId: value('--group-id <id>', 'group', '1 to 65535', {
    otherwise: 'a free one, chosen by the kernel',
    parse: number({ least: 1, most: 65535 }),
    fitting: ['1', '42', '65535'],
  }),
  cbpfProgram: value(
    '--cbpf-program <file>',
    'group',
    'steering program of mode cbpf: output of tcpdump -ddd, -dd or bpf_asm; "none" to attach none',
    { parse: parseCbpfProgram, fitting: ['none', '/dev/null', '/proc/version', '/nowhere'] },
  ),
  ebpfProgram: value(
    '--ebpf-program <path>',
    'group',
    'steering program of mode ebpf: builtin[:addresses|:ports], a pinned program or an object file; "none" to attach none',
    {
      otherwise: 'builtin',
      parse: parseEbpfProgram,
      fitting: ['none', 'builtin', 'builtin:ports', '/sys/fs/bpf/lb', 'lb.o'],
    },
  ),
  dissector: value('--dissector <name>', 'group', 'the lab, mode hash: builtin, the flow dissector that `cure --hash` attaches', {
    parse: choice(['builtin'] as const),
    fitting: ['builtin'],
  }),
  force: flag('--force', 'group', 'allow --defrag although another group exists on this host, which may blind it to fragments'),

  from: {
    kind: 'list',
    flags: '--from <file>',
    section: 'deployment',
    help: 'test the group that it deploys: suricata.yaml, node.cfg, snort.lua, config.ini, a unit, ... (repeatable, for files of one deployment)',
    parse: parsePath('the path of a configuration file'),
    fitting: ['/etc/suricata/suricata.yaml', 'node.cfg'],
  },
  like: value(
    '--like <id[@netns]>',
    'deployment',
    'a shadow of a group that runs: same mode, members, interface, filter, and an id of its own',
    {
      parse: parseRunningGroup,
      fitting: ['99', '23@sensor', '7@1234'],
    },
  ),
  host: value('--host <name>', 'deployment', 'of a cluster: the groups of this host of it', {
    otherwise: 'this one',
    parse: parsePath('a host as the file names it'),
    fitting: ['localhost', '10.0.0.5'],
  }),
  kind: value('--kind <kind>', 'deployment', `what the files are: ${KINDS.join(', ')}`, {
    otherwise: 'told by what is in each',
    parse: choice(KINDS),
    fitting: KINDS,
  }),
  programVersion: value('--program-version <version>', 'deployment', 'of the program that reads them, such as 7.0.10', {
    otherwise: 'what the file says, else the newest that is known',
    parse: parseVersion,
    fitting: ['7.0.10', '8.0', '5'],
  }),

  maxFlows: value('--max-flows <count>', 'stop', 'flows seen in both directions', {
    otherwise: `live without any limit: ${LIVE_LIMITS.twoWayFlows}, or ${LIVE_LIMITS.duration}`,
    parse: number({ least: 1, most: COUNT_MAX }),
    fitting: NUMBERS,
  }),
  maxPackets: value('--max-packets <count>', 'stop', 'packets captured', {
    parse: number({ least: 1, most: COUNT_MAX }),
    fitting: NUMBERS,
  }),
  duration: value('--duration <time>', 'stop', '10, 500ms, 10s, 5m or 2h; a bare number is seconds', {
    parse: time({ least: 1, most: RUN_MS_MAX }),
    fitting: ['500ms', '10s', '5m', '2h', '0.5', '90'],
  }),
  failFast: flag('--fail-fast', 'stop', 'end at the first proven violation'),

  filter: value('--filter <expression>', 'capture', 'pcap filter, such as "tcp port 443"', {
    parse: parseFilter,
    fitting: ['tcp port 443', 'vlan and ip'],
  }),
  snaplen: value('--snaplen <bytes>', 'capture', 'bytes of each packet to look at, 64 to 65535', {
    default: '192',
    parse: number({ least: 64, most: 65535 }),
    fitting: ['64', '192', '65535'],
  }),
  ringSize: value('--ring-size <size>', 'capture', 'ring memory of each process', {
    default: '4M',
    parse: (text, option, { pageBytes }) => byteSize(option, text, { least: pageBytes, most: RING_BYTES_MAX }),
    fitting: ['4M', '1g', '8192', '256K', '3M'],
  }),
  // A block is handed over when its time is up, however little is in it: few blocks are soon full while a busy host keeps a worker waiting.
  blockSize: value('--block-size <size>', 'capture', 'a multiple of the page size', {
    default: '128K',
    parse: (text, option, { pageBytes }) => byteSize(option, text, { least: pageBytes, most: BLOCK_BYTES_MAX }),
    fitting: ['64K', '4096', '1M', '5000', '4K'],
  }),
  blockTimeout: value('--block-timeout <ms>', 'capture', 'milliseconds after which a block is handed over', {
    default: '10',
    parse: number({ least: 1, most: 10_000 }),
    fitting: ['1', '10', '100'],
  }),
  // Its range depends on how many groups share it: see flow-memory.ts.
  flowMemory: value(
    '--flow-memory <size>',
    'capture',
    `memory for the flows that the collector holds, from ${sizeText(FLOW_MEMORY_MIN)} on`,
    {
      otherwise: `a quarter of what is available, at most ${sizeText(FLOW_MEMORY_MAX)}`,
      parse: (text) => text,
      fitting: ['16M', '1G'],
    },
  ),
  promisc: flag('--promisc', 'capture', 'promiscuous mode', {
    otherwise: 'on a live interface',
    negated: 'no promiscuous mode',
  }),
  pin: {
    kind: 'optional',
    flags: '--pin [cpus]',
    section: 'capture',
    help: 'pin process i to the i-th CPU of the list, such as 0-3,8, or of all (auto)',
    parse: parsePin,
    fitting: ['auto', '0', '0-1', '1,0', '0-3,8'],
  },
  workNs: value('--work-ns <ns>', 'capture', 'simulated cost of inspecting a packet', {
    default: '0',
    parse: number({ least: 0, most: 1_000_000_000 }),
    fitting: ['0', '500', '10000'],
  }),
  workerTimeout: value('--worker-timeout <time>', 'capture', 'how long a process may take to answer', {
    default: '10s',
    parse: time({ least: WORKER_TIMEOUT_MS_MIN, most: 600_000 }),
    fitting: ['500ms', '10s'],
  }),

  pcap: value('--pcap <file>', 'lab', 'send what a capture file holds: pcap, pcapng, snoop or ERF (- is standard input; gzip is undone)', {
    parse: parsePath('the path of a capture file, or - for standard input'),
    fitting: ['trace.pcap', '-'],
  }),
  labInterface: value('--lab-interface <kind>', 'lab', INJECTIONS.join(', '), {
    default: 'auto',
    parse: choice(INJECTIONS),
    fitting: INJECTIONS,
  }),
  traffic: value('--traffic <class,...>', 'lab', 'classes or groups of traffic, or globs such as "vlan*"; "list" shows them', {
    otherwise: 'standard',
    parse: parseClasses,
    fitting: ['standard', 'vlan', 'vlan*,gre', 'ipv4-tcp', 'list'],
  }),
  flows: value('--flows <count>', 'lab', 'two-way flows to make up', {
    default: '500',
    parse: number({ least: 1, most: FLOWS_MAX }),
    fitting: NUMBERS,
  }),
  // The least depends on the classes of traffic: see options.ts.
  packetsPerFlow: value('--packets-per-flow <count>', 'lab', 'in each round, both directions together', {
    default: '6',
    parse: number({ least: 1, most: COUNT_MAX }),
    fitting: NUMBERS,
  }),
  rate: value('--rate <pps>', 'lab', 'packets per second', {
    default: '50000',
    parse: number({ least: 1, most: 1_000_000_000 }),
    fitting: NUMBERS,
  }),
  burst: value('--burst <packets>', 'lab', 'send so many back to back, at the same mean rate', {
    parse: number({ least: 1, most: 1_000_000 }),
    fitting: NUMBERS,
  }),
  rounds: value('--rounds <count>', 'lab', 'number of times to send the traffic', {
    default: '1',
    parse: number({ least: 1, most: 1_000_000_000 }),
    fitting: NUMBERS,
  }),
  loop: flag('--loop', 'lab', 'send until a limit or a signal ends the run'),
  nic: value(
    '--nic <settings>',
    'lab',
    `receive queues of a simulated NIC, for modes qm and cpu: ${NIC_EXAMPLE}, or a file with the output of ethtool -x`,
    {
      parse: (text, _, machine) => parseNic(text, machine),
      fitting: [
        'queues=8',
        'queues=4,rss=symmetric,fields=sd',
        'queues=2,rss=xor,table=0:1:1:0',
        `queues=2,key=${'6d5a'.repeat(20)}`,
        'table=0:3',
      ],
    },
  ),
  seed: value('--seed <number>', 'lab', 'repeat the traffic of an earlier run', {
    otherwise: 'random, reported',
    parse: number({ least: 0, most: SEED_MAX }),
    fitting: NUMBERS,
  }),

  tolerate: {
    kind: 'list',
    flags: '--tolerate <cause>',
    section: 'report',
    help: 'a cause to ignore when deciding NO (repeatable; see docs/verdicts.md)',
    parse: choice(CAUSE_CODES),
    fitting: CAUSE_CODES,
  },
  maxLoss: value('--max-loss <percent>', 'report', 'live loss above which YES becomes INCONCLUSIVE', {
    default: '1',
    parse: share({ least: 0, most: 100 }),
    fitting: ['0', '0.25', '100'],
  }),
  json: {
    kind: 'optional',
    flags: '--json [file]',
    section: 'report',
    help: 'one JSON document to the file, or to standard output instead of the text',
    parse: parseJsonOutput,
    fitting: ['run.json', '-', '/dev/null'],
  },
  statusInterval: value('--status-interval <time>', 'report', 'between progress lines where there is no terminal', {
    default: '1s',
    parse: time({ least: 100, most: 3_600_000 }),
    fitting: ['100ms', '1s', '1m'],
  }),
  quiet: flag('--quiet', 'report', 'no progress; only the answer and why'),
  color: flag('--no-color', 'report', 'no colours (also: NO_COLOR)', { default: true }),
} as const satisfies Readonly<Record<string, Row>>;

type Table = typeof OPTIONS;
export type OptionKey = keyof Table;
export const OPTION_KEYS = Object.keys(OPTIONS) as readonly OptionKey[];
/** How a result is told: the same for every command. */
export const OUTPUT_KEYS = ['json', 'quiet', 'color'] as const satisfies readonly OptionKey[];

/** Which configuration to take a group from. */
export const DEPLOYMENT_KEYS = ['from', 'like', 'host', 'kind', 'programVersion'] as const satisfies readonly OptionKey[];

/** What shapes the traffic of the lab. A seed also draws other things. */
export const OF_LAB: readonly OptionKey[] = OPTION_KEYS.filter((key) => OPTIONS[key].section === 'lab' && key !== 'seed');

/** Text as typed, true for a flag, and for options whose value is optional either. */
type Typed<R extends Row> = R extends FlagRow
  ? boolean
  : R extends OptionalRow<unknown>
    ? string | boolean
    : R extends ListRow<unknown>
      ? readonly string[]
      : string;

/** What commander hands over, by key. */
export type RawOptions = { readonly [K in OptionKey]?: Typed<Table[K]> };

/** What an option means; undefined where it was not given and has no default. */
type Meaning<R extends Row> = R extends FlagRow
  ? boolean
  : R extends OptionalRow<infer V>
    ? V
    : R extends ListRow<infer V>
      ? readonly V[]
      : R extends ValueRow<infer V, infer D>
        ? V | (D extends string ? never : undefined)
        : never;

/** Reads options one by one. Each refuses what it does not take with a FanoutError that names the option. */
export type Reader = <K extends OptionKey>(key: K) => Meaning<Table[K]>;

export function readerOf(raw: RawOptions, machine: Machine): Reader {
  return <K extends OptionKey>(key: K) => meaningOf(OPTIONS[key], raw[key], nameOf(key), machine) as Meaning<Table[K]>;
}

function meaningOf(row: Row, typed: RawOptions[OptionKey], option: string, machine: Machine): unknown {
  switch (row.kind) {
    case 'flag':
      return typed ?? row.default;
    case 'value': {
      const text = (typed as string | undefined) ?? row.default;
      return text === undefined ? undefined : row.parse(text, option, machine);
    }
    case 'optional':
      return row.parse(typed as string | boolean | undefined, option, machine);
    case 'list':
      return [...new Set(((typed as readonly string[] | undefined) ?? []).map((text) => row.parse(text, option, machine)))];
  }
}

/** Such as "--max-flows". */
export function nameOf(key: OptionKey): string {
  return /--[a-z-]+/.exec(OPTIONS[key].flags)?.[0] ?? OPTIONS[key].flags;
}

/** The first of these that was given. */
export function firstGiven(raw: RawOptions, keys: readonly OptionKey[]): OptionKey | undefined {
  return keys.find((key) => raw[key] !== undefined);
}

/** Where a command says something else of an option than the table does. */
export interface OwnWords {
  /** As in "<count>". */
  readonly placeholder?: string;
  readonly help?: string;
  readonly default?: string;
  readonly otherwise?: string;
}

/** The options of a command. */
export interface OptionSet<K extends OptionKey = OptionKey> {
  readonly keys: readonly K[];
  readonly own?: { readonly [Key in K]?: OwnWords };
}

/** What was typed of the options of a set. */
export type TypedOf<S> = S extends OptionSet<infer K> ? Pick<RawOptions, K> : never;

export function optionSet<const K extends OptionKey>(set: OptionSet<K>): OptionSet<K> {
  return set;
}

/** What a command takes where an option is not given, as typed. */
export function defaultsOf<K extends OptionKey>({ keys, own }: OptionSet<K>): RawOptions {
  return Object.fromEntries(keys.flatMap((key) => (own?.[key]?.default === undefined ? [] : [[key, own[key].default]])));
}

/** An option as --help has it, and as commander takes it. */
export interface Shown {
  readonly key: OptionKey;
  readonly section: Section;
  readonly flags: string;
  readonly help: string;
  readonly isRepeatable: boolean;
}

/** In the order of the table. */
export function shownOptions<K extends OptionKey>({ keys, own }: OptionSet<K>): readonly Shown[] {
  const wanted: ReadonlySet<OptionKey> = new Set(keys);
  return OPTION_KEYS.filter((key) => wanted.has(key)).flatMap((key): readonly Shown[] => {
    const row: Row = OPTIONS[key];
    const words: OwnWords = own?.[key as K] ?? {};
    const shown = { key, section: row.section, isRepeatable: row.kind === 'list' };
    const flags = words.placeholder === undefined ? row.flags : row.flags.replace(/[<[].*[\]>]/, words.placeholder);
    const otherwise = words.otherwise ?? words.default ?? (row.kind === 'value' ? row.default : undefined) ?? row.otherwise;
    const help = `${words.help ?? row.help}${otherwise === undefined ? '' : ` (default: ${otherwise})`}`;
    const negated = row.kind === 'flag' ? row.negated : undefined;
    const opposite = negated === undefined ? [] : [{ ...shown, flags: row.flags.replace('--', '--no-'), help: negated }];
    return [{ ...shown, flags, help }, ...opposite];
  });
}
