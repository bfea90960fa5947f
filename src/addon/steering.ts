/** The BPF programs of this project (native/steering), and what is done with them. Failures throw Errors with `call` and `errno`. */

/** "steer" and "first" are for PACKET_FANOUT_EBPF, and "first" gives all to the first member; "dissect" is a flow dissector for a network namespace. */
export interface SteeringSettings {
  readonly program: 'steer' | 'dissect' | 'first';
  /** What bpftool lists it by: at most 15 letters, digits and underscores. */
  readonly name: string;
  /** Bits of `enum policy` in native/steering/options.h. */
  readonly policy: number;
  /** 64 bits, numbered by `enum layer` there. */
  readonly layers: bigint;
  /** Eleven; fresh ones without. */
  readonly keys?: BigUint64Array;
}

export interface ProgramInfo {
  readonly id: number;
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  /** Who loaded it. */
  readonly user: number;
  readonly name: string;
  /** Nanoseconds of CLOCK_BOOTTIME. */
  readonly loadedNs: number;
}

export interface LinkInfo {
  /** The id of what is attached. */
  readonly program: number;
  /** The inode of the network namespace; 0: it has gone. */
  readonly netns: number;
  readonly isDissector: boolean;
}

export interface SteeringAddon {
  /**
   * A descriptor of the program, with secret keys of its own. Needs CAP_BPF and CAP_PERFMON, before Linux 5.8 CAP_SYS_ADMIN; a dissector CAP_NET_ADMIN, too.
   * Errors have `verifier`, its last line, where that refused.
   */
  loadSteering(settings: SteeringSettings): number;
  /** A descriptor of a pinned BPF program or link. */
  openPinned(path: string): number;
  pinObject(descriptor: number, path: string): void;
  programInfo(program: number): ProgramInfo;
  openProgram(id: number): number;
  /** The id of the next program, null behind the last. Needs CAP_SYS_ADMIN. */
  programAfter(id: number): number | null;
  linkInfo(link: number): LinkInfo;
  /** A descriptor of the link; it is attached while one is open, or pinned. EEXIST: another one is in its way. */
  attachFlowDissector(netns: string, program: number): number;
  /** In one step another program in place of the one that the link has. */
  replaceFlowDissector(link: number, program: number): void;
  /** Whether the kernel goes on by itself where a dissector leaves a packet to it (Linux 6.1). */
  hasContinue(dissector: number): boolean;
  /** A copy of a descriptor of another process (pidfd_getfd(2)). */
  takeDescriptor(pid: number, descriptor: number): number;
  /** The fanout group that a socket is in; null if it is in none, or no packet socket. */
  groupOf(socket: number): { readonly id: number; readonly mode: number; readonly flags: number } | null;
  /** Gives the program to the group of this member, in place of the one it had (PACKET_FANOUT_DATA). */
  steerGroup(socket: number, program: number): void;
}
