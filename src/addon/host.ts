/** Interfaces and links of this host. */
import type { LinkState } from '../model/link.ts';

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

/** What anybody may know of a link without its driver. */
export interface PlainLink {
  /** Empty for hardware and loopback. */
  readonly kind: string;
  readonly isUp: boolean;
  readonly isRunning: boolean;
  readonly isLoopback: boolean;
  readonly mtu: number;
  readonly promiscuity: number;
  /** The index of the bridge or bond that it belongs to; 0: none. */
  readonly master: number;
  /** `attached` is XDP_ATTACHED_* of linux/if_link.h. */
  readonly xdp?: { readonly program: number; readonly attached: number };
  /** Of what it received, and nobody was given; absent where they are not told. */
  readonly losses?: { readonly dropped: number; readonly missed: number; readonly fifo: number; readonly over: number };
}

export interface HostAddon {
  /** The name that this index has now; null if there is none of it any more. */
  interfaceName(index: number): string | null;
  describeInterface(name: string): InterfaceInfo;
  /** null if there is none of this index. */
  linkState(ifindex: number): LinkState | null;
  /** null if there is none of this index. */
  plainLink(ifindex: number): PlainLink | null;
  /** Kinds of the queueing disciplines that see what is received there. */
  ingressDisciplines(ifindex: number): readonly string[];
  /** This thread, for good, and with it what it starts. Needs CAP_SYS_ADMIN. */
  enterNetworkNamespace(path: string): void;
  /** The id of the BPF flow dissector attached to the network namespace at this path; null if there is none. */
  flowDissector(netns: string): number | null;
}
