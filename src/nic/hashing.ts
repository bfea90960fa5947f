/** What the hash of a NIC makes of both directions of flows, from what the NIC says of itself and from samples. Pure. */
import type { NicSettings } from '../addon/nic.ts';
import { doubtsTransform, tellsTransform, xorIsKnown } from './drivers.ts';
import { HASHED_FLOWS, type HashedFlow, isTold, type NicFacts, type RssFacts } from './facts.ts';
import type { Meets, NicUnknown } from './findings.ts';
import { keyOf } from './model.ts';

/** Values of sampled flows, by index: of a packet each way, and of a fragment of the first. */
export interface Sampled {
  readonly forward: Uint16Array;
  readonly reverse: Uint16Array;
  readonly fragment: Uint16Array;
}

export interface Samples {
  /** Absent where the table is not told. */
  readonly queues?: Readonly<Record<HashedFlow, Sampled>>;
  /** The lowest bits of the hash. */
  readonly hashes: Readonly<Record<HashedFlow, Sampled>>;
}

/** A table that shows the hash itself, as far as it goes. */
export const HASH_BITS_TABLE = Uint16Array.from({ length: 4096 }, (_, i) => i);

/** What to sample with; undefined where the NIC does not tell enough, or hashes in another way. */
export function settingsOf(facts: NicFacts): (Omit<NicSettings, 'table'> & { readonly table?: Uint16Array }) | undefined {
  const { rss, hashFields } = facts;
  if (!isTold(rss) || rss.value.hashFunction !== 'toeplitz' || rss.value.key === null) return undefined;
  const key = keyOf(rss.value.key);
  if (key === undefined) return undefined;
  const ports = HASHED_FLOWS.filter((flow) => {
    const fields = hashFields[flow];
    return isTold(fields) && isFields(fields.value, 'sdfn');
  });
  const table = rss.value.table === null || rss.value.table.length === 0 ? {} : { table: Uint16Array.from(rss.value.table) };
  return { key, transform: trustedTransform(facts, rss.value), ports, ...table };
}

function trustedTransform(facts: NicFacts, { inputTransform }: RssFacts): NicSettings['transform'] {
  if (inputTransform === null || inputTransform === 'none') return 'none';
  return doubtsTransform(facts) ? 'none' : inputTransform;
}

/** Of packets, or of fragments against whole packets. */
export type Pair = 'directions' | 'fragments';

/** Whether the hash itself is the same, whatever is made of it. */
export function hashMeets(facts: NicFacts, samples: Samples | undefined, flow: HashedFlow, pair: Pair): Meets {
  return meets(facts, flow, pair, () => samples?.hashes[flow]);
}

/**
 * Whether they come to one place by their receive queue.
 * @param placeOf of a queue
 */
export function queueMeets(
  facts: NicFacts,
  samples: Samples | undefined,
  flow: HashedFlow,
  pair: Pair,
  placeOf: (queue: number) => number,
): Meets {
  const { rss } = facts;
  const elsewhere = receivedElsewhere(facts);
  if (elsewhere !== undefined) return elsewhere;
  if (hasOneQueue(facts)) return { answer: 'together', proof: 'one-queue' };
  if (isTold(rss) && rss.value.table !== null && rss.value.table.length > 0) {
    const reached = new Set(rss.value.table);
    if (reached.size === 1) return { answer: 'together', proof: 'one-queue' };
    if (new Set([...reached].map(placeOf)).size === 1) return { answer: 'together', proof: 'one-member' };
  }
  const sampled = (): Sampled | undefined => {
    const found = samples?.queues?.[flow];
    return found === undefined ? undefined : placed(found, placeOf);
  };
  return meets(facts, flow, pair, sampled);
}

function placed({ forward, reverse, fragment }: Sampled, placeOf: (queue: number) => number): Sampled {
  return { forward: forward.map(placeOf), reverse: reverse.map(placeOf), fragment: fragment.map(placeOf) };
}

/** Of a NIC. A VLAN or a veth device with one queue has packets that come from several. */
export function hasOneQueue(facts: NicFacts): boolean {
  const { queues } = facts;
  return isTold(queues) && queues.value.used === 1 && receivedElsewhere(facts) === undefined;
}

/** Where another device received the packets, or their sender chose the queue. */
export function receivedElsewhere({ kind, link, lowers, driver }: NicFacts): Meets | undefined {
  const because = (): NicUnknown['because'] | undefined => {
    if (!isTold(kind)) return { code: 'unread', why: kind.why };
    if (isTold(link) && link.value.isLoopback) return { code: 'chosen-by-senders', kind: 'loopback' };
    if (kind.value === null) return isTold(driver) && driver.value.name === 'tun' ? { code: 'chosen-by-senders', kind: 'tun' } : undefined;
    if (SENDERS.has(kind.value)) return { code: 'chosen-by-senders', kind: kind.value };
    return { code: 'received-below', lowers: isTold(lowers) ? lowers.value : [] };
  };
  const found = because();
  return found === undefined ? undefined : unknownOf('kind', kind, found);
}

const SENDERS: ReadonlySet<string> = new Set(['veth', 'tun', 'tap', 'ifb', 'dummy', 'netkit', 'loopback']);

