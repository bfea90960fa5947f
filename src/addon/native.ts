/** Loads and types the addon. The only file that does. */
import { join } from 'node:path';
import { FanoutError } from '../errors.ts';
import type { Evidence, ViolationTraits } from '../model/evidence.ts';
import type { KernelBugs, KernelDesign } from '../model/kernel-model.ts';
import type { LinkState } from '../model/link.ts';
import type { FlowRoom } from '../model/run-limits.ts';
import type { FlowId, Violation, ViolationKind, ViolationObservation } from '../model/run-result.ts';
import { packageRoot } from '../package-root.ts';
import { descriptorPath, WORKER_DESCRIPTORS } from '../worker-descriptors.ts';
import type { CaptureSummary, FrameCollector, LabAddon } from './lab.ts';

/** One classic BPF instruction: code, jt, jf, k (linux/filter.h, struct sock_filter). */
export type CbpfInstruction = readonly [code: number, jt: number, jf: number, k: number];

export interface CaptureOptions {
  /** Of openPacketSocket(); the capture closes it. */
  readonly socket: number;
  readonly ifindex: number;
  readonly member: number;
  readonly blockBytes: number;
  readonly blockCount: number;
  readonly blockTimeoutMs: number;
  readonly snaplen: number;
  /** null: keep `snaplen` bytes of every packet. */
  readonly filter: readonly CbpfInstruction[] | null;
  readonly promiscuous: boolean;
  readonly ignoreOutgoing: boolean;
  readonly cpu: number | null;
  readonly flowsMax: number;
  readonly workNs: number;
  readonly newsIntervalMs: number;
  readonly hashSeed: bigint;
  /** The traffic is the lab's own: its numbers tell the order of packets. */
  readonly labTags: boolean;
  /** The traffic is that of a capture file: time between packets tells nothing about their senders. */
  readonly replayed: boolean;
  /** Packets are delivered from bind(2) on: before the member has joined, and while others still do. */
  readonly eager: boolean;
  /** Of a live device: packets above it are counted. */
  readonly mtu?: number;
  /** Of a kernel that hashes otherwise than current ones. */
  readonly kernel?: KernelDesign;
}

/** Totals of a member (native/core/worker/order.hpp). The last three are zero where lab tags are the evidence. */
export type OrderTotals = readonly [
  checked: number,
  inversions: number,
  flows: number,
  synAckFirst: number,
  ackFirst: number,
  timeStamp: number,
];

/** Of live packets that were looked at, how many came twice (native/core/worker/copies.hpp). */
export type CopyTotals = readonly [looked: number, again: number, crossed: number, apartNs: number];

/** Packets above the MTU (native/core/worker/capture.hpp). */
export type LargeTotals = readonly [received: number, sent: number, merged: number, largestBytes: number];

export interface CaptureCounters {
  /** Handed over by the kernel; drops not included. */
  readonly packets: number;
  readonly drops: number;
  readonly freezes: number;
  /** Read from the ring so far. */
  readonly captured: number;
  readonly bytes: number;
  readonly outgoing: number;
  readonly judged: number;
  readonly overflowed: number;
  readonly ignored: readonly (readonly [reason: number, packets: number])[];
  /** [all, huge, failed], or empty where the group does not roll over. */
  readonly rollover: readonly number[];
  readonly order: OrderTotals;
  readonly copies: CopyTotals;
  readonly large: LargeTotals;
  /** CLOCK_REALTIME at which all this was true. */
  readonly aliveNs: bigint;
  readonly cpuNs: number;
  readonly epoch: number;
  /** Last error of the socket, and how often there was one: ENETDOWN when the interface went down or away. */
  readonly linkErrno: number;
  readonly linkErrors: number;
  readonly finished: boolean;
}

export interface Membership {
  readonly groupId: number;
  readonly mode: number;
  readonly flags: number;
}

/** One member: socket, ring and capture thread. Failures throw Errors with `call` and `errno`. */
export interface Capture {
  join(request: { readonly groupId: number; readonly mode: number; readonly flags: number; readonly membersMax: number }): Membership;
  setCbpf(program: readonly CbpfInstruction[]): void;
  /** @param program a descriptor, which is closed */
  setEbpf(program: number): void;
  arm(): void;
  start(startNs: bigint, epoch: number, onDoorbell: () => void): void;
  beginEpoch(epoch: number, fromNs: bigint): void;
  /** Packets stamped `untilNs` or later are not judged; 0: at once. */
  finish(untilNs: bigint): void;
  answerDoorbell(): void;
  counters(): CaptureCounters;
  take(): { readonly slot: number; readonly length: number } | null;
  release(slot: number): void;
  buffers(): readonly Buffer[];
  inode(): number;
  close(): void;
}

