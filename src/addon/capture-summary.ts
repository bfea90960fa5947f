/** What was found in a capture file, as both of its readers tell it. */

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
