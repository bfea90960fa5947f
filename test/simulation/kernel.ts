/** Packet sockets and fanout groups as the kernel keeps them, and the truth about every packet that came to them. */
import type { FanoutGroup } from '../../src/host/groups.ts';
import { FANOUT_MODE_NAMES, type FanoutMode, LEGACY_MEMBERS_MAX } from '../../src/model/fanout.ts';
import { MS, type SimulatedClock } from './clock.ts';
import { type Rollover, type Slot, type Steering, steer } from './steering.ts';
import type { Packet } from './traffic.ts';

export const EINVAL = 22;
export const ENOSPC = 28;
export const ENETDOWN = 100;

/** What became of one packet in one group. */
export interface Delivery {
  readonly packet: Packet;
  /** Of the group's membership: it grows with every change of the slots. -1: a copy for a socket that had not joined. */
  readonly generation: number;
  /** That it was steered to; -1: of somebody else. */
  readonly member: number;
  /** CLOCK_REALTIME since REALTIME_BASE_NS. */
  readonly stamp: number;
  fate: 'on-its-way' | 'foreign' | 'filtered' | 'dropped' | 'ringed' | 'buried';
  isRead: boolean;
  /** Under which its worker judged it; -1: under none. */
  epoch: number;
}

interface Landed {
  readonly delivery: Delivery;
  /** When its block is handed over. */
  readonly visibleNs: number;
}

export class PacketSocket implements Slot {
  readonly inode: number;
  /** -1: of another program. */
  readonly member: number;
  readonly capacity: number;
  readonly ring: Landed[] = [];
  readonly rollover: Rollover = { slot: 0, all: 0, huge: 0, failed: 0 };
  readonly blockTimeoutNs: number;
  group: FanoutGroupState | undefined;
  accepts = false;
  isClosed = false;
  packets = 0;
  drops = 0;
  /** SO_ERROR. */
  error = 0;
  /** Something to read, at that time; or POLLERR, now. */
  onBlock: (visibleNs: number) => void = () => {};
  onError: () => void = () => {};
  #blockUntilNs = -1;

  constructor(inode: number, member: number, capacity: number, blockTimeoutNs: number) {
    this.inode = inode;
    this.member = member;
    this.capacity = capacity;
    this.blockTimeoutNs = blockTimeoutNs;
  }

  get room(): { readonly length: number; readonly capacity: number } {
    return { length: this.ring.length, capacity: this.capacity };
  }

  land(delivery: Delivery, nowNs: number): void {
    if (this.isClosed) delivery.fate = 'buried';
    else if (!this.accepts) delivery.fate = 'filtered';
    else if (this.ring.length >= this.capacity) {
      delivery.fate = 'dropped';
      this.drops += 1;
    } else {
      delivery.fate = delivery.member < 0 ? 'foreign' : 'ringed';
      this.packets += 1;
      if (delivery.member >= 0) this.#enter(delivery, nowNs);
    }
  }

  #enter(delivery: Delivery, nowNs: number): void {
    if (this.#blockUntilNs <= nowNs) {
      this.#blockUntilNs = nowNs + this.blockTimeoutNs;
      this.onBlock(this.#blockUntilNs);
    }
    this.ring.push({ delivery, visibleNs: this.#blockUntilNs });
  }

  /** PACKET_STATISTICS begins anew. */
  clearCounters(): void {
    this.packets = 0;
    this.drops = 0;
  }

  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }
}

/** A change of a group's slots. */
export interface GroupChange {
  readonly ns: number;
  readonly what: string;
  /** By slot, from then on; -1: of another program. */
  readonly members: readonly number[];
}

export class FanoutGroupState {
  readonly id: number;
  readonly flags: number;
  readonly membersMax: number;
  readonly steering: Steering;
  readonly deliveries: Delivery[] = [];
  readonly changes: GroupChange[] = [];
  slots: PacketSocket[] = [];

  constructor(id: number, flags: number, membersMax: number, steering: Steering) {
    this.id = id;
    this.flags = flags;
    this.membersMax = membersMax;
    this.steering = steering;
  }

  get generation(): number {
    return this.changes.length;
  }
}

/** __fanout_unlink(): the last one moves into the slot that became free. No kernel does the other. */
export type Unlinking = 'last-moves' | 'shifts';

/** For the group that is the collector's so-and-so-manieth. */
export type SteeringOf = (lane: number, mode: FanoutMode, flags: number) => Steering;

export class Kernel {
  readonly #clock: SimulatedClock;
  readonly #steeringOf: SteeringOf;
  /** In the order in which they were made. */
  readonly #sockets: PacketSocket[] = [];
  /** In no group yet: each gets a copy of every packet. */
  readonly #bound = new Set<PacketSocket>();
  readonly copies: Delivery[] = [];
  /** How the last member's slot is filled when another one becomes free. */
  readonly #unlinking: Unlinking;
  readonly groups = new Map<number, FanoutGroupState>();
  readonly ifindex = 7;
  interfaceName = 'cap0';
  isUp = true;
  isThere = true;
  /** Times at which the link went down. */
  readonly downs: number[] = [];
  #inode = 50_000;
  #groupId = 100;

  constructor(clock: SimulatedClock, steeringOf: SteeringOf, unlinking: Unlinking = 'last-moves') {
    this.#clock = clock;
    this.#unlinking = unlinking;
    this.#steeringOf = steeringOf;
  }