/** What one member saw of one direction of one flow, for those who make it up. Integers may be numbers or bigints; times count from the start. */
export interface ObservationInput {
  /** IPv4 or IPv6, as text; `dst` of the same family. */
  readonly src: string;
  readonly dst: string;
  readonly srcPort: number;
  readonly dstPort: number;
  /** IP protocol number. */
  readonly protocol: number;
  /** Layers by name, outermost first: `vlan/ipv4/tcp` (native/core/packet/stack.hpp). */
  readonly stack: string;
  readonly kernelKey: bigint | number;
  /** 1: IPv6 flow label, 2: fragment, 4: stale octets, 8: echo request, 16: ICMP error about the flow, 32: sent tagged (native/core/packet/dissect.hpp). */
  readonly marks: number;
  /** Digest of flow label, VLAN ids and GRE key (native/core/packet/tag_digest.hpp); absent or 0: none of them, 65535: packets differ. */
  readonly tags?: number;
  /** At least 1, or the flow map refuses the message, except of a datagram. */
  readonly packets: bigint | number;
  readonly bytes: bigint | number;
  readonly firstNs: bigint | number;
  readonly lastNs: bigint | number;
  /** Mark of the least packet (native/core/packet/content.hpp); 0: nobody looked. */
  readonly content: number;
  /** Digest of a fragmented datagram (native/core/wire/observation.hpp); 0: of none. */
  readonly datagram: bigint | number;
}

export interface Tally {
  readonly flows: number;
  readonly twoWay: number;
  readonly violated: number;
  readonly packets: number;
  /** Of the flows: seen in one direction only, and given up to make room. */
  readonly forgotten: number;
  /** Nearly all that there is room for is evidence: what comes next may soon find no room. */
  readonly full: boolean;
}

/** Evidence as the addon gives it: epochs are known by number only. */
export type NativeEvidence = Omit<Evidence, 'epochs'> & { readonly twoWayByEpochAndMember: readonly (readonly number[])[] };

export interface ObservedFlow extends Pick<Violation, 'flow' | 'observations'> {
  /** "none": all of it came too late to be judged. */
  readonly verdict: 'none' | 'one-way' | 'consistent' | ViolationKind;
  /** What diagnosis needs to know of a violation. */
  readonly traits?: ViolationTraits;
  /** ICMP errors that quote the flow: no part of the verdict. */
  readonly errors: readonly ViolationObservation[];
  /** Some of them were on a member that saw no packet of the flow. */
  readonly errorsElsewhere: boolean;
}

export interface FlowMap {
  /**
   * The number of observations taken, or -(1 + offset) where the message is malformed; then nothing was taken.
   * @param newestEpoch the last that was announced: one of a later epoch is malformed, too
   */
  ingest(message: Uint8Array, member: number, newestEpoch?: number): number;
  tally(): Tally;
  evidence(question: {
    readonly epochEndsNs: readonly (bigint | null)[];
    readonly violationsMax: number;
    readonly startNs: bigint;
  }): NativeEvidence;
  /** The first `max` flows in the order of their keys, each with all its observations, whatever the verdict and the epoch. No forgotten ones. */
  flows(question: {
    readonly epochEndsNs: readonly (bigint | null)[];
    readonly max: number;
    readonly startNs: bigint;
  }): readonly ObservedFlow[];
  /** For how many flows there is room; less than asked for where the address space is limited. */
  capacity(): number;
  bytesUsed(): number;
}

/**
 * What a group in mode hash must do with the packets of a capture file, without the flag DEFRAG and with it. Every packet is placed on a
 * member that stands for its kernel key among those of its flow.
 */
export interface CapturePrediction {
  /** The next bytes of the file; the number taken, which is all of them. */
  feed(bytes: Uint8Array): number;
  /** The file has ended. */
  finish(): void;
  summary(): CaptureSummary;
  evidence(question: { readonly defrag: boolean; readonly violationsMax: number }): NativeEvidence;
  flows(question: { readonly defrag: boolean; readonly max: number }): readonly ObservedFlow[];
  counts(question: { readonly defrag: boolean }): PredictionCounts;
}

export interface PredictionCounts {
  /** Of flows, and of those that the flow map had no room for. A reassembled datagram is one. */
  readonly packets: number;
  /** Fragments that the kernel would have kept back and never passed on. */
  readonly unseen: number;
  readonly ignored: readonly (readonly [reason: number, packets: number])[];
}

