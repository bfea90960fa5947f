/** The lab's part of the native addon, as native/binding/lab_binding.cpp exports it. Types only. */

/** Offsets and sizes of the lab tag; src/traffic/tag.ts has the same, and a test holds the two together. */
export type LabTagLayout = Readonly<
  Record<'magic' | 'bytes' | 'flowOffset' | 'directionOffset' | 'guardKindOffset' | 'sequenceOffset' | 'guardOffset', number>
>;

/** A multi-queue TAP, which lives as long as this object and the injectors that use it. */
export interface Tap {
  readonly name: string | undefined;
  readonly queues: number;
  /** Queue by queue; they are the object's own. */
  readonly descriptors: readonly number[];
  /** The interface receives the frame on this queue. False if the kernel had no room just now. */
  write(queue: number, frame: Uint8Array): boolean;
  /** A frame that the kernel sent out of the interface on this queue, if there is one. */
  read(queue: number): Uint8Array | null;
  close(): void;
}

/** Frame i is bytes offsets[i] to offsets[i + 1] of `frames`; tags[i] is where its lab tag is, or 0. All of it is copied. */
export interface FrameSet {
  readonly frames: Uint8Array;
  readonly offsets: Uint32Array;
  readonly queues?: Uint16Array;
  readonly tags?: Uint16Array;
}

export interface InjectPlan {
  /** How often the whole set is sent; 0 goes on until stopped. 1 by default. */
  readonly rounds?: number;
  /** 0, the default, is as fast as possible. */
  readonly packetsPerSecond?: number;
  /** So many packets are sent back to back, at the same mean rate. 1 by default. */
  readonly burst?: number;
  /** The CPU that sends: with a TAP also the one that receives. */
  readonly cpu?: number;
  /**
   * One sending thread for each queue; that of queue q is on CPU q modulo length. A packet is due and numbered by its place in the set all
   * the same.
   */
  readonly queueCpus?: readonly number[];
}

export interface InjectCounters {
  readonly packets: number;
  readonly bytes: number;
  /** Sends that the kernel refused for want of room, and that were repeated. */
  readonly retries: number;
  readonly elapsedMs: number;
}

export interface InjectReport extends InjectCounters {
  /** Ended by stop(), before the plan was fulfilled. */
  readonly stopped: boolean;
}

/** Why packets of a capture file are not among its frames. */
export interface LeftOut {
  readonly reason: 'link-type' | 'protocol' | 'encrypted' | 'cut' | 'too-long';
  readonly linkType: number;
  /** As in LINKTYPE_..., where it is a common one. */
  readonly linkTypeName?: string;
  readonly packets: number;
}

/** What ended the reading of a capture file before the file did, and where. */
export interface CaptureProblem {
  readonly fault:
    | 'empty'
    | 'foreign'
    | 'unknown-version'
    | 'truncated'
    | 'implausible-length'
    | 'length-mismatch'
    | 'unknown-interface'
    | 'too-many-interfaces'
    | 'bad-byte-order';
  /** The first packet that could not be read, from 1. */
  readonly record: number;
  /** Pcapng: the block it was found in, from 1. */
  readonly block?: number;
  /** Where that packet or block begins, in bytes. */
  readonly offset: number;
  /** The length, version or interface that cannot be. */
  readonly value: number;
  /** What the file is instead, where that is known. */
  readonly foreign?: string;
}

export interface CaptureSummary {
  readonly format?: 'pcap' | 'pcapng' | 'snoop' | 'erf';
  readonly records: number;
  /** A packet may carry several (IEEE 802.11). */
  readonly frames: number;
  /** Frames that the capture cut before their flow was known. */
  readonly cutHeaders: number;
  readonly leftOut: readonly LeftOut[];
  /** Packets of more link types than are counted one by one. */
  readonly leftOutOtherwise: number;
  /** Packets are alike, and nothing tells whether they are copies: no packet of the file has a time stamp. */
  readonly copiesAreUntold?: true;
  readonly problem?: CaptureProblem;
}

