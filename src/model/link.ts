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
  /** Rings among which its NIC spreads what it receives; absent where the driver has no such thing. */
  readonly receiveRings?: number;
}

/** When the capture began, and when it was over. */
export interface LinkStates {
  readonly before: LinkState;
  readonly after: LinkState;
}
