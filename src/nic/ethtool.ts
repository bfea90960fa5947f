/**
 * What ethtool says about a NIC: the outputs of `ethtool -x`, `ethtool -n DEVICE rx-flow-hash KIND` and `ethtool -l`, any number of them in
 * one text, in any order. Survives any text.
 */

import type { FlowKind, InputTransform } from '../addon/nic.ts';
import { FanoutError } from '../errors.ts';
import { TAP_QUEUES_MAX } from '../traffic/limits.ts';
import { KEY_BYTES, keyOf, TABLE_ENTRIES_MAX } from './model.ts';

/** Addresses alone, or ports too, in ethtool's letters. */
export type Fields = 'sd' | 'sdfn';

export interface SavedNic {
  readonly device: string;
  readonly queues: number;
  readonly key: Uint8Array;
  readonly transform: InputTransform;
  /** Of the kinds of flow that the text tells. */
  readonly fields: ReadonlyMap<FlowKind, Fields>;
  /** Absent: the device does not tell it. */
  readonly table?: Uint16Array;
}

/** A table of thousands of entries is far below. */
export const ETHTOOL_TEXT_MAX = 1 << 20;

export function badNic(message: string, remedy: string, options?: { readonly cause?: unknown }): FanoutError {
  return new FanoutError('BAD_NIC', message, remedy, options);
}

/** @param name the file, for messages */
export function parseEthtool(text: string, name: string): SavedNic {
  if (text.length > ETHTOOL_TEXT_MAX) throw badNic(`${name}: longer than ${ETHTOOL_TEXT_MAX} characters`, SAVE_AGAIN);
  const sections = sectionsOf(text, name);
  const of = (kind: Kind) => sections.filter((section) => section.kind === kind);
  refuse(of('context'), of('discarded'));
  const scaling = only(of('table'));
  if (scaling === undefined) throw badNic(`${name}: no output of ethtool -x in it`, SAVE_AGAIN);
  const device = deviceOf([scaling, ...of('channels')]);
  const rings = numberOf(scaling.match[2] ?? '', { least: 1, most: TABLE_ENTRIES_MAX, what: 'RX rings' }, scaling);
  const table = tableOf(scaling);
  only(of('function'))?.rows.forEach(checkFunction);
  const channels = of('channels').map(channelsOf);
  const last = Math.max(0, ...(table ?? []));
  if (last >= Math.max(rings, ...channels))
    throw badNic(`${name}: the table names queue ${last}, but ${device} has ${rings} receive rings`, `${SAVE_AGAIN}, all at one time`);
  // Where all goes to one queue, neither key nor fields make a difference.
  const isOneQueue = table === undefined ? rings === 1 : last === 0;
  const key = keyIn(only(of('key'))) ?? (isOneQueue ? new Uint8Array(KEY_BYTES) : undefined);
  if (key === undefined) throw keyless(name, device, rings);
  return {
    device,
    queues: Math.max(rings, last + 1),
    key,
    transform: transformOf(only(of('transform'))),
    fields: isOneQueue ? new Map() : fieldsOf(of('fields')),
    ...(table === undefined ? {} : { table }),
  };
}

const SAVE_AGAIN =
  'save it again: (ethtool -x eth0; for k in tcp4 udp4 sctp4 tcp6 udp6 sctp6; do ethtool -n eth0 rx-flow-hash $k; done) > nic.txt';

interface Line {
  /** File and number. */
  readonly where: string;
  readonly text: string;
}

/** A heading, and the lines that belong to it. */
interface Section extends Line {
  readonly kind: Kind;
  readonly match: readonly string[];
  readonly rows: Line[];
}

const HEADINGS = {
  table: /^RX flow hash indirection table for (\S+) with (\d{1,9}) RX ring\(s\):$/,
  key: /^RSS hash key:$/,
  function: /^RSS hash function:$/,
  transform: /^RSS input transformation:$/,
  fields: /^(TCP|UDP|SCTP) over IPV([46]) flows use these fields for computing Hash flow key:$/,
  /** IPsec, GTP-U: hashed here by their addresses. */
  otherFields: / use these fields for computing Hash flow key:$/,
  discarded: /^(.*) - All matching flows discarded on RX$/,
  context: /^For RSS context (\d+):$/,
  channels: /^Channel parameters for (\S+):$/,
} as const;
type Kind = keyof typeof HEADINGS;
const KINDS = Object.keys(HEADINGS) as readonly Kind[];

