/** Traffic from a seed: frames ready to be injected, and the truth about them. The same options give the same bytes. */
import type { FlowId } from '../model/run-result.ts';
import { type Conversation, TRAFFIC_CLASSES, type TrafficClass } from './classes.ts';
import { createDraft, type Draft, FRAME_BYTES_MAX, resetDraft, writeLayers } from './frames.ts';
import { FLOWS_MAX, slotOf } from './parties.ts';
import { createRandom, type Random } from './random.ts';
import { type Direction, LAB_TAG } from './tag.ts';

export interface TrafficOptions {
  readonly seed: number;
  /** Names from TRAFFIC_CLASSES; flows take turns through them. All of them by default. */
  readonly classes?: readonly string[];
  readonly flows?: number;
  /** At least 2, so that every flow goes both ways. */
  readonly packetsPerFlow?: number;
  /** Payload of data packets in bytes, from the size of the lab tag on. */
  readonly payloadMin?: number;
  readonly payloadMax?: number;
  /** Receive queues; both directions of a flow go to one, as with a symmetric hash in the NIC. */
  readonly queues?: number;
  /** How many flows are under way at a time, and so how finely they are interleaved. */
  readonly concurrency?: number;
}

export interface FlowTruth {
  /** Also in the lab tag of its packets. */
  readonly id: number;
  readonly class: string;
  readonly stack: string;
  /** In the order of the canonical key: `forward` packets go from src to dst. */
  readonly flow: FlowId;
  /** Direction of the first packet. */
  readonly initiator: Direction;
  readonly packets: { readonly forward: number; readonly reverse: number };
  /** Of whole frames, VLAN tags included. */
  readonly bytes: { readonly forward: number; readonly reverse: number };
}

/** As the native injector takes it: frame i is bytes offsets[i] to offsets[i + 1] of `frames`. */
export interface Traffic {
  readonly frames: Uint8Array;
  readonly offsets: Uint32Array;
  readonly queues: Uint16Array;
  /** Where in its frame each lab tag is. */
  readonly tags: Uint16Array;
  readonly flows: readonly FlowTruth[];
}

type Settings = Required<TrafficOptions> & { readonly rows: readonly TrafficClass[] };

/** Offsets are 32 bits wide, and one buffer holds all frames. */
const TRAFFIC_BYTES_MAX = 2 ** 31;
/** Of the default options: a good first size for the buffer. */
const TYPICAL_FRAME_BYTES = 112;
const HEADER_BYTES_MAX = 150;

function inRange(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`${name} ${value} is not an integer from ${min} to ${max}`);
}

function classNamed(name: string): TrafficClass {
  const found = TRAFFIC_CLASSES.find((row) => row.name === name);
  if (found === undefined) throw new RangeError(`no traffic class is called ${name}`);
  return found;
}

function settle(options: TrafficOptions): Settings {
  const { seed, classes = TRAFFIC_CLASSES.map((row) => row.name), flows = 1000, packetsPerFlow = 8 } = options;
  const { payloadMin = LAB_TAG.bytes, payloadMax = Math.max(96, payloadMin), queues = 1, concurrency = 64 } = options;
  if (classes.length === 0) throw new RangeError('no traffic classes');
  inRange('flows', flows, 1, FLOWS_MAX);
  inRange('packetsPerFlow', packetsPerFlow, 2, 1_000_000);
  inRange('payloadMin', payloadMin, LAB_TAG.bytes, 65000);
  inRange('payloadMax', payloadMax, payloadMin, 65000);
  inRange('queues', queues, 1, 65535);
  inRange('concurrency', concurrency, 1, FLOWS_MAX);
  if (flows * packetsPerFlow * (payloadMax + HEADER_BYTES_MAX) > TRAFFIC_BYTES_MAX) {
    throw new RangeError(`${flows} flows of ${packetsPerFlow} packets do not fit into ${TRAFFIC_BYTES_MAX} bytes`);
  }
  const rows = classes.map(classNamed);
  return { seed, classes, flows, packetsPerFlow, payloadMin, payloadMax, queues, concurrency, rows };
}

/**
 * Frames are written where they are to stay: from the end of a space that holds the largest, and then moved down to the frame
 * before. Moving within one buffer costs less than a view of another.
 */
function nextFrame(draft: Draft, used: number): void {
  if (used + FRAME_BYTES_MAX > draft.bytes.length) {
    const larger = new Uint8Array(Math.ceil(draft.bytes.length * 1.5) + FRAME_BYTES_MAX);
    larger.set(draft.bytes);
    draft.bytes = larger;
  }
  resetDraft(draft, used + FRAME_BYTES_MAX);
}

/** A count for each direction, while it grows. */
type Tally = Record<Direction, number>;

interface OpenFlow {
  readonly conversation: Conversation;
  readonly packets: Tally;
  readonly bytes: Tally;
  readonly truth: FlowTruth;
  left: number;
}

function openFlow(id: number, salt: number, random: Random, settings: Settings): OpenFlow {
  const { rows, packetsPerFlow, payloadMin, payloadMax } = settings;
  const row = rows[id % rows.length] as TrafficClass;
  const slot = slotOf(id, rows.length, salt);
  const conversation = row.begin({ flow: id, slot, packets: packetsPerFlow, payloadMin, payloadMax, random });
  const { stack, flow, initiator } = conversation;
  const packets = { forward: 0, reverse: 0 };
  const bytes = { forward: 0, reverse: 0 };
  return { conversation, packets, bytes, truth: { id, class: row.name, stack, flow, initiator, packets, bytes }, left: packetsPerFlow };
}

/** Writes the flow's next frame into the draft and counts it. */
function writeNext(open: OpenFlow, draft: Draft): void {
  const { conversation, packets, bytes } = open;
  const { fromInitiator, layers } = conversation.next();
  writeLayers(draft, layers);
  writeLayers(draft, fromInitiator ? conversation.envelope.initiator : conversation.envelope.responder);
  const direction = fromInitiator === (conversation.initiator === 'forward') ? 'forward' : 'reverse';
  packets[direction] += 1;
  bytes[direction] += draft.end - draft.start;
  open.left -= 1;
}

export function generateTraffic(options: TrafficOptions): Traffic {
  const settings = settle(options);
  const random = createRandom(settings.seed);
  const salt = random.below(0x10000);
  const total = settings.flows * settings.packetsPerFlow;
  const offsets = new Uint32Array(total + 1);
  const queues = new Uint16Array(total);
  const tags = new Uint16Array(total);
  const draft = createDraft(new Uint8Array(total * TYPICAL_FRAME_BYTES + FRAME_BYTES_MAX));
  let used = 0;
  const flows: FlowTruth[] = [];
  const open: OpenFlow[] = [];

  for (let frame = 0; frame < total; frame += 1) {
    while (open.length < settings.concurrency && flows.length < settings.flows) {
      const opened = openFlow(flows.length, salt, random, settings);
      flows.push(opened.truth);
      open.push(opened);
    }
    const slot = random.below(open.length);
    const current = open[slot] as OpenFlow;
    nextFrame(draft, used);
    writeNext(current, draft);
    draft.bytes.copyWithin(used, draft.start, draft.end);
    used += draft.end - draft.start;
    offsets[frame + 1] = used;
    queues[frame] = current.truth.id % settings.queues;
    tags[frame] = draft.tagAt - draft.start;
    if (current.left > 0) continue;
    // The order of the open flows means nothing: the last one takes the place of the finished one.
    const last = open.pop() as OpenFlow;
    if (slot < open.length) open[slot] = last;
  }
  return { frames: draft.bytes.subarray(0, used), offsets, queues, tags, flows };
}