/** The hash of both, or the place that comes of it. */
function meets(facts: NicFacts, flow: HashedFlow, pair: Pair, sampled: () => Sampled | undefined): Meets {
  const elsewhere = receivedElsewhere(facts);
  if (elsewhere !== undefined) return elsewhere;
  const { rss } = facts;
  if (!isTold(rss)) return unknownOf('rss', rss, { code: 'unread', why: rss.why });
  const fields = facts.hashFields[flow];
  if (!isTold(fields)) return unknownOf(`hashFields.${flow}`, fields, { code: 'unread', why: fields.why });
  const byAddresses = isFields(fields.value, 'sd');
  const isUsual = byAddresses || isFields(fields.value, 'sdfn');
  if (!isUsual && isLopsided(fields.value) && pair === 'directions') return { answer: 'apart', proof: 'fields', by: 'queues' };
  if (!isUsual) return unknownOf(`hashFields.${flow}`, fields, { code: 'own-fields', fields: fields.value });
  if (pair === 'fragments' && byAddresses) return { answer: 'together', proof: 'fields' };
  const { hashFunction, key: keyText } = rss.value;
  if (hashFunction === null) return unknownOf('rss', rss, { code: 'not-shown', what: 'function' });
  if (hashFunction === 'xor' && xorIsKnown(facts) && pair === 'directions') return { answer: 'together', proof: 'hash-function' };
  if (hashFunction !== 'toeplitz') return unknownOf('rss', rss, { code: 'own-function', name: hashFunction });
  if (keyText === null) return unknownOf('rss', rss, { code: 'not-shown', what: 'key' });
  const key = keyOf(keyText);
  if (key === undefined) return unknownOf('rss', rss, { code: 'key-too-short', bytes: keyText.replaceAll(':', '').length / 2 });
  return byToeplitz(facts, rss, { flow, pair, byAddresses, key, sampled: sampled() });
}

interface ToeplitzQuestion {
  readonly flow: HashedFlow;
  readonly pair: Pair;
  readonly byAddresses: boolean;
  readonly key: Uint8Array;
  readonly sampled: Sampled | undefined;
}

function byToeplitz(
  facts: NicFacts,
  rss: Extract<NicFacts['rss'], { readonly value: RssFacts }>,
  { flow, pair, byAddresses, key, sampled }: ToeplitzQuestion,
): Meets {
  const share = sampled === undefined ? undefined : shareOf(sampled, pair);
  const proof = pair === 'directions' ? proofFor(facts, rss.value, key, flow, byAddresses) : undefined;
  // Should a sample contradict what is proven, the sample is believed.
  if (proof !== undefined && (share?.apart ?? 0) === 0) return { answer: 'together', proof };
  if (pair === 'directions' && proof === undefined) {
    const { inputTransform } = rss.value;
    const isAnnounced = inputTransform !== null && inputTransform !== 'none';
    if (isAnnounced) return unknownOf('rss', rss, { code: 'announced-transform' });
    if (!tellsTransform(facts)) return unknownOf('rss', rss, { code: 'silent-transform' });
  }
  if (share === undefined) return unknownOf('rss', rss, { code: 'not-shown', what: 'table' });
  if (share.apart > 0) return { answer: 'apart', proof: 'sampled', by: 'queues', share };
  return unknownOf('rss', rss, { code: 'unproven', of: share.of });
}

function shareOf({ forward, reverse, fragment }: Sampled, pair: Pair): { readonly apart: number; readonly of: number } {
  const other = pair === 'directions' ? reverse : fragment;
  return { apart: forward.reduce((apart, place, i) => apart + (place === other[i] ? 0 : 1), 0), of: forward.length };
}

function proofFor(
  facts: NicFacts,
  { inputTransform }: RssFacts,
  key: Uint8Array,
  flow: HashedFlow,
  byAddresses: boolean,
): 'key' | 'transform' | undefined {
  if (isSymmetricKey(key, flow, byAddresses)) return 'key';
  const isTransformed = inputTransform !== null && inputTransform !== 'none';
  return isTransformed && !doubtsTransform(facts) ? 'transform' : undefined;
}

/** Exchanging source and destination leaves the hash as it is if both meet the same bits of the key, for all 32 bits of the hash. */
function isSymmetricKey(key: Uint8Array, flow: HashedFlow, byAddresses: boolean): boolean {
  const addressBytes = flow.endsWith('6') ? 16 : 4;
  const portBytes = 2;
  return repeats(key, 0, addressBytes) && (byAddresses || repeats(key, 2 * addressBytes, portBytes));
}

function repeats(key: Uint8Array, at: number, width: number): boolean {
  const hashBytes = 4;
  return key.subarray(at, at + width + hashBytes).every((byte, i) => byte === key[at + i + width]);
}

/** Letters of ethtool, in any order. */
function isFields(fields: string, letters: string): boolean {
  return [...fields].sort().join('') === [...letters].sort().join('');
}

/** One end of a flow without the other. */
function isLopsided(fields: string): boolean {
  if (fields.includes('?')) return false;
  const has = (letter: string): boolean => fields.includes(letter);
  return has('s') !== has('d') || has('f') !== has('n');
}

/** @param told where it was looked up, or would be */
export function unknownOf(
  fact: NicUnknown['fact'],
  told: { readonly where: string; readonly needs?: string },
  because: NicUnknown['because'],
): Extract<Meets, { readonly answer: 'unknown' }> {
  const { where, needs } = told;
  return { answer: 'unknown', unknown: { fact, where, because, ...(needs === undefined ? {} : { needs }) } };
}
