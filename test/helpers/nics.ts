/** Interfaces as their drivers answer, made up to be like real ones. */
import { HASHED_FLOWS, type HashedFlow, type NicFacts, type RssFacts } from '../../src/nic/facts.ts';
import type { Sampled, Samples } from '../../src/nic/hashing.ts';
import { HASH_BITS_TABLE, settingsOf } from '../../src/nic/hashing.ts';
import { createRandom } from '../../src/traffic/random.ts';
import { toeplitz } from './toeplitz.ts';

export const told = <T>(value: T, where = 'a test') => ({ value, where });
export const untold = (why = 'Operation not supported', where = 'a test') => ({ where, why });

/** Of the published verification suite; longer ones go on with other bytes. */
export const MICROSOFT =
  '6d:5a:56:da:25:5b:0e:c2:41:67:25:3d:43:a3:8f:b0:d0:ca:2b:cb:ae:7b:30:b4:77:cb:2d:a3:80:30:f2:0c:6a:42:b7:3b:be:ac:01:fa';
export const MICROSOFT_52 = `${MICROSOFT}:11:22:33:44:55:66:77:88:99:aa:bb:cc`;
export const SYMMETRIC = Array.from({ length: 20 }, () => '6d:5a').join(':');
export const SYMMETRIC_52 = Array.from({ length: 26 }, () => '6d:5a').join(':');

export const evenly = (queues: number, entries = 128): readonly number[] => Array.from({ length: entries }, (_, i) => i % queues);

export function hashedBy(tcp: string, udp = tcp): NicFacts['hashFields'] {
  return { tcp4: told(tcp), udp4: told(udp), tcp6: told(tcp), udp6: told(udp) };
}
const NO_FIELDS = Object.fromEntries(HASHED_FLOWS.map((flow) => [flow, untold()])) as NicFacts['hashFields'];

export function rssOf(rss: Partial<RssFacts> = {}): NicFacts['rss'] {
  return told({ hashFunction: 'toeplitz', key: MICROSOFT, table: evenly(4), inputTransform: 'none', ...rss });
}

/** Four CPUs with a queue each, all as a sensor wants it; hashed as drivers ship it. */
export function nic(changes: Partial<NicFacts> = {}): NicFacts {
  const counters = { before: { rx_missed_errors: 3 }, after: { rx_missed_errors: 3 }, ms: 1000 };
  const rows = [0, 1, 2, 3].map((cpu) => ({ cpu, dropped: 0, squeezed: 0, rps: 0, flowLimited: 0 }));
  return {
    name: 'eth0',
    driver: told({ name: 'ixgbe', version: '6.1.0-30-amd64', bus: '0000:3b:00.0' }),
    kind: told(null),
    link: told({ isUp: true, hasCarrier: true, mtu: 1500, promiscuity: 1, isLoopback: false }),
    uppers: told([]),
    lowers: told([]),
    master: told(null),
    bond: told(null),
    queues: told({ used: 4, most: 8 }),
    rss: rssOf(),
    hashFields: hashedBy('sdfn', 'sd'),
    steeringRules: told(0),
    features: told({ 'generic-receive-offload': false, 'large-receive-offload': false, 'receive-hashing': true, 'ntuple-filters': true }),
    privateFlags: told({}),
    rings: told({ rx: 4096, rxMost: 4096 }),
    coalescing: told({ adaptiveRx: false, rxUsecs: 20 }),
    rps: told([0, 1, 2, 3].map((queue) => ({ queue, rpsCpus: [], flowCount: 0 }))),
    rfsEntries: told(0),
    threadedNapi: told(false),
    irqs: told([0, 1, 2, 3].map((queue) => ({ irq: 60 + queue, name: `eth0-TxRx-${queue}`, cpus: [queue], effective: [queue] }))),
    irqbalance: told(false),
    numaNode: told(0),
    cpus: told({ online: [0, 1, 2, 3], isolated: [] }),
    losses: told(counters),
    softnet: told({ before: rows, after: rows, ms: 1000 }),
    backlogMax: told(1000),
    xdp: told(null),
    ingress: told([]),
    flowDissector: told(null),
    groups: told([]),
    ...changes,
  };
}

/** As above, with both directions on one queue. */
export function symmetricNic(changes: Partial<NicFacts> = {}): NicFacts {
  return nic({ rss: rssOf({ key: SYMMETRIC }), ...changes });
}

const driver = (name: string, version = '6.12.9', bus = '0000:3b:00.0'): NicFacts['driver'] => told({ name, version, bus });

/** Fresh from the installer: nothing is set as a sensor wants it. */
const SHIPPED: Partial<NicFacts> = {
  features: told({ 'generic-receive-offload': true, 'large-receive-offload': false, 'receive-hashing': true, 'ntuple-filters': false }),
  rings: told({ rx: 512, rxMost: 4096 }),
  irqbalance: told(true),
  irqs: told([0, 1, 2, 3].map((queue) => ({ irq: 60 + queue, name: `eth0-TxRx-${queue}`, cpus: [0, 1, 2, 3], effective: [queue] }))),
};

