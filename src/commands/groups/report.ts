/** Fanout groups as a report: a block each, then what is remarkable between them. Decides nothing. */
import { type Document, findingsTitled, paragraph, type Section, type Terms } from '../../collector/report/document.ts';
import { counted, grouped, listed, mebibytes } from '../../collector/words/english.ts';
import { FACT_WORDS } from '../../collector/words/group-remarks.ts';
import { ETH_P_ALL } from '../../model/fanout-group.ts';
import type { FilterResult, GroupResult, GroupsResult, MemberResult, NamespaceResult, UnreadFact } from './result.ts';

export function groupsDocument(result: GroupsResult): Document {
  const { namespaces } = result;
  const isOne = namespaces.length === 1;
  return {
    sections: [
      ...namespaces.flatMap((namespace) => (namespace.groups ?? []).map((group) => groupSection(group, isOne ? undefined : namespace))),
      ...emptySections(namespaces),
      ...remarkSections(namespaces, isOne),
      ...unreadSections(result, isOne),
    ],
  };
}

/** A line for each group, and the remarks. */
export function groupsBrief({ namespaces }: GroupsResult): Document {
  const isOne = namespaces.length === 1;
  const lines = namespaces.flatMap((namespace) =>
    (namespace.groups ?? []).map((group) => paragraph(headline(group, isOne ? undefined : namespace), { isUnbroken: true })),
  );
  return { isBrief: true, sections: [{ blocks: lines }, ...emptySections(namespaces), ...remarkSections(namespaces, isOne)] };
}

function groupSection(group: GroupResult, namespace: NamespaceResult | undefined): Section {
  const namespaceRow = namespace === undefined ? [] : [{ term: 'namespace', meaning: `${placeOf(namespace)} (${namespace.path})` }];
  const terms: Terms = { kind: 'terms', terms: [...namespaceRow, ...rowsOf(group)] };
  return { title: headline(group, namespace), blocks: [terms] };
}

/** "Group 99 on eth0: hash+defrag, 8 members" */
function headline(group: GroupResult, namespace: NamespaceResult | undefined): string {
  const { id, mode, flags, members } = group;
  const label = [mode, ...(flags ?? ['?'])].join('+');
  const place = namespace === undefined ? '' : ` in ${placeOf(namespace)}`;
  return `Group ${id}${place} on ${deviceOf(group)}: ${label}, ${counted(members.length, 'member')}`;
}

function deviceOf({ binding, interface: name, ifindex }: GroupResult): string {
  if (binding === 'all') return 'all interfaces';
  if (binding === 'removed') return 'an interface that was removed';
  return name ?? `interface ${ifindex}, which has no name any more`;
}

/** "sensor", "this network namespace", "the namespace of suricata (pid 4711)" */
function placeOf({ name, isOwn, process, inode }: NamespaceResult): string {
  if (name === 'initial') return 'the initial network namespace';
  if (name !== null) return name;
  if (isOwn) return 'this network namespace';
  return process === null ? `network namespace ${inode}` : `the namespace of ${process.comm} (pid ${process.pid})`;
}

type Row = Terms['terms'][number];

function rowsOf(group: GroupResult): readonly Row[] {
  const { members, unread } = group;
  const told = (term: string, textOf: (member: MemberResult) => string | undefined): readonly Row[] => {
    const meaning = shared(members, textOf);
    return meaning === undefined ? [] : [{ term, meaning }];
  };
  const owners = ownersText(members);
  return [
    ...(owners === undefined ? [] : [{ term: 'owners', meaning: owners }]),
    { term: 'captures', meaning: capturesText(group) },
    ...told('ring', ringText),
    ...told('filter', ({ filter }) => (filter === null ? undefined : filterText(filter))),
    ...dropsRows(members),
    ...rolloverRows(members),
    ...(unread.length === 0 ? [] : [{ term: 'unread', meaning: unread.map(({ fact }) => FACT_WORDS[fact]).join(', ') }]),
  ];
}

/** What all members have, or how many have which. Members of which nothing is known are left out. */
function shared(members: readonly MemberResult[], textOf: (member: MemberResult) => string | undefined): string | undefined {
  const counts = new Map<string, number>();
  for (const text of members.map(textOf)) if (text !== undefined) counts.set(text, (counts.get(text) ?? 0) + 1);
  if (counts.size === 0) return undefined;
  const [[only = '', count = 0] = []] = counts;
  if (counts.size === 1 && count === members.length) return only;
  return [...counts].map(([text, many]) => `${many} of ${members.length}: ${text}`).join('; ');
}

const OWNERS_SHOWN = 8;

function ownersText(members: readonly MemberResult[]): string | undefined {
  const held = new Map<string, number>();
  for (const { owners } of members)
    for (const { pid, comm } of owners ?? []) held.set(`${comm} (pid ${pid})`, (held.get(`${comm} (pid ${pid})`) ?? 0) + 1);
  if (held.size === 0) return members.every(({ owners }) => owners !== null) ? 'none' : undefined;
  const [[only = '', count = 0] = []] = held;
  if (held.size === 1 && count === members.length) return only;
  return listed(
    [...held].map(([owner, many]) => (many === 1 ? owner : `${owner} with ${counted(many, 'member')}`)),
    OWNERS_SHOWN,
  );
}

