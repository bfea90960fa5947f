/** Where each mode of packet fanout sends a packet (net/packet/af_packet.c, fanout_demux_*). Pure but for what the modes themselves count. */

import type { FanoutMode } from '../../src/model/fanout.ts';
import { mix } from '../../src/traffic/random.ts';
import type { Dice } from './dice.ts';
import type { Flow, Packet } from './traffic.ts';

/** What is wrong with the kernel's hash. */
export type HashTrait =
  | 'sound'
  /** Each direction is hashed by itself, as by bug A. */
  | 'directed'
  /** The same for some flows only. */
  | 'directed-some'
  /** Bug B. */
  | 'top-bit'
  /** Bug C. */
  | 'label'
  /** Every packet of some flows by itself. */
  | 'scattered';

export interface Ring {
  /** Packets that wait to be read, and how many there may be. */
  readonly length: number;
  readonly capacity: number;
}

export interface Rollover {
  /** The slot that it stuck to last. */
  slot: number;
  all: number;
  huge: number;
  failed: number;
}

export interface Slot {
  readonly room: Ring;
  readonly rollover: Rollover;
}

export interface Steering {
  readonly mode: FanoutMode;
  readonly rollsOver: boolean;
  readonly trait: HashTrait;
  /** Drawn at boot. */
  readonly key: number;
  /** For mode rnd. */
  readonly dice: Dice;
  readonly hasProgram: boolean;
  turns: number;
}

/** The slot that gets the packet; there is one at least. */
export function steer(steering: Steering, packet: Packet, slots: readonly Slot[]): number {
  if (steering.mode === 'rollover') return rolledOver(slots, 0, false);
  const slot = slotOf(steering, packet, slots.length);
  return steering.rollsOver ? rolledOver(slots, slot, true) : slot;
}

/** Without rolling over. */
export function slotOf(steering: Steering, packet: Packet, slots: number): number {
  switch (steering.mode) {
    case 'hash':
      return Math.floor((hashOf(steering, packet) / 2 ** 32) * slots);
    case 'lb':
      steering.turns += 1;
      return steering.turns % slots;
    case 'cpu':
    case 'qm':
      return packet.queue % slots;
    case 'rnd':
      return steering.dice.between(0, slots - 1);
    case 'cbpf':
    case 'ebpf':
      return steering.hasProgram ? packet.program % slots : 0;
    case 'rollover':
      return 0;
  }
}

function hashOf({ trait, key }: Steering, packet: Packet): number {
  const hash = mix(packet.key, key) >>> 0;
  switch (fateOf(trait, packet.flow)) {
    case 'kept':
      return hash;
    case 'directed':
      return packet.direction === 0 ? hash : mix(hash, 77) >>> 0;
    case 'scattered':
      return mix(hash, packet.id) >>> 0;
  }
}

/** What the hash does to packets of one kernel key. */
export function fateOf(trait: HashTrait, flow: Flow | undefined): 'kept' | 'directed' | 'scattered' {
  if (flow === undefined) return 'kept';
  const isSome = flow.index % 5 === 0;
  switch (trait) {
    case 'sound':
      return 'kept';
    case 'directed':
      return 'directed';
    case 'directed-some':
      return isSome ? 'directed' : 'kept';
    case 'top-bit':
      return flow.kind === 'top-bit' ? 'directed' : 'kept';
    case 'label':
      return flow.kind === 'labelled' ? 'directed' : 'kept';
    case 'scattered':
      return isSome ? 'scattered' : 'kept';
  }
}

/** fanout_demux_rollover(): `from` is where it starts, and whom it counts against. */
function rolledOver(slots: readonly Slot[], from: number, triesSelf: boolean): number {
  const own = slots[from];
  if (own === undefined) throw new RangeError(`slot ${from}`);
  if (triesSelf && hasAny(own.room)) return from;
  const { rollover } = own;
  const first = Math.min(rollover.slot, slots.length - 1);
  for (let i = 0; i < slots.length; i += 1) {
    const at = (first + i) % slots.length;
    const candidate = slots[at];
    if (candidate === undefined || (triesSelf && at === from) || !isNormal(candidate.room)) continue;
    rollover.slot = at;
    rollover.all += 1;
    return at;
  }
  rollover.failed += 1;
  return from;
}

// ROOM_NORMAL: a quarter of the ring is free. Nobody here sends so much of one flow that ROOM_LOW would not do for it.
const isNormal = ({ length, capacity }: Ring): boolean => length < (capacity * 3) / 4;
const hasAny = ({ length, capacity }: Ring): boolean => length < capacity;
