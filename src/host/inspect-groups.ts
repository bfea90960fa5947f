/**
 * Fanout groups of this host in full, whichever network namespace they are in. Reads only: a member is asked through a copy of its socket that one
 * native call takes and closes, nothing that resets a counter is asked for, and this process enters no namespace.
 */
import { constants } from 'node:os';
import { native } from '../addon/native.ts';
import type { FullPacketSocketInfo, MemberFacts, PacketNamespaceInfo } from '../addon/packet-sockets.ts';
import { FanoutError, isSystemCallError, type SystemCallError } from '../errors.ts';
import { FANOUT_FLAGS, fanoutModeOf, goesByProgram } from '../model/fanout.ts';
import {
  bindingOf,
  type ClassicInstruction,
  type Need,
  type Owner,
  type SeenFilter,
  type SeenGroup,
  type SeenMember,
  type SeenNamespace,
  type SeenRing,
  type Tap,
  type Unread,
} from '../model/fanout-group.ts';
import { type Holders, lookForHolders } from './groups.ts';
import {
  type FoundNamespace,
  findNamespaces,
  isRefusal,
  namespaceInode,
  namespaceName,
  namespacePath,
  namespaceRefused,
  OWN_NAMESPACE,
} from './network-namespace.ts';
import { listedSockets } from './packet-list.ts';
import { isInitialPidNamespace } from './process-list.ts';
import { ALLOW_FAMILIES } from './system-calls.ts';

export interface WhichGroups {
  readonly allNamespaces?: boolean;
  /** As --netns has it; else that of this thread. */
  readonly netns?: string | undefined;
}

export interface SeenHost {
  readonly namespaces: readonly SeenNamespace[];
  /** Of the host, such as further namespaces. */
  readonly unread: readonly Unread[];
}

/** @throws where the one namespace that is meant cannot be read */
export function inspectGroups({ allNamespaces = false, netns }: WhichGroups = {}): SeenHost {
  const { namespaces: found, isBlind } = allNamespaces ? findNamespaces() : { namespaces: [theOne(netns)], isBlind: false };
  const looked = found.flatMap((namespace): readonly Looked[] => {
    try {
      const info = socketsIn(namespace);
      // Another one by now: the process by which it was found has ended.
      return info.inode === namespace.inode ? [{ ...namespace, info }] : [];
    } catch (error) {
      if (!isSystemCallError(error)) throw error;
      if (error.errno === E.ENOENT && error.call === 'open(netns)' && allNamespaces) return [];
      if (!allNamespaces) throw refused(netns, error);
      return [{ ...namespace, refusal: needOf(error) }];
    }
  });
  const all = looked.flatMap((one) => ('info' in one ? one.info.sockets : []));
  const withGroup = new Set(all.flatMap((socket) => (socket.groupId === undefined ? [] : [socket.ifindex])));
  const wanted = all.filter((socket) => socket.groupId !== undefined || (withGroup.size > 0 && isTap(socket)));
  const holders = lookForHolders(new Set(wanted.map(({ inode }) => inode)));
  return {
    namespaces: looked.map((one) => namespaceSeen(one, holders)),
    unread: isBlind ? [{ fact: 'namespaces', need: 'proc' }] : [],
  };
}

const E = constants.errno;

type Looked = FoundNamespace & ({ readonly info: PacketNamespaceInfo } | { readonly refusal: Need });

function theOne(netns: string | undefined): FoundNamespace {
  const path = netns === undefined ? OWN_NAMESPACE : namespacePath(netns);
  try {
    const inode = namespaceInode(path);
    return { inode, path, name: namespaceName(inode), process: undefined };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const errno = code === 'EACCES' || code === 'EPERM' ? E.EACCES : E.ENOENT;
    throw namespaceRefused(netns ?? path, Object.assign(new Error(message), { call: 'stat', errno }));
  }
}

function socketsIn({ path, inode }: FoundNamespace): PacketNamespaceInfo {
  try {
    return native.packetNamespace(path);
  } catch (error) {
    // Without any packet socket there is no group, even where the kernel does not list them.
    const isEmpty = isSystemCallError(error) && isWithoutDiag(error) && inode === namespaceInode() && listedSockets()?.length === 0;
    if (isEmpty) return { inode, isInterrupted: false, sockets: [], interfaces: [] };
    throw error;
  }
}