  open(member: number, capacity: number, blockTimeoutMs: number): PacketSocket {
    this.#inode += 1;
    const socket = new PacketSocket(this.#inode, member, capacity, blockTimeoutMs * MS);
    this.#sockets.push(socket);
    return socket;
  }

  /** Its filter lets packets in before it joins. */
  bind(socket: PacketSocket): void {
    socket.accepts = true;
    this.#bound.add(socket);
  }

  /** Packets that full rings have cost. */
  get drops(): number {
    return this.#sockets.reduce((sum, { drops }) => sum + drops, 0);
  }

  /** The id, or an errno below zero. `id` 0 stands for PACKET_FANOUT_FLAG_UNIQUEID. */
  join(socket: PacketSocket, lane: number, id: number, mode: number, flags: number, membersMax: number): number {
    const known = this.groups.get(id);
    if (known !== undefined && (known.flags !== flags || modeNumber(known.steering.mode) !== mode)) return -EINVAL;
    const group = known ?? this.#create(lane, id, mode, flags, membersMax === 0 ? LEGACY_MEMBERS_MAX : membersMax);
    if (membersMax !== 0 && membersMax !== group.membersMax) return -EINVAL;
    if (this.#membersOf(group).length >= group.membersMax) return -ENOSPC;
    socket.group = group;
    this.#bound.delete(socket);
    if (this.isUp) this.#link(group, socket);
    return group.id;
  }

  #membersOf(group: FanoutGroupState): PacketSocket[] {
    return this.#sockets.filter((socket) => socket.group === group && !socket.isClosed);
  }

  #create(lane: number, id: number, mode: number, flags: number, membersMax: number): FanoutGroupState {
    const name = FANOUT_MODE_NAMES[mode];
    if (name === undefined) throw new RangeError(`mode ${mode}`);
    this.#groupId += 1;
    const group = new FanoutGroupState(id === 0 ? this.#groupId : id, flags, membersMax, this.#steeringOf(lane, name, flags));
    this.groups.set(group.id, group);
    return group;
  }

  close(socket: PacketSocket): void {
    if (socket.isClosed) return;
    socket.isClosed = true;
    this.#bound.delete(socket);
    if (socket.group !== undefined) this.#unlink(socket.group, socket);
  }

  #link(group: FanoutGroupState, socket: PacketSocket): void {
    group.slots = [...group.slots, socket];
    this.#note(group, `${nameOf(socket)} joined as slot ${group.slots.length - 1}`);
  }

  #unlink(group: FanoutGroupState, socket: PacketSocket): void {
    const slot = group.slots.indexOf(socket);
    const last = group.slots.at(-1);
    if (slot < 0 || last === undefined) return;
    group.slots =
      this.#unlinking === 'shifts'
        ? group.slots.filter((one) => one !== socket)
        : group.slots.map((s, i) => (i === slot ? last : s)).slice(0, -1);
    this.#note(group, `${nameOf(socket)} left slot ${slot}`);
  }

  #note(group: FanoutGroupState, what: string): void {
    group.changes.push({ ns: this.#clock.nowNs, what, members: group.slots.map(({ member }) => member) });
  }

  setDown(): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.downs.push(this.#clock.nowNs);
    for (const group of this.groups.values()) {
      group.slots = [];
      this.#note(group, 'link down');
    }
    for (const socket of this.#sockets) {
      if (socket.isClosed) continue;
      socket.error = ENETDOWN;
      socket.onError();
    }
  }

  // packet_notifier() links the sockets again in the order in which they were made.
  setUp(): void {
    if (this.isUp || !this.isThere) return;
    this.isUp = true;
    for (const group of this.groups.values()) {
      group.slots = this.#membersOf(group);
      this.#note(group, `link up: ${group.slots.map(nameOf).join(', ')}`);
    }
  }

  remove(): void {
    this.setDown();
    this.isThere = false;
  }

  receive(packet: Packet): void {
    if (!this.isUp) return;
    for (const socket of this.#bound) this.#land(socket, packet, -1, this.copies);
    for (const group of this.groups.values()) this.#deliver(group, packet);
  }

  #deliver(group: FanoutGroupState, packet: Packet): void {
    if (group.slots.length === 0) return;
    const socket = group.slots[steer(group.steering, packet, group.slots)];
    if (socket === undefined) throw new RangeError('steered beyond the group');
    this.#land(socket, packet, group.generation, group.deliveries);
  }

  #land(socket: PacketSocket, packet: Packet, generation: number, deliveries: Delivery[]): void {
    const now = this.#clock.nowNs;
    const stampedNs = now + packet.stampedNs;
    const delivery: Delivery = {
      packet,
      generation,
      member: socket.member,
      stamp: this.#clock.stampAt(Math.max(0, stampedNs)),
      fate: 'on-its-way',
      isRead: false,
      epoch: -1,
    };
    deliveries.push(delivery);
    if (stampedNs <= now) return socket.land(delivery, now);
    this.#clock.at(stampedNs, () => socket.land(delivery, stampedNs));
  }

  list(): readonly FanoutGroup[] {
    return [...this.groups.values()].flatMap((group) => {
      const sockets = this.#membersOf(group);
      const { id, steering } = group;
      return sockets.length === 0 ? [] : [{ id, mode: steering.mode, ifindex: this.ifindex, inodes: sockets.map(({ inode }) => inode) }];
    });
  }
}

function modeNumber(mode: FanoutMode): number {
  return FANOUT_MODE_NAMES.indexOf(mode);
}

function nameOf({ member, inode }: PacketSocket): string {
  return member < 0 ? `a foreign socket (${inode})` : `member ${member}`;
}
