/** What the kernel tells anybody about a network interface. */

/** What the frames of a device begin with. */
export type FirstLayer = 'ethernet' | 'network';

export interface LinkState {
  /** "veth", "macvlan", "bridge", ...; absent for hardware and loopback. */
  readonly kind?: string;
  /** Of macvlan and ipvlan. */
  readonly mode?: string;
  /** It has a carrier. */
  readonly running: boolean;
  readonly rxPackets: number;
  readonly txPackets: number;
  /** A program that sees packets before any socket does. */
  readonly xdp?: { readonly program: number; readonly isGeneric: boolean };
  /** Features that merge segments or leave them whole, which are on and can be switched off, as ethtool -K takes them. */
  readonly offloads?: readonly string[];
  /** It is on a bus; absent before Linux 5.14 too. */
  readonly isHardware?: true;
  /** Rings among which its NIC spreads what it receives; absent where the driver has no such thing. */
  readonly receiveRings?: number;
  /** Of the key of the hash by which it does; absent where nobody can tell. */
  readonly keyBytes?: number;
  /** Receive queues, where their number can be chosen (ethtool -L). */
  readonly channels?: { readonly used: number; readonly most: number; readonly isCombined: boolean };
}

/** When the capture began, and when it was over. */
export interface LinkStates {
  readonly before: LinkState;
  readonly after: LinkState;
}
