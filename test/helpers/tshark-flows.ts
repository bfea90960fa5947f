/** The innermost flow of every packet of a capture: as Wireshark's dissectors have it, and as the program's own does. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './tool.ts';

/** As the packet has it: not in the order of the canonical key. Addresses are in hexadecimal. */
export interface Flow {
  /** 0: no IP header was found. */
  readonly family: number;
  /** An IP protocol number. */
  readonly proto: number;
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
}

export interface Theirs extends Flow {
  /** All dissectors that took part. */
  readonly protocols: readonly string[];
  /** The flow is that of a packet which an ICMP error quotes. */
  readonly isQuoted: boolean;
  /** Of the innermost IP packet this is not the first fragment, so nothing is known of ports. */
  readonly isLater: boolean;
  /** Of the last message of ICMP or ICMPv6. */
  readonly icmpType: number | undefined;
}

export interface Ours extends Flow {
  /** As the addon names it. */
  readonly kind: string;
  readonly stack: string;
  /** The flow is the one that an ICMP error quotes, and the packet goes back. */
  readonly isIcmpError: boolean;
}

const NOTHING: Flow = { family: 0, proto: 0, src: '', sport: 0, dst: '', dport: 0 };
const OUTPUT_MAX = 1 << 30;

/** Reassembly would show the transport header of a datagram in its last fragment only. */
const PREFERENCES = ['ip.defragment:FALSE', 'ipv6.defragment:FALSE', 'wlan.defragment:FALSE'];
/** What is not named here is shown without what is in it. */
const SHOWN = 'wlan_aggregate ip ipv6 ah tcp udp udplite sctp dccp icmp icmpv6';

type Draft = { -readonly [Key in keyof Theirs]: Theirs[Key] };

/** What a field says about the flow of its packet. Headers come from the outermost to the innermost, so that later ones win. */
const FIELDS: Readonly<Record<string, (draft: Draft, show: string, value: string) => void>> = {
  'ip.src': setSource,
  'ip.dst': setDestination,
  'ip.frag_offset': setOffset,
  'ip.proto': setProtocol,
  'ipv6.src': setSource,
  'ipv6.dst': setDestination,
  'ipv6.fraghdr.offset': setOffset,
  'ah.next_header': setProtocol,
  'icmp.type': setType,
  'icmpv6.type': setType,
  'icmp.ident': setIdentifier,
  'icmpv6.echo.identifier': setIdentifier,
};
const NEXT_HEADER = /^ipv6\.(\w+\.)?nxt$/;
const PORT = /^(?:tcp|udp|sctp|dccp)\.(src|dst)port$/;
/** What stands around the layers of a packet, or for bytes of which nothing is known. */
const UNNAMED: ReadonlySet<string> = new Set(['geninfo', 'frame', 'fake-field-wrapper']);
const ELEMENT = /^ *<(proto|field) name="([^"]*)"/;
const ECHO_TYPES: ReadonlySet<number | undefined> = new Set([0, 8, 128, 129]);

function setSource(draft: Draft, _: string, value: string): void {
  draft.src = value;
}
function setDestination(draft: Draft, _: string, value: string): void {
  // A routing header shows the last destination as one more field of this name.
  if (draft.dst === '') draft.dst = value;
}
function setOffset(draft: Draft, show: string): void {
  draft.isLater ||= Number(show) > 0;
}
function setProtocol(draft: Draft, show: string): void {
  draft.proto = Number(show);
}
function setType(draft: Draft, show: string): void {
  draft.icmpType = Number(show);
}
function setIdentifier(draft: Draft, show: string): void {
  if (!ECHO_TYPES.has(draft.icmpType)) return;
  draft.sport = Number(show);
  draft.dport = Number(show);
}

function beginLayer(draft: Draft, name: string): void {
  if (!UNNAMED.has(name)) draft.protocols = [...draft.protocols, name];
  if (name !== 'ip' && name !== 'ipv6') return;
  draft.isQuoted ||= draft.icmpType !== undefined;
  draft.isLater = false;
  draft.icmpType = undefined;
  Object.assign(draft, NOTHING, { family: name === 'ip' ? 4 : 6 });
}

function takeField(draft: Draft, name: string, line: string): void {
  const show = / show="([^"]*)"/.exec(line)?.[1] ?? '';
  const port = PORT.exec(name)?.[1];
  if (port === 'src') draft.sport = Number(show);
  else if (port === 'dst') draft.dport = Number(show);
  else if (NEXT_HEADER.test(name)) setProtocol(draft, show);
  else FIELDS[name]?.(draft, show, / value="([^"]*)"/.exec(line)?.[1] ?? '');
}

/** Packet by packet. */
export function theirFlows(path: string, options: readonly string[] = []): readonly Theirs[] {
  const preferences = PREFERENCES.flatMap((preference) => ['-o', preference]);
  const args = ['-r', path, '-n', ...preferences, ...options, '-T', 'pdml', '-J', SHOWN];
  const { stdout, stderr, error } = spawnSync('tshark', args, { encoding: 'latin1', maxBuffer: OUTPUT_MAX });
  if (error !== undefined) throw error;
  // What is behind damage nobody reads.
  if (stdout === '') throw new Error(`tshark reads nothing of ${path}: ${stderr}`);
  return stdout
    .split('<packet>')
    .slice(1)
    .map((packet) => {
      const draft: Draft = { ...NOTHING, protocols: [], isQuoted: false, isLater: false, icmpType: undefined };
      for (const line of packet.split('\n')) {
        const [, element, name = ''] = ELEMENT.exec(line) ?? [];
        if (element === 'proto') beginLayer(draft, name);
        else if (element === 'field') takeField(draft, name, line);
      }
      return draft;
    });
}

/** Builds native/test/list_flows.cpp and write_samples.cpp where they are not built yet. */
export function makeLister(): void {
  execFileSync('make', ['--silent', '--directory', join(ROOT, 'native/test'), 'list_flows'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** By native/test/list_flows.cpp: several for a packet that is an aggregate of frames, none for one of which no frame can be made. */
export function ourFlows(path: string): readonly (readonly Ours[])[] {
  makeLister();
  const program = join(ROOT, 'native/build/asan/list_flows');
  const lines = execFileSync(program, [path], { encoding: 'latin1', maxBuffer: OUTPUT_MAX }).trimEnd().split('\n');
  const rows = lines.map((line) => line.split('\t'));
  const packets = Number(rows.at(-1)?.[0]);
  const found: Ours[][] = Array.from({ length: packets }, () => []);
  for (const row of rows.slice(0, -1)) {
    const [number, kind = '', stack = '', marks, family, proto, src = '', sport, dst = '', dport] = row;
    const isIcmpError = (Number.parseInt(marks ?? '', 16) & ICMP_ERROR) !== 0;
    const flow = { family: Number(family), proto: Number(proto), src, sport: Number(sport), dst, dport: Number(dport) };
    found[Number(number) - 1]?.push({ kind, stack, isIcmpError, ...flow });
  }
  return found;
}

/** mark_icmp_error of native/core/packet/dissect.hpp. */
const ICMP_ERROR = 0x10;
