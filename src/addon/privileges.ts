/** What needs a privilege, and giving it up. */

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** Failures throw Errors with `call` and `errno`. */
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
  /** All threads, for good: no capability, no supplementary group, no gain by execve(2). */
  become(ids: Ids): void;
  /** All threads, for good: no system call that reaches into other processes, namespaces or the kernel. */
  refuseReachingOut(): void;
  /** As well: none that starts a program, opens a file, makes a socket, or sends on the packet sockets, which are `count` from `first` on. */
  confineCapture(first: number, count: number): void;
}
