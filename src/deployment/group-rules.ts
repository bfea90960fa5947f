/** Rules that hold for the groups of any program. Pure. */
import { LEGACY_MEMBERS_MAX } from '../model/fanout.ts';
import { type Group, isInline, type Program, placeIn } from './group.ts';
import { type LintFinding, type Note, noting, type Rule } from './rules.ts';

/** A datagram that the kernel put together has up to so many bytes. */
const DATAGRAM_MAX = 65535;
const PAGE = 4096;

/** @param earlier findings of the same file, of which some say the same more exactly */
export function groupFindings(groups: readonly Group[], earlier: readonly LintFinding[]): readonly LintFinding[] {
  const { note, findings } = noting();
  const isSaid = (rule: Rule): boolean => earlier.some((finding) => finding.rule === rule);
  const isJoined = groups.filter(({ group }) => group !== false);
  for (const group of groups) {
    noteMode(group, isSaid, note);
    const isAlone = noteMembers(group, isSaid, note);
    if (!isAlone && group.group !== false) noteFragments(group, note);
    noteRing(group, note);
    noteNames(group, isSaid, note);
  }
  if (!isSaid('zeek-conf-template-interface')) noteSharedIds(isJoined, note);
  noteReaders(
    groups.filter(({ program }) => program === 'zeek'),
    isSaid,
    note,
  );
  return findings;
}

const WITH_HASH_ADVICE: readonly Program[] = ['suricata', 'zeek', 'snort', 'arkime', 'stenographer', 'dpdk'];

function noteMode(group: Group, isSaid: (rule: Rule) => boolean, note: Note): void {
  const { program, mode, interface: device, flags } = group;
  const at = placeIn(group, 'mode');
  const isDefault = isSaid('stenotype-default-mode') || isSaid('netsniff-default-mode');
  if (mode === 'lb' || mode === 'rnd' || mode === 'rollover') {
    if (!isDefault) note('mode-splits-flows', { program, interface: device, mode }, at);
  } else if (mode === 'cpu' || mode === 'qm') note('mode-follows-nic', { program, interface: device, mode }, at);
  if (flags.includes('rollover') && !isDefault) note('rollover-flag', { program, interface: device }, placeIn(group, 'flags', 'mode'));
}

/** Whether it is a group of one, and that was said. */
function noteMembers(group: Group, isSaid: (rule: Rule) => boolean, note: Note): boolean {
  const { program, procs, interface: device, id, procsMeans } = group;
  const at = placeIn(group, 'procs');
  if (typeof procs === 'number' && procs > LEGACY_MEMBERS_MAX && typeof id === 'number')
    note('members-over-limit', { program, interface: device, id, members: procs }, at);
  const isKnown = procsMeans === undefined && program !== 'snort' && !isSaid('zeek-conf-template-interface');
  if (procs !== 1 || !isKnown) return false;
  note('one-member', { program, interface: device }, at);
  return true;
}

function noteFragments(group: Group, note: Note): void {
  const { program, mode, flags, interface: device } = group;
  const isSuricataInline = program === 'suricata' && isInline(group);
  if (mode !== 'hash' || flags.includes('defrag') || isSuricataInline || !WITH_HASH_ADVICE.includes(program)) return;
  note('fragments-split', { program, interface: device }, placeIn(group, 'flags', 'mode'));
}

function noteRing(group: Group, note: Note): void {
  const { program, interface: device, flags, tpacket, blockSize, snaplen } = group;
  if (program === 'zeek' && blockSize !== undefined && (blockSize === 0 || blockSize % PAGE !== 0))
    note('block-size-page', { program, interface: device, bytes: blockSize }, placeIn(group, 'blockSize'));
  if (!flags.includes('defrag')) return;
  const at = placeIn(group, 'blockSize', 'snaplen', 'flags');
  if (tpacket === 'v3' && blockSize !== undefined && blockSize <= DATAGRAM_MAX)
    note('defrag-ring-too-small', { program, interface: device, bytes: blockSize, unit: 'block' }, at);
  if (tpacket === 'v2' && snaplen !== undefined && snaplen < DATAGRAM_MAX)
    note('defrag-ring-too-small', { program, interface: device, bytes: snaplen, unit: 'frame' }, at);
}

function noteNames(group: Group, isSaid: (rule: Rule) => boolean, note: Note): void {
  const { program, interface: device, id, origins } = group;
  if (device === 'lo') note('interface-loopback', { program }, placeIn(group, 'interface'));
  if (program === 'suricata' && id === 0 && origins['id'] !== undefined && !isSaid('suricata-id-invalid'))
    note('id-zero', { program }, origins['id']);
}

/** One id on several interfaces of one host. */
function noteSharedIds(groups: readonly Group[], note: Note): void {
  for (const same of groupedBy(groups, ({ host, id }) => (typeof id === 'number' ? `${host ?? ''} ${id}` : undefined))) {
    const interfaces = [...new Set(same.flatMap((group) => group.interface ?? []))];
    const [first, ...rest] = same;
    if (first === undefined || typeof first.id !== 'number' || interfaces.length < 2) continue;
    const other = rest.find((group) => group.interface !== first.interface) ?? first;
    note('group-on-two-interfaces', { program: first.program, id: first.id, interfaces }, placeIn(other, 'id'));
  }
}

/** Processes of Zeek that read one interface in several groups, or in none. */
function noteReaders(groups: readonly Group[], isSaid: (rule: Rule) => boolean, note: Note): void {
  if (isSaid('zeek-fanout-off')) return;
  for (const same of groupedBy(groups, (group) => (group.interface === null ? undefined : `${group.host ?? ''} ${group.interface}`))) {
    const [first, second] = same;
    const readers = same.reduce((sum, { procs, group }) => sum + (group === false && procs !== 'auto' ? procs : 1), 0);
    if (first !== undefined && second !== undefined)
      note('duplicated-readers', { program: first.program, interface: first.interface, readers }, placeIn(second, 'interface'));
  }
}

/** Map.groupBy, which Node.js 20 has not; without those of no key. */
export function groupedBy<T>(all: readonly T[], keyOf: (one: T) => string | undefined): readonly (readonly T[])[] {
  const found = new Map<string, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    if (key === undefined) continue;
    const known = found.get(key);
    if (known === undefined) found.set(key, [one]);
    else known.push(one);
  }
  return [...found.values()];
}
