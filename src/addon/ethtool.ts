/** What drivers say of their devices (ethtool(8)). */

/** Each question is answered, or refused, for itself. */
export type EthtoolAnswer<T> = { readonly value: T } | EthtoolRefusal;

export interface EthtoolRefusal {
  /** Positive, as in errno.h. */
  readonly errno: number;
  /** Such as "Operation not supported". */
  readonly why: string;
}

export interface EthtoolSwitch {
  readonly name: string;
  readonly isOn: boolean;
}

export interface EthtoolCounter {
  readonly name: string;
  readonly count: number;
}

export interface EthtoolFacts {
  readonly driver: EthtoolAnswer<{ readonly name: string; readonly version: string; readonly bus: string }>;
  readonly rss: EthtoolAnswer<{
    readonly hashFunction?: string;
    readonly key?: Uint8Array;
    readonly table?: readonly number[];
    /** RXH_XFRM_*; absent: this kernel does not tell. */
    readonly transform?: number;
  }>;
  /** RXH_*, of TCP and UDP over IPv4, then over IPv6. */
  readonly hashFields: readonly EthtoolAnswer<number>[];
  readonly channels: EthtoolAnswer<{ readonly used: number; readonly most: number }>;
  readonly receiveRings: EthtoolAnswer<number>;
  readonly steeringRules: EthtoolAnswer<number>;
  /** By the kernel's names, which ethtool -k has others for. */
  readonly features: EthtoolAnswer<readonly EthtoolSwitch[]>;
  readonly privateFlags: EthtoolAnswer<readonly EthtoolSwitch[]>;
  readonly rings: EthtoolAnswer<{ readonly rx: number; readonly rxMost: number }>;
  readonly coalescing: EthtoolAnswer<{ readonly adaptiveRx: boolean; readonly rxUsecs: number }>;
}

export interface EthtoolAddon {
  /** Of the device of this name: its own, no alternative one. Asks, and sets nothing. */
  ethtoolFacts(name: string): EthtoolFacts;
  ethtoolCounters(name: string): EthtoolAnswer<readonly EthtoolCounter[]>;
}