const PROTOCOLS: Readonly<Record<number, string>> = { 2048: 'IPv4', 34525: 'IPv6', 2054: 'ARP', 33024: '802.1Q' };

function capturesText({ protocol, members, isInterfacePromiscuous }: GroupResult): string {
  const what = protocol === ETH_P_ALL ? 'all protocols' : (PROTOCOLS[protocol] ?? `protocol 0x${protocol.toString(16).padStart(4, '0')}`);
  const idle = members.filter(({ running }) => !running).length;
  const isIdle = idle === members.length ? 'nothing now' : `nothing now by ${idle} of ${members.length} members`;
  return [
    [what, ...promiscuousText(members, isInterfacePromiscuous)].join(', '),
    ...(idle === 0 ? [] : [`${isIdle}, as the interface is down or gone`]),
  ].join('; ');
}

function promiscuousText(members: readonly MemberResult[], isInterfacePromiscuous: boolean | null): readonly string[] {
  const asked = members.filter(({ promiscuous }) => promiscuous === true).length;
  if (asked > 0) return [asked === members.length ? 'promiscuous' : `promiscuous by ${asked} of ${members.length} members`];
  return isInterfacePromiscuous === true ? ['promiscuous by the setting of the interface'] : [];
}

function ringText({ ring, receiveBufferBytes }: MemberResult): string {
  if (ring === undefined)
    return `none: read by recv(2)${receiveBufferBytes === null ? '' : `, from a buffer of ${sizeOf(receiveBufferBytes)}`}`;
  const { tpacket, blockBytes, blockCount, frameBytes, frameCount, retireMs } = ring;
  const frames = tpacket === 3 ? '' : `, ${grouped(frameCount)} frames of ${grouped(frameBytes)} bytes`;
  const retire = retireMs === undefined ? '' : `, a block waits ${retireMs} ms`;
  return `TPACKET_V${tpacket}, ${blockCount} x ${sizeOf(blockBytes)} = ${sizeOf(blockBytes * blockCount)} each${frames}${retire}`;
}

function sizeOf(bytes: number): string {
  if (bytes < 2 ** 10) return `${bytes} bytes`;
  return bytes < 2 ** 20 ? `${Math.round(bytes / 2 ** 10)} KiB` : mebibytes(bytes);
}

function filterText({ kind, instructions }: FilterResult): string {
  if (kind === 'none') return 'none';
  return kind === 'ebpf' ? 'a program of eBPF' : `${counted(instructions ?? 0, 'instruction')} of classic BPF`;
}

function dropsRows(members: readonly MemberResult[]): readonly Row[] {
  const known = members.flatMap(({ drops }) => (drops === null ? [] : [drops]));
  if (known.length === 0) return [];
  const of = known.length === members.length ? '' : `by ${known.length} of ${members.length} members, `;
  const total = known.reduce((sum, drops) => sum + drops, 0);
  return [{ term: 'drops', meaning: `${of}${grouped(total)} since the sockets were opened` }];
}

function rolloverRows(members: readonly MemberResult[]): readonly Row[] {
  const known = members.flatMap(({ rollover }) => (rollover === undefined || rollover === null ? [] : [rollover]));
  if (known.length === 0) return [];
  const total = (count: (one: (typeof known)[number]) => number): string => grouped(known.reduce((sum, one) => sum + count(one), 0));
  return [
    {
      term: 'rolled over',
      meaning: `${total(({ all }) => all)} packets moved to another member, ${total(({ huge }) => huge)} of them of large flows; ${total(({ failed }) => failed)} found no room`,
    },
  ];
}

const EMPTY_SHOWN = 8;

function emptySections(namespaces: readonly NamespaceResult[]): readonly Section[] {
  const empty = namespaces.filter(({ groups }) => groups?.length === 0);
  if (empty.length === 0) return [];
  return [{ blocks: [paragraph(`No fanout group is in ${listed(empty.map(placeOf), EMPTY_SHOWN)}.`)] }];
}

/** What it would take to read the rest: once each, as it is much the same for all groups. */
function unreadSections({ namespaces, unread }: GroupsResult, isOne: boolean): readonly Section[] {
  const factsOf = new Map<string, Set<string>>();
  const add = ({ fact, needs }: UnreadFact, words = FACT_WORDS[fact]): void => {
    factsOf.set(needs, (factsOf.get(needs) ?? new Set()).add(words));
  };
  for (const namespace of namespaces) {
    for (const one of namespace.unread) add(one, isOne ? FACT_WORDS[one.fact] : `${FACT_WORDS[one.fact]} of ${placeOf(namespace)}`);
    for (const group of namespace.groups ?? []) for (const one of group.unread) add(one);
  }
  for (const one of unread) add(one);
  if (factsOf.size === 0) return [];
  const blocks = [...factsOf].map(([needs, facts]) => paragraph(`${listed([...facts], EMPTY_SHOWN)}: needs ${needs}`));
  return [{ title: 'Unread', blocks }];
}

function remarkSections(namespaces: readonly NamespaceResult[], isOne: boolean): readonly Section[] {
  return namespaces.flatMap((namespace) => {
    const title = isOne ? 'Remarks' : `Remarks on ${placeOf(namespace)}`;
    return findingsTitled(title, namespace.remarks);
  });
}