/** What a worker makes of one frame. Key and stack are set as far as the bytes reach; kernelKey is a digest of what the kernel hashes. */
interface Dissection {
  readonly stack: string;
  /** 16 hexadecimal digits, as in observations. Frames with equal keys get one member of a hash group. */
  readonly kernelKey: string;
  /** Of flow label, VLAN ids and GRE key (native/core/packet/tag_digest.hpp). */
  readonly tags: number;
  readonly marks: readonly ('flow-label' | 'fragment' | 'stale-ipv6' | 'echo-request' | 'icmp-error' | 'sent-tagged')[];
  readonly ethertype: number;
  readonly protocol: number;
}

/** In what else a frame was seen than its bytes. */
export interface DissectHow {
  /** Control information of a tag that was taken out of the bytes. */
  readonly tagTci?: number;
  /** By this host: where the kernel's dissector began (native/core/packet/dissect.hpp). */
  readonly sentFrom?: { readonly protocol: number; readonly networkAt: number };
  /** By the model of another kernel than current ones. */
  readonly kernel?: KernelInput;
}

export type KernelInput = KernelDesign & { readonly bugs?: KernelBugs };

export type DissectedFlow = Dissection & {
  readonly kind: 'flow';
  /** In canonical order: as sent in direction forward. */
  readonly flow: FlowId;
  readonly direction: 'forward' | 'reverse';
};

export type DissectedFrame =
  | DissectedFlow
  | (Dissection & {
      readonly kind: 'other-ethertype' | 'other-protocol' | 'icmp-error' | 'icmp-other' | 'fragment-later' | 'truncated' | 'malformed';
    });

export interface InterfaceInfo {
  readonly index: number;
  /** The device's own, where it was asked for by an alternative one. */
  readonly name: string;
  readonly up: boolean;
  readonly running: boolean;
  readonly loopback: boolean;
  readonly promiscuous: boolean;
  /** ARPHRD_*: 1 is Ethernet, 772 loopback. */
  readonly hardwareType: number;
  readonly mtu: number;
}

export interface PacketSocketInfo {
  readonly inode: number;
  /** 0: all devices; 0xffffffff: the device is gone. */
  readonly ifindex: number;
  readonly protocol: number;
  readonly uid?: number;
  readonly groupId?: number;
  readonly mode?: number;
}

/** Takes a link down and up again, with the one capability that it kept. */
export interface LinkHelper {
  /** To be kept when this program is replaced by itself. */
  readonly channel: number;
  flap(): void;
}

/** A process that writes one file with rights that this one has no more. It leaves nothing where its channel is closed before it has all. */
export interface FileHelper {
  /** To it: a length in eight bytes, in this machine's order, and the content. From it: 0 or an errno, in four. The caller owns it. */
  readonly channel: number;
  readonly pid: number;
}

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** What needs a privilege, and giving it up. Failures throw Errors with `call` and `errno`. */
export interface PrivilegesAddon {
  /**
   * A packet socket with protocol 0, which gets nothing yet. Needs CAP_NET_RAW.
   * @param fromNetworkHeader what it delivers, and shows to filters, begins there instead of at the link header
   */
  openPacketSocket(fromNetworkHeader?: boolean): number;
  /** Whether this kernel takes a limit of members (struct fanout_args). The packet socket stays as it is. */
  hasFanoutArgs(packetSocket: number): boolean;
  /** Names of the system calls that a run needs and that end the process which makes them, by a filter of this process. */
  deadlyCalls(): readonly string[];
  /** A descriptor of the pinned BPF program. */
  openPinnedProgram(path: string): number;
  /** No program that this one starts inherits them, unless it is given them. */
  closeOnExec(descriptors: readonly number[]): void;
  /** A descriptor of a file without a name, with this content for ever. */
  sealedMemoryFile(name: string, content: Uint8Array): number;
  /** All threads, for good: no capability, no supplementary group, no gain by execve(2). */
  become(ids: Ids): void;
  /** All threads, for good: no system call that reaches into other processes, namespaces or the kernel. */
  refuseReachingOut(): void;
  /** As well: none that starts a program, opens a file, makes a socket, or sends on the packet sockets, which are `count` from `first` on. */
  confineCapture(first: number, count: number): void;
  readonly LinkHelper: new (options: ({ readonly interface: string } & Partial<Ids>) | { readonly channel: number }) => LinkHelper;
  /** `temporary` and `target` are names in the directory, which is a descriptor. */
  startFileHelper(
    order: { readonly directory: number; readonly temporary: string; readonly target: string; readonly mode: number } & Ids,
  ): FileHelper;
  /** A file without a name gets that of `target`, in place of what has it; meanwhile it may have that of `temporary`. Both are paths. */
  nameFile(file: number, temporary: string, target: string): void;
}

