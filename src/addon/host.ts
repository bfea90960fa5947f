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

export interface HostAddon {
  /** The name that this index has now; null if there is none of it any more. */
  interfaceName(index: number): string | null;
  describeInterface(name: string): InterfaceInfo;
  /** null if there is none of this index. */
  linkState(ifindex: number): LinkState | null;
  /** This thread, for good, and with it what it starts. Needs CAP_SYS_ADMIN. */
  enterNetworkNamespace(path: string): void;
  /** The id of the BPF flow dissector attached to the network namespace at this path; null if there is none. */
  flowDissector(netns: string): number | null;
}