function sectionsOf(text: string, name: string): readonly Section[] {
  const sections: Section[] = [];
  let open: Section | undefined;
  for (const [index, raw] of text.split(/\r\n|\n|\r/).entries()) {
    const line = { where: `${name}:${index + 1}`, text: raw.trimEnd() };
    const found = headingIn(line);
    if (found !== undefined) {
      open = found;
      sections.push(found);
    } else if (line.text === '') open = undefined;
    else if (open !== undefined && !isChatter(line.text)) open.rows.push(line);
    else if (!isChatter(line.text)) throw unknown(line);
  }
  return sections;
}

function headingIn(line: Line): Section | undefined {
  for (const kind of KINDS) {
    const match = HEADINGS[kind].exec(line.text);
    if (match !== null) return { ...line, kind, match, rows: [] };
  }
  return undefined;
}

/** The command itself, as a terminal shows it, and what ethtool could not tell. */
function isChatter(text: string): boolean {
  return /^\s*[#$]|\bethtool\s+-|^Cannot get |^netlink error: /.test(text);
}

function only(sections: readonly Section[]): Section | undefined {
  const [first, second] = sections;
  if (second !== undefined) throw bad(second, `${JSON.stringify(shortened(second.text))} for the second time`, 'keep one of them');
  return first;
}

function deviceOf(sections: readonly Section[]): string {
  const [first, ...rest] = sections;
  const device = first?.match[1] ?? '';
  const other = rest.find(({ match }) => match[1] !== device);
  if (other !== undefined)
    throw bad(other, `this is about ${other.match[1]}, and the output of ethtool -x about ${device}`, 'give a file for each NIC');
  return device;
}

function refuse(contexts: readonly Section[], discarded: readonly Section[]): void {
  const other = contexts.find(({ match }) => match[1] !== '0');
  if (other !== undefined) throw bad(other, `RSS context ${other.match[1]} is not simulated`, 'keep what belongs to the default context');
  const [thrown] = discarded;
  if (thrown !== undefined)
    throw bad(thrown, `the NIC throws ${thrown.match[1]} away`, 'take this line out, and leave such traffic out of the test');
}

function tableOf({ rows }: Section): Uint16Array | undefined {
  const table: number[] = [];
  for (const row of rows) {
    if (isUnsupported(row)) continue;
    const match = /^\s*(\d{1,9}):((?:\s+\d{1,9})+)$/.exec(row.text);
    if (match === null) throw unknown(row);
    if (Number(match[1]) !== table.length)
      throw bad(row, `entry ${table.length} of the table is expected here, and this is entry ${match[1]}`, SAVE_AGAIN);
    for (const entry of (match[2] ?? '').trim().split(/\s+/))
      table.push(numberOf(entry, { least: 0, most: 65535, what: 'as a queue' }, row));
    if (table.length > TABLE_ENTRIES_MAX) throw bad(row, `a table of more than ${TABLE_ENTRIES_MAX} entries`, SAVE_AGAIN);
  }
  return table.length === 0 ? undefined : Uint16Array.from(table);
}

function keyIn(section: Section | undefined): Uint8Array | undefined {
  const [row, second] = section?.rows ?? [];
  if (second !== undefined) throw unknown(second);
  if (row === undefined || isUnsupported(row)) return undefined;
  const key = keyOf(row.text.trim());
  if (key === undefined) throw bad(row, `${JSON.stringify(shortened(row.text))} is no hash key of at least ${KEY_BYTES} bytes`, SAVE_AGAIN);
  return key;
}

function keyless(name: string, device: string, rings: number): FanoutError {
  const queues = `queues=${Math.min(rings, TAP_QUEUES_MAX)}`;
  return badNic(
    `${name}: ${device} does not tell its hash key, and without it nobody knows which queue a packet goes to`,
    `try what it may be: --nic ${queues},rss=microsoft and --nic ${queues},rss=symmetric`,
  );
}

function checkFunction(row: Line): void {
  if (isUnsupported(row)) return;
  const match = /^\s+(\S+): (on|off)$/.exec(row.text);
  if (match === null && !/^\s+Unknown hash function: /.test(row.text)) throw unknown(row);
  if (match?.[2] === 'off' || match?.[1] === 'toeplitz') return;
  throw bad(
    row,
    `the NIC hashes by ${match?.[1] ?? 'a function that ethtool does not know'}, which each driver does in a way of its own: it cannot be simulated`,
    'test with the live NIC, or switch it to Toeplitz where the driver can (ethtool -X DEVICE hfunc toeplitz) and save again',
  );
}

const TRANSFORMS = ['symmetric-xor', 'symmetric-or-xor'] as const satisfies readonly InputTransform[];

function transformOf(section: Section | undefined): InputTransform {
  let transform: InputTransform = 'none';
  for (const row of section?.rows ?? []) {
    const match = /^\s+(\S+): (on|off)$/.exec(row.text);
    if (match === null && !/^\s+Unknown bits in RSS input transformation: /.test(row.text)) throw unknown(row);
    if (match?.[2] === 'off') continue;
    const known = TRANSFORMS.find((name) => name === match?.[1]);
    if (known === undefined || transform !== 'none')
      throw bad(
        row,
        `${JSON.stringify(shortened(row.text))}: an input transformation that is not known here`,
        'switch it off (ethtool -X DEVICE xfrm none) and save again, or test with the live NIC',
      );
    transform = known;
  }
  return transform;
}

const UNHASHED = '-';
/** RXH_* as ethtool spells them. */
const FIELD_LETTERS: Readonly<Record<string, string>> = {
  'IP SA': 's',
  'IP DA': 'd',
  'L4 bytes 0 & 1 [TCP/UDP src port]': 'f',
  'L4 bytes 2 & 3 [TCP/UDP dst port]': 'n',
  L2DA: 'm',
  'VLAN tag': 'v',
  'L3 proto': 't',
  'GTP TEID': 'e',
  'IPv6 Flow Label': 'l',
  None: UNHASHED,
};

function fieldsOf(sections: readonly Section[]): ReadonlyMap<FlowKind, Fields> {
  const known = new Map<FlowKind, Fields>();
  for (const section of sections) {
    const [, protocol = '', version = ''] = section.match;
    const kind = `${protocol.toLowerCase()}${version}` as FlowKind;
    const letters = section.rows.map(letterOf).join('');
    if (letters === UNHASHED)
      throw bad(
        section,
        `the NIC does not hash ${kind}; what chooses the queue instead, such as a hypervisor, is not told`,
        'test with the live NIC',
      );
    if (letters !== 'sd' && letters !== 'sdfn')
      throw bad(
        section,
        `${kind} is hashed by other fields than its addresses, with or without both ports, and in what way is published for no NIC`,
        'test with the live NIC, or take this list out to have addresses and ports assumed',
      );
    if ((known.get(kind) ?? letters) !== letters) throw bad(section, `${kind} had other fields before`, 'keep one of the two lists');
    known.set(kind, letters);
  }
  return known;
}

function letterOf(row: Line): string {
  const letter = FIELD_LETTERS[row.text.trim()];
  if (letter === undefined) throw unknown(row);
  return letter;
}

/** Those that receive, of the current settings. */
function channelsOf({ rows }: Section): number {
  let isCurrent = false;
  let count = 0;
  for (const row of rows) {
    const match = /^(RX|TX|Other|Combined):\s*(\d{1,9}|n\/a)$/.exec(row.text);
    if (match === null && !/^(?:Pre-set maximums|Current hardware settings):$/.test(row.text)) throw unknown(row);
    if (match === null) isCurrent = row.text.startsWith('Current');
    else if (isCurrent && match[1] !== 'TX' && match[1] !== 'Other' && match[2] !== 'n/a') count += Number(match[2]);
  }
  return count;
}

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly what: string;
}

function numberOf(text: string, { least, most, what }: Bounds, line: Line): number {
  const value = Number(text);
  if (value >= least && value <= most) return value;
  throw bad(line, `${text} ${what}: not a number from ${least} to ${most}`, SAVE_AGAIN);
}

function isUnsupported({ text }: Line): boolean {
  return text.trim() === 'Operation not supported';
}

function unknown(line: Line): FanoutError {
  const remedy = /^[[{]/.test(line.text) ? 'save it without --json' : SAVE_AGAIN;
  return bad(line, `${JSON.stringify(shortened(line.text))} is nothing that ethtool -x, -n DEVICE rx-flow-hash or -l says here`, remedy);
}

function bad({ where }: Line, message: string, remedy: string): FanoutError {
  return badNic(`${where}: ${message}`, remedy);
}

const TEXT_SHOWN = 60;

function shortened(text: string): string {
  const line = text.trim();
  return line.length > TEXT_SHOWN ? `${line.slice(0, TEXT_SHOWN)}...` : line;
}