/** Descriptors on their way between processes. Failures throw Errors with `call` and `errno`. */
export interface DescriptorsAddon {
  /** Two ends of a connection for frames. The caller owns both, as everything that follows. */
  streamPair(): readonly [ours: number, theirs: number];
  /** Two ends of a connection for descriptors. */
  messagePair(): readonly [ours: number, theirs: number];
  /** @param place the number that both ends know it by; the sender keeps its own */
  sendDescriptor(channel: number, place: number, descriptor: number): void;
  /** Never waits: EAGAIN where none has come. */
  receiveDescriptor(channel: number): { readonly place: number; readonly descriptor: number };
  /** The descriptor gets the number `place`, whatever had it before. */
  putInPlace(descriptor: number, place: number): void;
  /** Closes what this process was started with, but for the standard streams and `kept`, which nobody inherits any more. */
  closeInherited(kept: readonly number[]): void;
  /** A file that may be executed and not read: a process that it starts is hidden from its first instruction on. */
  unreadableProgram(): { readonly descriptor: number; readonly isLoader: boolean };
  /** Other processes of the same user can neither trace this one nor take its descriptors. */
  hideFromUser(): void;
}

export interface Native extends LabAddon, PrivilegesAddon, DescriptorsAddon {
  readonly wireVersion: number;
  readonly Capture: new (options: CaptureOptions) => Capture;
  /** One that is full forgets flows that are evidence of nothing. Throws an Error with `call` and `errno` where there is no memory. */
  readonly FlowMap: new (
    options: Pick<FlowRoom, 'flowsMax'> &
      Partial<FlowRoom> & {
        readonly members: number;
        readonly hashSeed: bigint;
        /** What is replayed: with its original, copies of packets are told by the file's own time. */
        readonly replayed?: FrameCollector;
      },
  ) => FlowMap;
  /** `flowsMax` is for each of the two groups. */
  readonly CapturePrediction: new (options: {
    readonly hashSeed: bigint;
    readonly flowsMax: number;
    /** Of a kernel that hashes otherwise than current ones. */
    readonly kernel?: KernelInput;
  }) => CapturePrediction;
  /** `frame` begins at the Ethernet header. */
  dissectFrame(frame: Uint8Array, how?: DissectHow): DissectedFrame;
  /** The name that this index has now; null if there is none of it any more. */
  interfaceName(index: number): string | null;
  describeInterface(name: string): InterfaceInfo;
  /** null if there is none of this index. */
  linkState(ifindex: number): LinkState | null;
  packetSockets(): readonly PacketSocketInfo[];
  /** The id of the BPF flow dissector attached to the network namespace at this path; null if there is none. */
  flowDissector(netns: string): number | null;
  peerCredentials(fd: number): { readonly pid: number; readonly uid: number; readonly gid: number };
  /** Asks the kernel for this signal when the parent ends; it replaces the one asked for before. False if `parent` is not the parent any more. */
  signalAtParentsEnd(signal: number, parent: number): boolean;
  /** Ends the process at once: no exit handlers, no teardown. */
  exitNow(status: number): never;
  realtimeNs(): bigint;
  encodeMessage(message: readonly unknown[]): Buffer;
  /** A batch as a capture thread writes it, for FlowMap.ingest; no frame length in front. Throws TypeError or RangeError for a wrong value. */
  encodeObservations(member: number, epoch: number, observations: readonly ObservationInput[]): Buffer;
  /** undefined where the bytes are not one message. */
  decodeMessage(bytes: Uint8Array): unknown;
}

/** Changes with native/core/wire/wire.hpp and the records it writes, and with what a capture is given and counts. */
const WIRE_VERSION = 5;

/** A worker that cannot reach the package is given both by descriptor. */
export const ADDON_PATH =
  process.argv[1] === descriptorPath(WORKER_DESCRIPTORS.script)
    ? descriptorPath(WORKER_DESCRIPTORS.addon)
    : join(packageRoot(), 'build', 'Release', 'fanout.node');

function load(): Native {
  const addonModule = { exports: {} };
  try {
    process.dlopen(addonModule, ADDON_PATH);
  } catch (cause) {
    throw new FanoutError(
      'ADDON_MISSING',
      `cannot load the native addon ${ADDON_PATH}: ${(cause as Error).message.split('\n')[0]}`,
      'build it with `npm rebuild` in the package (needs a C++20 compiler, make and Python 3); after a change of the Node.js version too',
      { cause },
    );
  }
  const addon = addonModule.exports as Native;
  if (addon.wireVersion !== WIRE_VERSION)
    throw new FanoutError(
      'ADDON_MISSING',
      `the native addon ${ADDON_PATH} has record layout ${addon.wireVersion}, this program needs ${WIRE_VERSION}`,
      'it is left over from another version: run `npm rebuild`',
    );
  return addon;
}

export const native: Native = load();
