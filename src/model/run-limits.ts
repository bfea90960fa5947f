/** What no run goes beyond, however long it is let run: its clock, its epochs, and the flows that it holds. */

/** The flow map counts time in 32 bits, which are used up after 78 hours. */
export const RUN_MS_MAX = 72 * 3_600_000;

/** Encapsulations that have counts and answers of their own: native/core/evidence/evidence.hpp says which those are. */
export const STACKS_MAX = 1024;

/** Two-way flows are counted for each member in each epoch: so many counts at the most. */
const EPOCH_COUNTS_MAX = 2 ** 24;
/** And reports list the epochs. */
const EPOCHS_MAX = 4096;

export function epochsMax(members: number): number {
  return Math.min(EPOCHS_MAX, Math.floor(EPOCH_COUNTS_MAX / members));
}

/** What the flow map has room for: native/core/evidence/flow_map.hpp, FlowMap::Limits. */
export interface FlowRoom {
  readonly flowsMax: number;
  /** Sightings of a flow beyond the first of each direction. */
  readonly sightsMax: number;
  /** Fragments to be joined, first ones and others each. */
  readonly fragmentsMax: number;
}

export const FLOWS_MAX = 2 ** 24;

/** A record and its place in the queue of those that make room. */
const FLOW_BYTES = 120 + 4;
const SIGHT_BYTES = 56;
/** A first fragment and another one. */
const FRAGMENTS_BYTES = 40 + 48;
/** Of tables by which flows and datagrams are found. */
const FLOW_ENTRY_BYTES = 8;
const DATAGRAM_ENTRY_BYTES = 4;
const INDEX_SLOTS_MIN = 2 ** 16;

function roomFor(flowsMax: number): FlowRoom {
  return { flowsMax, sightsMax: Math.ceil(flowsMax / 4), fragmentsMax: Math.ceil(flowsMax / 16) };
}

/** What so many flows take at the most, with all that there is room for beside them: native/core/table/hash_index.hpp says how the index grows. */
export function flowMemoryBytes(flows: number): number {
  const slots = powerOfTwoFrom((flows * 4) / 3);
  if (slots <= INDEX_SLOTS_MIN) return recordBytes(flows) + INDEX_SLOTS_MIN * FLOW_ENTRY_BYTES;
  // While it moves 64 slots of its old table with each insertion, the index has both: from 3/8 of the slots on, until 1/128 more are used.
  const growing = Math.min(flows, Math.ceil((slots * 49) / 128));
  return Math.max(recordBytes(flows) + slots * FLOW_ENTRY_BYTES, recordBytes(growing) + slots * 1.5 * FLOW_ENTRY_BYTES);
}

function recordBytes(flows: number): number {
  const { flowsMax, sightsMax, fragmentsMax } = roomFor(flows);
  const table = powerOfTwoFrom(fragmentsMax) * DATAGRAM_ENTRY_BYTES;
  return flowsMax * FLOW_BYTES + sightsMax * SIGHT_BYTES + fragmentsMax * FRAGMENTS_BYTES + table;
}

function powerOfTwoFrom(least: number): number {
  return 2 ** Math.ceil(Math.log2(least));
}

/** As many flows as the memory holds. */
export function flowRoomIn(bytes: number): FlowRoom {
  let fits = 1;
  for (let tooMany = FLOWS_MAX + 1; tooMany - fits > 1; ) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (flowMemoryBytes(middle) <= bytes) fits = middle;
    else tooMany = middle;
  }
  return roomFor(fits);
}

const MIB = 2 ** 20;
/** Below that even the empty tables would not fit. */
export const FLOW_MEMORY_MIN = MIB;
export const FLOW_MEMORY_MAX = Math.ceil(flowMemoryBytes(FLOWS_MAX) / MIB) * MIB;
