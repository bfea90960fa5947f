/** Where the program's dissector and Wireshark's name another innermost flow of a packet, and whether that is by design. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { pcapBytes } from './pcap.ts';
import { ROOT } from './tool.ts';
import { framesOf } from './traffic.ts';
import { type Flow, makeLister, type Ours, ourFlows, type Theirs, theirFlows } from './tshark-flows.ts';

export interface Difference {
  /** Of the packet in its file, from 1. */
  readonly packet: number;
  readonly ours: readonly Ours[];
  readonly theirs: Theirs;
}

export interface Comparison {
  readonly packets: number;
  readonly agreed: number;
  /** By design: how many packets for each reason. */
  readonly designed: ReadonlyMap<string, number>;
  readonly unexplained: readonly Difference[];
}

/** What one of the two does otherwise on purpose: both descriptions match. */
interface Design {
  readonly reason: string;
  /** Kind and stack. */
  readonly ours: RegExp;
  /** The dissectors that took part. */
  readonly theirs: RegExp;
}

const DESIGNS: readonly Design[] = [
  // What tshark does not open, or opens only if it is told how.
  { reason: 'tshark is not told what is beneath a label', ours: /^flow .*mpls\/(pw\/)?eth\//, theirs: /mpls(:pwethcw)?(:eth)?(:llc)?$/ },
  { reason: 'tshark does not know the header', ours: /^flow .*(garland\/eth|fr|ppp)\/ipv[46]/, theirs: /^eth(:(vlan|ieee8021ad))*$/ },
  { reason: 'tshark expects no VLAN tag of type 0x9100 in GRE', ours: /^flow .*gre\/vlan/, theirs: /ipv?6?:gre$/ },
  {
    reason: 'tshark wants a whole aggregate of IEEE 802.11',
    ours: /^flow .*gre\/wlan\/snap/,
    theirs: /wlan:wlan_aggregate:_ws\.malformed$/,
  },
  { reason: 'tshark expects the frame control of CAPWAP in one order', ours: /^flow .*capwap\/wlan\/snap/, theirs: /capwap\.data:wlan$/ },
  { reason: 'tshark wants the jumbo option behind a length of 0', ours: /^flow ipv6\/tcp$/, theirs: /^eth:ipv6:_ws\.malformed$/ },
  { reason: 'tshark expects nothing behind HIP', ours: /^flow .*ipv6\/ext\/udp/, theirs: /:hip(:_ws\.malformed)?$/ },
  { reason: 'tshark wants a whole header of SCTP', ours: /^flow .*sctp$/, theirs: /ipv?6?:_ws\.short$/ },
  { reason: 'tshark does not know the link type', ours: /^flow /, theirs: /^$/ },
  { reason: 'tshark knows not every number of IPv6 in front of a packet', ours: /^flow ipv6\//, theirs: /^null(:_ws\.malformed)?$/ },
  { reason: 'tshark expects neither PPP nor a tag in HDLC', ours: /^flow (vlan\/)?ipv4\//, theirs: /^chdlc$/ },
  { reason: 'tshark wants the whole header of a radio or a log', ours: /^flow /, theirs: /^(prism|wlancap|nflog):_ws\.malformed$/ },
  { reason: 'tshark takes a radio captured on any device for LLC', ours: /^flow /, theirs: /^sll:llc:\w+$/ },
  // What no reader opens, or only where more than a port speaks for it.
  { reason: 'more headers than the kernel follows', ours: /^malformed /, theirs: /^([^:]+:){16}/ },
  {
    reason: 'ICMP in packets of the other IP version has no identifier',
    ours: /^flow .*(ipv4\/icmp6|ipv6\/icmp)$/,
    theirs: /(ip:icmpv6|ipv6:icmp)$/,
  },
  { reason: 'GRE of another version, or with reserved bits', ours: /^flow ipv4\/(gre|udp)$/, theirs: /:gre:ip(:tcp)?$/ },
  { reason: 'NSH of another version', ours: /^other-ethertype nsh\/other$/, theirs: /^eth:nsh:ip$/ },
  { reason: 'Geneve of another version', ours: /^flow ipv4\/udp$/, theirs: /^eth:ip:udp:geneve:eth:ip(:tcp)?$/ },
  { reason: 'LLC with the access point of IP', ours: /^other-ethertype other$/, theirs: /^eth:llc:ip(:tcp)?$/ },
  { reason: 'PPPoE of another version', ours: /^other-ethertype pppoe\/other$/, theirs: /^eth:pppoes:ppp:ip(:tcp)?$/ },
  { reason: 'a port is no proof', ours: /^flow ipv4\/udp$/, theirs: /^eth:ip:udp:(ayiya|lisp-data|teredo):ip(v6)?(:_ws\.malformed)?$/ },
  { reason: 'Ethernet in GTP-U', ours: /^flow ipv4\/udp\/gtpu$/, theirs: /:gtp:eth:ip(:tcp)?$/ },
  { reason: 'IPComp', ours: /^flow .*ipcomp$/, theirs: /:ipcomp:/ },
];

function isSame(a: Flow, b: Flow): boolean {
  return a.family === b.family && a.proto === b.proto && a.src === b.src && a.dst === b.dst && a.sport === b.sport && a.dport === b.dport;
}

function turned({ family, proto, src, sport, dst, dport }: Flow): Flow {
  return { family, proto, src: dst, sport: dport, dst: src, dport: sport };
}

const ICMP_PROTOCOLS: ReadonlySet<number> = new Set([1, 58]);
const INCOMPLETE = ['_ws.short', '_ws.malformed', '_ws.unreassembled'];

const AGREES: Readonly<Record<string, (ours: Ours, theirs: Theirs) => boolean>> = {
  // An error goes back, so that its direction is that of the answers to what it quotes.
  flow: (ours, theirs) => ours.isIcmpError === theirs.isQuoted && !theirs.isLater && isSame(ours.isIcmpError ? turned(ours) : ours, theirs),
  'fragment-later': (ours, theirs) => theirs.isLater && !theirs.isQuoted && isSame({ ...ours, sport: 0, dport: 0 }, theirs),
  'icmp-error': (_, theirs) => theirs.isQuoted || (ICMP_PROTOCOLS.has(theirs.proto) && theirs.icmpType !== undefined),
  'icmp-other': (_, theirs) => !theirs.isQuoted && ICMP_PROTOCOLS.has(theirs.proto) && theirs.sport === 0,
  'other-ethertype': (_, theirs) => theirs.family === 0,
  'other-protocol': (ours, theirs) => theirs.family === 6 && theirs.proto === ours.proto,
  truncated: (_, theirs) => INCOMPLETE.some((name) => theirs.protocols.includes(name)) || (theirs.sport === 0 && theirs.dport === 0),
  malformed: (_, theirs) => INCOMPLETE.some((name) => theirs.protocols.includes(name)) || (theirs.family !== 0 && theirs.src === ''),
};

/** What tshark opens on one port or type only if it is told. It contradicts nothing. */
const RULES = ['udp.port==8472,vxlan', 'ethertype==0x9200,vlan'];

/** @param rules more of what tshark's option -d takes */
export function compareFlows(path: string, rules: readonly string[] = []): Comparison {
  const ours = ourFlows(path);
  const theirs = theirFlows(
    path,
    [...RULES, ...rules].flatMap((rule) => ['-d', rule]),
  );
  if (ours.length !== theirs.length) throw new Error(`${path} has ${theirs.length} packets for tshark and ${ours.length} for list_flows`);
  const designed = new Map<string, number>();
  const unexplained: Difference[] = [];
  let agreed = 0;
  theirs.forEach((their, i) => {
    const own = ours[i] ?? [];
    if (own.some((our) => AGREES[our.kind]?.(our, their)) || (own.length === 0 && their.family === 0)) {
      agreed += 1;
      return;
    }
    const layers = their.protocols.join(':');
    const designs = DESIGNS.filter((design) => design.theirs.test(layers));
    const reason = designs.find((design) => own.some(({ kind, stack }) => design.ours.test(`${kind} ${stack}`)))?.reason;
    if (reason === undefined) unexplained.push({ packet: i + 1, ours: own, theirs: their });
    else designed.set(reason, (designed.get(reason) ?? 0) + 1);
  });
  return { packets: theirs.length, agreed, designed, unexplained };
}

function flowText({ family, proto, src, sport, dst, dport }: Flow): string {
  return family === 0 ? 'no IP' : `${proto} ${addressText(src)} ${sport} > ${addressText(dst)} ${dport}`;
}

function addressText(hex: string): string {
  if (hex.length === 8) return (hex.match(/../g) ?? []).map((octet) => Number.parseInt(octet, 16)).join('.');
  return (hex.match(/..../g) ?? []).join(':');
}

/** For people: one difference, all that is known about it. */
export function differenceText({ packet, ours, theirs }: Difference): string {
  const own = ours.map((our) => `${our.kind} ${our.stack} ${our.isIcmpError ? 'error ' : ''}${flowText(our)}`);
  const notes = `${theirs.isQuoted ? ' quoted' : ''}${theirs.isLater ? ' later fragment' : ''}`;
  return `packet ${packet}\n  ours:   ${own.join('; ') || 'no frame'}\n  tshark: ${flowText(theirs)}${notes}, ${theirs.protocols.join(':')}`;
}

export interface OwnCapture {
  readonly name: string;
  readonly path: string;
  readonly rules: readonly string[];
}

/** Beneath a label is what tshark is told, and only one thing in one capture. */
const BENEATH_LABELS: Readonly<Record<string, string>> = {
  'mpls-pw-ipv4-tcp': 'mpls.label==16-1048575,pwethnocw',
  'mpls-pw-control-ipv4-tcp': 'mpls.label==16-1048575,pwethcw',
};

const CUT_BYTES = 64;

/** Everything that the lab's generator makes, also cut, and the samples of native/test, also one tunnel in another. */
export function writeOwnCaptures(directory: string): readonly OwnCapture[] {
  const names = TRAFFIC_CLASSES.map(({ name }) => name).filter((name) => BENEATH_LABELS[name] === undefined);
  const generated = (name: string, classes: readonly string[], snaplen?: number): OwnCapture => {
    const path = join(directory, `${name}.pcap`);
    const traffic = generateTraffic({ seed: 3, classes, flows: 2 * classes.length, packetsPerFlow: 12, payloadMax: 200 });
    writeFileSync(path, pcapBytes(framesOf(traffic), snaplen === undefined ? {} : { snaplen }));
    const rule = BENEATH_LABELS[name];
    return { name, path, rules: rule === undefined ? [] : [rule] };
  };
  const [samples, links] = [join(directory, 'samples.pcap'), join(directory, 'links.pcapng')];
  makeLister();
  execFileSync(join(ROOT, 'native/build/asan/write_samples'), [samples, links], { stdio: 'ignore' });
  return [
    generated('classes', names),
    generated('cut', names, CUT_BYTES),
    ...Object.keys(BENEATH_LABELS).map((name) => generated(name, [name])),
    { name: 'samples', path: samples, rules: [] },
    { name: 'links', path: links, rules: [] },
  ];
}
