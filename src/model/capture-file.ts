/** What was found in a capture file, and what it is read for. */

/** Why packets of a capture file are not among its frames. */
export interface LeftOut {
  readonly reason: 'link-type' | 'protocol' | 'encrypted' | 'cut' | 'too-long';
  readonly linkType: number;
  /** As in LINKTYPE_..., where it is a common one. */
  readonly linkTypeName?: string;
  readonly packets: number;
}

/** Packets of more link types than are counted one by one. */
export interface FurtherLinkTypes {
  readonly reason: 'further-link-types';
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

/** What ended the reading below the format: the compression, or the disk. `message` is zlib's or the system's. */
export type ReadFault =
  | { readonly kind: 'gzip-ends-early' }
  | { readonly kind: 'gzip-damaged'; readonly message: string }
  | { readonly kind: 'read-failed'; readonly message: string };

/** Why a file was not read to its end: at least one of both. */
export interface CaptureDamage {
  readonly read?: ReadFault;
  readonly problem?: CaptureProblem;
}

export type CapturePurpose = 'replay' | 'predict';

/** Why not one packet of a file can be used. `name`: its path, or "standard input". */
export type UnusableCapture = { readonly name: string; readonly purpose: CapturePurpose } & (
  | { readonly kind: 'empty' }
  /** No capture file; `format`: what it is instead, where that is known. */
  | { readonly kind: 'foreign'; readonly format?: string }
  | { readonly kind: 'no-packets'; readonly damage?: CaptureDamage }
  /** It has packets, and no frame can be made of any of them. */
  | {
      readonly kind: 'all-left-out';
      readonly records: number;
      readonly leftOut: readonly (LeftOut | FurtherLinkTypes)[];
      readonly damage?: CaptureDamage;
    }
);
