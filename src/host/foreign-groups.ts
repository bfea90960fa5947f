/** Fanout groups of other programs: who is in them, and giving a steering program to one that runs. */
import { closeSync } from 'node:fs';
import { native } from '../addon/native.ts';
import { FanoutError, isSystemCallError } from '../errors.ts';
import { type Binding, bindingOf } from '../model/fanout-group.ts';
import { fanoutGroups, type Holder, holdersOf } from './groups.ts';
import { loadSteering, type Steering } from './steering.ts';

export interface ForeignGroup {
  readonly id: number;
  /** As --mode has it. */
  readonly mode: string;
  /** undefined: it is on all, or it has gone. */
  readonly interface: string | undefined;
  readonly binding: Binding;
  readonly members: number;
  /** Empty where this user may not see them. */
  readonly owners: readonly Holder[];
}

/** Of the network namespace of this thread; undefined where the kernel cannot tell (CONFIG_PACKET_DIAG). */
export function foreignGroups(): readonly ForeignGroup[] | undefined {
  const groups = fanoutGroups();
  if (groups === undefined) return undefined;
  const holders = holdersOf(new Set(groups.flatMap(({ inodes }) => inodes)));
  return groups.map(({ id, mode, ifindex, inodes }) => ({
    id,
    mode,
    interface: native.interfaceName(ifindex) ?? undefined,
    binding: bindingOf(ifindex),
    members: inodes.length,
    owners: holders.flatMap(({ sockets, ...owner }) => {
      const own = new Map([...sockets].filter(([inode]) => inodes.includes(inode)));
      return own.size === 0 ? [] : [{ ...owner, sockets: own }];
    }),
  }));
}

const EBPF = 7; // PACKET_FANOUT_EBPF

/** Gives a group in mode EBPF a program, in place of what it had: through a copy of a member's socket (pidfd_getfd(2), PACKET_FANOUT_DATA). */
export function steerForeignGroup(group: ForeignGroup, steering: Steering): void {
  const { id } = group;
  const socket = memberOf(group);
  try {
    const program = loadSteering('the steering program', steering);
    try {
      native.steerGroup(socket, program);
    } catch (cause) {
      if (!isSystemCallError(cause)) throw cause;
      throw new FanoutError(
        'GROUP_REFUSED',
        `group ${id} takes no program: ${cause.message}`,
        'its socket may be locked (SO_LOCK_FILTER): then only its owner can choose the program, at its start',
        { cause },
      );
    } finally {
      closeSync(program);
    }
  } finally {
    closeSync(socket);
  }
}

/** The one of this id, which can be given a program. */
export function steerableGroup(id: number, groups: readonly ForeignGroup[] | undefined): ForeignGroup {
  if (groups === undefined)
    throw new FanoutError(
      'GROUP_REFUSED',
      `nothing tells who is in group ${id}: this kernel does not list packet sockets (CONFIG_PACKET_DIAG)`,
      'load the module: modprobe af_packet_diag',
    );
  const group = groups.find((one) => one.id === id);
  if (group === undefined) {
    const others = groups.map((one) => one.id).join(', ');
    throw new FanoutError(
      'GROUP_REFUSED',
      `there is no fanout group ${id} in this network namespace`,
      others === ''
        ? 'start its program first, or name its namespace with --netns'
        : `these are here: ${others}; --netns names another namespace`,
    );
  }
  if (group.mode !== 'ebpf')
    throw new FanoutError(
      'GROUP_REFUSED',
      `group ${id} is in mode ${group.mode}, and the mode of a group is for life`,
      group.mode === 'hash'
        ? 'a flow dissector cures it where it is: sudo fanout-cluster cure --hash'
        : 'start its program in mode ebpf, or in mode hash, which `sudo fanout-cluster cure --hash` cures',
    );
  return group;
}

/** A copy of the socket of one member. */
function memberOf({ id, owners }: ForeignGroup): number {
  let refusal: unknown;
  for (const owner of owners) {
    try {
      const socket = socketOf(id, owner);
      if (socket !== undefined) return socket;
    } catch (cause) {
      if (!isSystemCallError(cause)) throw cause;
      refusal = cause;
    }
  }
  const who =
    owners.length === 0
      ? 'its members cannot be seen'
      : `its members are ${owners.map(({ pid, comm }) => `${comm} (pid ${pid})`).join(', ')}`;
  throw new FanoutError(
    'NO_PRIVILEGE',
    `no socket of group ${id} can be had: ${refusal instanceof Error ? refusal.message : who}`,
    'run as root of the host (sudo): pidfd_getfd(2) needs CAP_SYS_PTRACE over the process, Linux 5.6, and kernel.yama.ptrace_scope below 3',
    { cause: refusal },
  );
}

/** Descriptors may be closed, and their numbers used again, between looking and taking. */
function socketOf(id: number, { pid, sockets }: Holder): number | undefined {
  for (const descriptor of sockets.values()) {
    const socket = native.takeDescriptor(pid, descriptor);
    const group = native.groupOf(socket);
    if (group?.id === id && group.mode === EBPF) return socket;
    closeSync(socket);
  }
  return undefined;
}