export type InputTransform = 'none' | 'symmetric-xor' | 'symmetric-or-xor';
/** A kind of flow, as ethtool names it. */
export type FlowKind = 'tcp4' | 'udp4' | 'sctp4' | 'tcp6' | 'udp6' | 'sctp6';

export interface NicSettings {
  /** Of 40 bytes or more, of which the first 40 are used. */
  readonly key: Uint8Array;
  readonly transform: InputTransform;
  /** Kinds of flow whose ports are hashed beside their addresses. */
  readonly ports: readonly FlowKind[];
  /** Indirection table: the queue of each remainder of the hash. */
  readonly table: Uint16Array;
}

/** Receive-side scaling. */
export interface Nic {
  /** The receive queue of each frame. Frame i is bytes offsets[i] to offsets[i + 1]. */
  spread(frames: Uint8Array, offsets: Uint32Array): Uint16Array;
}

/** Makes frames of a capture file that comes in pieces, a segment at a time. */
export interface FrameCollector {
  /** How many bytes were taken. If that is not all, the segment is full: an injector takes it over, then the rest is to be fed. */
  feed(bytes: Uint8Array): number;
  /** The file has ended. */
  finish(): void;
  /** From the beginning of the file again; what was counted is forgotten. */
  restart(): void;
  readonly isFull: boolean;
  /** Of the present segment. */
  readonly frames: number;
  /** Of the file so far. */
  summary(): CaptureSummary;
}

/** Sends from a thread of its own. Sequence numbers go on from run to run. */
export interface Injector {
  readonly counters: InjectCounters;
  /** Rejects with a SystemCallError; what was sent until then is in `counters`. One run at a time. */
  run(plan?: InjectPlan): Promise<InjectReport>;
  stop(): void;
  /** Takes over the segment of the collector, in place of the frames it had. Not while it is running. */
  refill(collector: FrameCollector): void;
}

export interface ExecOptions {
  /** Looked up in PATH if it has no slash. */
  readonly file: string;
  readonly argv: readonly string[];
  /** "NAME=value". */
  readonly env: readonly string[];
  /** Move into a new network namespace first. */
  readonly newNetwork?: boolean;
  /** What comes then has no capability, and gains none by starting other programs. */
  readonly surrender?: boolean;
  /** Descriptors that stay open, beside the standard streams. */
  readonly keep?: readonly number[];
}

export interface LabAddon {
  /** By `descriptors` one that was opened before this program was replaced by itself. */
  readonly Tap: new (
    options: { readonly name: string; readonly queues?: number } | { readonly descriptors: readonly number[] },
  ) => Tap;
  /** Without frames it must be refilled before it can run. A socket is one of openPacketSocket(), and the injector's own from then on. */
  readonly Injector: new (
    options: Partial<FrameSet> & ({ readonly tap: Tap } | { readonly interface: string; readonly socket?: number }),
  ) => Injector;
  readonly FrameCollector: new (options: {
    /** A segment is full when it has reached this size. */
    readonly segmentBytes: number;
    /** Receive queues that frames are spread over by flow, unless a NIC does that. */
    readonly queues: number;
    readonly seed: number;
    readonly nic?: Nic;
    /** Keeps what the flows of the file are by its own time: with the workers' seed and their group's flag, and for so many flows. */
    readonly original?: { readonly hashSeed: bigint; readonly defrag: boolean; readonly flowsMax: number };
  }) => FrameCollector;
  readonly Nic: new (settings: NicSettings) => Nic;
  /**
   * For each frame the member that a HASH group of so many (256 at most) would choose, by the kernel itself, which sends it in a namespace of
   * its own. Throws where there is none to be had, or no TAP.
   */
  membersByKernelHash(frames: Uint8Array, offsets: Uint32Array, members: number): readonly number[];
  /** Replaces this process. Comes back only to throw. */
  exec(options: ExecOptions): never;
  readonly labTag: LabTagLayout;
}