export const NICS = {
  ixgbe: nic(SHIPPED),
  i40e: nic({
    ...SHIPPED,
    driver: driver('i40e'),
    rss: rssOf({ key: MICROSOFT_52, table: evenly(4, 512) }),
    hashFields: hashedBy('sdfn'),
    privateFlags: told({ 'flow-director-atr': true, 'veb-stats': false }),
  }),
  ice: nic({ ...SHIPPED, driver: driver('ice'), rss: rssOf({ key: MICROSOFT_52, table: evenly(4, 2048) }), hashFields: hashedBy('sdfn') }),
  'ice with a transform': nic({
    driver: driver('ice'),
    rss: rssOf({ key: MICROSOFT_52, table: evenly(4, 2048), inputTransform: 'symmetric-xor' }),
    hashFields: hashedBy('sdfn'),
  }),
  iavf: nic({ ...SHIPPED, driver: driver('iavf'), rss: rssOf({ key: MICROSOFT_52, table: evenly(4, 64) }), hashFields: hashedBy('sdfn') }),
  'mlx5 of Linux 6.12': nic({ ...SHIPPED, driver: driver('mlx5_core', '6.12.9'), hashFields: hashedBy('sdfn') }),
  'mlx5 of Linux 6.16': nic({
    driver: driver('mlx5_core', '6.16.3'),
    rss: rssOf({ inputTransform: 'symmetric-or-xor' }),
    hashFields: hashedBy('sdfn'),
  }),
  'mlx5 of Linux 6.16, asymmetric': nic({ driver: driver('mlx5_core', '6.16.3'), hashFields: hashedBy('sdfn') }),
  mlx4: nic({ ...SHIPPED, driver: driver('mlx4_en'), hashFields: hashedBy('sdfn') }),
  'mlx4 by XOR': nic({ driver: driver('mlx4_en'), rss: rssOf({ hashFunction: 'xor', key: null }), hashFields: hashedBy('sdfn') }),
  /** Neither shows its key nor takes one. */
  igb: nic({ ...SHIPPED, driver: driver('igb', '6.1.0'), rss: rssOf({ hashFunction: null, key: null, inputTransform: null }) }),
  ena: nic({ ...SHIPPED, driver: driver('ena'), hashFields: hashedBy('sdfn') }),
  'ena without a key': nic({
    ...SHIPPED,
    driver: driver('ena'),
    rss: rssOf({ hashFunction: 'crc32', key: null }),
    hashFields: hashedBy('sdfn'),
  }),
  /** One queue, and all is fixed. */
  virtio: nic({
    driver: driver('virtio_net', '1.0.0', '0000:00:03.0'),
    queues: told({ used: 1, most: 1 }),
    rss: untold(),
    hashFields: NO_FIELDS,
    steeringRules: untold(),
    features: told({ 'generic-receive-offload': true, 'rx-gro-hw': true, 'receive-hashing': false }),
    rps: told([{ queue: 0, rpsCpus: [], flowCount: 0 }]),
    irqs: told([{ irq: 25, name: 'virtio0-input.0', cpus: [0, 1], effective: [0] }]),
  }),
  'virtio with queues': nic({
    driver: driver('virtio_net', '1.0.0', '0000:00:03.0'),
    rss: untold(),
    hashFields: NO_FIELDS,
    steeringRules: untold(),
  }),
} as const satisfies Readonly<Record<string, NicFacts>>;

/** Nothing could be read. */
export const NOTHING_TOLD: NicFacts = {
  ...Object.fromEntries(Object.keys(nic()).map((id) => [id, untold('not tried')])),
  name: 'eth0',
  hashFields: NO_FIELDS,
} as unknown as NicFacts;

const FLOWS = 64;

/** As src/commands/doctor/samples.ts has it, worked out by other means and from fewer flows. */
export function sampled(facts: NicFacts): Samples | undefined {
  const settings = settingsOf(facts);
  if (settings === undefined) return undefined;
  const { table, key, transform, ports } = settings;
  const hashes = HASHED_FLOWS.map((flow) => [flow, hashesOf(flow, { key, transform, hasPorts: ports.includes(flow) })] as const);
  const through = (entries: Uint16Array) =>
    Object.fromEntries(hashes.map(([flow, all]) => [flow, mapped(all, entries)])) as Record<HashedFlow, Sampled>;
  return { hashes: through(HASH_BITS_TABLE), ...(table === undefined ? {} : { queues: through(table) }) };
}

interface Hashes {
  readonly forward: readonly number[];
  readonly reverse: readonly number[];
  readonly fragment: readonly number[];
}

function mapped({ forward, reverse, fragment }: Hashes, table: Uint16Array): Sampled {
  const queues = (all: readonly number[]) => Uint16Array.from(all, (hash) => table[hash % table.length] ?? 0);
  return { forward: queues(forward), reverse: queues(reverse), fragment: queues(fragment) };
}

interface Hash {
  readonly key: Uint8Array;
  readonly transform: 'none' | 'symmetric-xor' | 'symmetric-or-xor';
  readonly hasPorts: boolean;
}

function hashesOf(flow: HashedFlow, { key, transform, hasPorts }: Hash): Hashes {
  const random = createRandom(9);
  const bytes = (count: number) => Array.from({ length: count }, () => random.below(256));
  const mixed = (a: readonly number[], b: readonly number[]) => {
    const combined = (how: (x: number, y: number) => number) => a.map((x, i) => how(x, b[i] ?? 0));
    const xor = combined((x, y) => x ^ y);
    if (transform === 'none') return [...a, ...b];
    return transform === 'symmetric-xor' ? [...xor, ...xor] : [...combined((x, y) => x | y), ...xor];
  };
  const width = flow.endsWith('6') ? 16 : 4;
  const all = Array.from({ length: FLOWS }, () => {
    const [a, b, p, q] = [bytes(width), bytes(width), bytes(2), bytes(2)];
    const hash = (...input: readonly (readonly number[])[]) => toeplitz(key, Uint8Array.from(input.flat()));
    const fragment = hash(mixed(a, b));
    if (!hasPorts) return { forward: fragment, reverse: hash(mixed(b, a)), fragment };
    return { forward: hash(mixed(a, b), mixed(p, q)), reverse: hash(mixed(b, a), mixed(q, p)), fragment };
  });
  return { forward: all.map((one) => one.forward), reverse: all.map((one) => one.reverse), fragment: all.map((one) => one.fragment) };
}