function isWithoutDiag({ call, errno }: SystemCallError): boolean {
  return call.includes('SOCK_DIAG') && [E.ENOENT, E.EOPNOTSUPP, E.EPROTONOSUPPORT].includes(errno);
}

function refused(netns: string | undefined, cause: SystemCallError): FanoutError {
  if (isWithoutDiag(cause))
    return new FanoutError(
      'NO_PACKET_DIAG',
      `this kernel does not list packet sockets (CONFIG_PACKET_DIAG; ${cause.message})`,
      'load the module: modprobe af_packet_diag',
      { cause },
    );
  if (cause.call.includes('SOCK_DIAG'))
    return new FanoutError('NO_PRIVILEGE', `packet sockets cannot be listed: ${cause.message}`, ALLOW_FAMILIES, { cause });
  return namespaceRefused(netns ?? OWN_NAMESPACE, cause);
}

function needOf(error: SystemCallError): Need {
  if (isWithoutDiag(error)) return 'packet-diag';
  return isRefusal(error) && !error.call.includes('SOCK_DIAG') ? 'sys-admin' : 'netlink';
}

function namespaceSeen(looked: Looked, holders: Holders): SeenNamespace {
  const { inode, name, path } = looked;
  const head = { inode, name: name ?? null, path, isOwn: inode === namespaceInode(), process: looked.process ?? null };
  if ('refusal' in looked) return { ...head, groups: null, taps: [], unread: [{ fact: 'groups', need: looked.refusal }] };
  const { info } = looked;
  const byGroup = new Map<number, FullPacketSocketInfo[]>();
  for (const socket of info.sockets) {
    if (socket.groupId === undefined) continue;
    const known = byGroup.get(socket.groupId);
    if (known === undefined) byGroup.set(socket.groupId, [socket]);
    else known.push(socket);
  }
  return {
    ...head,
    groups: [...byGroup].map(([id, sockets]) => groupSeen(id, sockets, info, holders)),
    taps: byGroup.size === 0 ? [] : info.sockets.filter(isTap).map((socket) => tapSeen(socket, holders)),
    unread: info.isInterrupted ? [{ fact: 'members', need: 'quiet' }] : [],
  };
}

/** One that gets packets, and all of them. */
function isTap({ groupId, protocol }: FullPacketSocketInfo): boolean {
  return groupId === undefined && protocol !== 0;
}

function tapSeen({ inode, ifindex, protocol }: FullPacketSocketInfo, { holders }: Holders): Tap {
  const owners = holders.flatMap(({ pid, comm, sockets }) => (sockets.has(inode) ? [{ pid, comm }] : []));
  return { ifindex, protocol, owners };
}

function groupSeen(id: number, sockets: readonly FullPacketSocketInfo[], info: PacketNamespaceInfo, holders: Holders): SeenGroup {
  const asked = sockets.map((socket) => memberSeen(socket, id, holders));
  const [first] = sockets as readonly [FullPacketSocketInfo];
  const value = first.mode ?? 0;
  const mode = fanoutModeOf(value) ?? (`mode ${value}` as const);
  const device = info.interfaces.find(({ index }) => index === first.ifindex);
  const flags = asked.find(({ facts }) => facts?.mode === value)?.facts?.flags;
  const isProgrammed = !mode.startsWith('mode ') && goesByProgram(mode as Exclude<typeof mode, `mode ${number}`>);
  return {
    id,
    mode,
    flags: flags === undefined ? null : flagNames(flags),
    interface: device?.name ?? null,
    binding: bindingOf(first.ifindex),
    ifindex: first.ifindex,
    protocol: first.protocol,
    isInterfacePromiscuous: device?.promiscuous ?? null,
    members: asked.map(({ member }) => member),
    unread: distinct([
      ...asked.flatMap(({ unread }) => unread),
      ...(isProgrammed ? [{ fact: 'program', need: 'nobody' } as const] : []),
    ]).filter(({ fact }) => fact !== 'flags' || flags === undefined),
  };
}

function flagNames(flags: number): readonly string[] {
  const known = Object.entries(FANOUT_FLAGS);
  const rest = known.reduce((left, [, bit]) => left & ~bit, flags);
  return [
    ...known.flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name])),
    ...(rest === 0 ? [] : [`0x${rest.toString(16).padStart(4, '0')}`]),
  ];
}

interface AskedMember {
  readonly member: SeenMember;
  readonly facts: MemberFacts | undefined;
  readonly unread: readonly Unread[];
}

function memberSeen(socket: FullPacketSocketInfo, groupId: number, { holders, isBlind }: Holders): AskedMember {
  const own = holders.filter(({ sockets }) => sockets.has(socket.inode));
  const owners: readonly Owner[] = own.map(({ pid, comm }) => ({ pid, comm }));
  const isHidden = owners.length === 0 && (isBlind || !isInitialPidNamespace());
  const { facts, need } = ask(
    socket,
    groupId,
    own.map(({ pid, sockets }) => ({ pid, descriptor: sockets.get(socket.inode) ?? -1 })),
  );
  const hasRing = socket.receiveRing !== undefined;
  const filter = filterSeen(socket, facts);
  const member: SeenMember = {
    inode: socket.inode,
    uid: socket.uid ?? null,
    owners: isHidden ? null : owners,
    running: socket.isRunning,
    ...(socket.receiveRing === undefined ? {} : { ring: ringSeen(socket.receiveRing, socket.tpacketVersion) }),
    receiveBufferBytes: socket.receiveBufferBytes ?? null,
    queuedBytes: socket.queuedBytes ?? null,
    drops: hasRing ? null : (socket.drops ?? null),
    promiscuous: socket.isPromiscuous ?? null,
    filter,
    ...rolloverSeen(facts),
  };
  const unread: readonly Unread[] = [
    ...(isHidden ? [{ fact: 'owners', need: isBlind ? 'proc' : 'initial-pid-namespace' } as const] : []),
    ...(facts === undefined ? [{ fact: 'flags', need: isHidden ? (isBlind ? 'proc' : 'initial-pid-namespace') : need } as const] : []),
    ...(filter === null ? [{ fact: 'filters', need: socket.filter === undefined ? 'net-admin' : need } as const] : []),
    ...(hasRing ? [{ fact: 'drops', need: 'their-reader' } as const] : []),
  ];
  return { member, facts, unread };
}

type Held = { readonly pid: number; readonly descriptor: number };

/** The first owner through whom it can be asked. */
function ask(
  { inode, cookie }: FullPacketSocketInfo,
  groupId: number,
  held: readonly Held[],
): { readonly facts?: MemberFacts; readonly need: Need } {
  let need: Need = 'owner';
  for (const place of held) {
    try {
      return { facts: native.memberFacts({ ...place, inode, cookie, groupId }), need };
    } catch (error) {
      if (!isSystemCallError(error)) throw error;
      if (error.errno === E.ENOSYS) need = 'linux-5.6';
      else if (isRefusal(error)) need = 'ptrace';
      // Else it has been closed, or its owner has ended, between looking and asking.
    }
  }
  return { need };
}

function ringSeen({ retireMs, ...ring }: NonNullable<FullPacketSocketInfo['receiveRing']>, tpacket: number): SeenRing {
  return { tpacket, ...ring, ...(tpacket === 3 ? { retireMs } : {}) };
}

/** packet_diag tells a classic filter; that a socket has none, or one of eBPF, only the socket itself. */
function filterSeen({ filter }: FullPacketSocketInfo, facts: MemberFacts | undefined): SeenFilter | null {
  if (filter !== undefined && filter.length > 0)
    return { kind: 'classic', instructions: filter.length, program: filter.map(instructionOf) };
  if (facts?.filterKind === 'none' || facts?.filterKind === 'ebpf') return { kind: facts.filterKind };
  if (facts?.filterKind === 'classic') return { kind: 'classic', instructions: facts.filterInstructions ?? 0 };
  return null;
}

/** struct sock_filter: code, jt, jf, k. */
function instructionOf(word: bigint): ClassicInstruction {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigUint64(0, word, isLittleEndian);
  return {
    code: bytes.getUint16(0, isLittleEndian),
    jt: bytes.getUint8(2),
    jf: bytes.getUint8(3),
    k: bytes.getUint32(4, isLittleEndian),
  };
}

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function rolloverSeen(facts: MemberFacts | undefined): Pick<SeenMember, 'rollover'> {
  if (facts === undefined) return { rollover: null };
  return facts.rollover === undefined ? {} : { rollover: facts.rollover };
}

/** In the order of their first appearance. */
function distinct(unread: readonly Unread[]): readonly Unread[] {
  return [...new Map(unread.map((one) => [`${one.fact} ${one.need}`, one])).values()];
}
