/** Traffic from a seed: frames ready to be injected, and the truth about them. The same options give the same bytes. */
import type { FlowId } from '../model/run-result.ts';
import { classNamed, packetsMinOf, STANDARD_CLASSES, type TrafficClass } from './classes.ts';
import { createDraft, type Draft, FRAME_BYTES_MAX, resetDraft, writeLayers } from './frames.ts';
import { FLOWS_MAX, framesMax, PACKETS_PER_FLOW_MAX, PAYLOAD_BYTES_MAX } from './limits.ts';
import { createTalk, directionOf, flowIdOf, placeFlow, SIDE, type Talk } from './parties.ts';
import { createRandom, mix, type Random } from './random.ts';
import { type Stage, stacksOf } from './stages.ts';
import { type Direction, LAB_TAG } from './tag.ts';

export interface TrafficOptions {
  readonly seed: number;
  /** Names from TRAFFIC_CLASSES; flows take turns through them. By default those of the standard mix. */
  readonly classes?: readonly string[];
  readonly flows?: number;
  /** Frames of each flow: at least as many as it takes to go both ways in every class. */
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
  /** Of the first packet. */
  readonly stack: string;
  /** All that the packets of its class have: two where fragments, errors or tags in one direction make some of them differ. */
  readonly stacks: readonly string[];
  /** The innermost flow in the order of the canonical key: `forward` packets go from src to dst. Absent where no IDS sees one. */
  readonly flow?: FlowId;
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
  /** Worked out when asked for: a run that only sends does without. */
  readonly flows: readonly FlowTruth[];
}

type Settings = Required<TrafficOptions> & { readonly rows: readonly TrafficClass[] };

/** Of the default options: a good first size for the buffer. */
const TYPICAL_FRAME_BYTES = 112;

function inRange(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`${name} ${value} is not an integer from ${min} to ${max}`);
}

function settle(options: TrafficOptions): Settings {
  const { seed, classes = STANDARD_CLASSES, flows = 1000, packetsPerFlow = 8 } = options;
  const { payloadMin = LAB_TAG.bytes, payloadMax = Math.max(PAYLOAD_BYTES_MAX, payloadMin), queues = 1, concurrency = 64 } = options;
  if (classes.length === 0) throw new RangeError('no traffic classes');
  inRange('flows', flows, 1, FLOWS_MAX);
  inRange('packetsPerFlow', packetsPerFlow, packetsMinOf(classes), PACKETS_PER_FLOW_MAX);
  inRange('payloadMin', payloadMin, LAB_TAG.bytes, 65000);
  inRange('payloadMax', payloadMax, payloadMin, 65000);
  inRange('queues', queues, 1, 65535);
  inRange('concurrency', concurrency, 1, FLOWS_MAX);
  const frames = flows * packetsPerFlow;
  if (frames > framesMax(payloadMax)) throw new RangeError(`${frames} frames do not fit into the memory of a run`);
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

/** What the flows of a run have in common, and the one way to make each of them from its number. */
interface Run {
  readonly settings: Settings;
  /** Everything about a flow is drawn from this and from its number. */
  readonly seed: number;
  readonly salt: number;
}

function place(run: Run, id: number, talk: Talk): TrafficClass {
  const { rows, packetsPerFlow } = run.settings;
  const row = rows[id % rows.length] as TrafficClass;
  talk.id = id;
  talk.entropy = mix(run.seed, id);
  talk.packets = packetsPerFlow;
  talk.turn = 0;
  talk.piece = 0;
  placeFlow(talk, row.plan, rows.length, run.salt);
  return row;
}

/** Packets and bytes of every flow, per side: four numbers each. */
type Tallies = Uint32Array;
const TALLY = 4;

function truthOf(run: Run, tallies: Tallies): readonly FlowTruth[] {
  const talk = createTalk();
  const stacksByClass = new Map(run.settings.rows.map((row) => [row, stacksOf(row.open)]));
  return Array.from({ length: run.settings.flows }, (_, id) => {
    const row = place(run, id, talk);
    const stacks = stacksByClass.get(row) ?? [];
    const initiator = directionOf(talk, SIDE.initiator);
    const count = (at: number) => {
      const [own, peer] = [tallies[TALLY * id + at] ?? 0, tallies[TALLY * id + at + 1] ?? 0];
      return initiator === 'forward' ? { forward: own, reverse: peer } : { forward: peer, reverse: own };
    };
    const flow = row.flow === undefined ? {} : { flow: flowIdOf(talk, row.flow) };
    return { id, class: row.name, stack: stacks[0] ?? '', stacks, ...flow, initiator, packets: count(0), bytes: count(2) };
  });
}

/** Flows that follow one another in a class take turns through the queues, whatever the numbers of classes and queues have in common. */
function queueOf(id: number, { rows, queues }: Settings): number {
  return (Math.floor(id / rows.length) + (id % rows.length)) % queues;
}

/** Flows under way, in any order. */
interface OpenFlow {
  readonly talk: Talk;
  stage: Stage;
  left: number;
}

export function generateTraffic(options: TrafficOptions): Traffic {
  const settings = settle(options);
  const random = createRandom(settings.seed);
  const run: Run = { settings, seed: random.below(2 ** 31), salt: random.below(0x10000) };
  const total = settings.flows * settings.packetsPerFlow;
  const offsets = new Uint32Array(total + 1);
  const queues = new Uint16Array(total);
  const tags = new Uint16Array(total);
  const tallies = new Uint32Array(TALLY * settings.flows);
  const draft = createDraft(new Uint8Array(total * TYPICAL_FRAME_BYTES + FRAME_BYTES_MAX));
  const next = interleaved(run, random);
  let used = 0;
  for (let frame = 0; frame < total; frame += 1) {
    const { talk, stage } = next();
    nextFrame(draft, used);
    writeLayers(draft, stage.inner(talk));
    writeLayers(draft, stage.outer(talk));
    stage.advance(talk);
    const { start, end } = draft;
    draft.bytes.copyWithin(used, start, end);
    used += end - start;
    offsets[frame + 1] = used;
    queues[frame] = queueOf(talk.id, settings);
    tags[frame] = draft.tagAt - start;
    const tally = TALLY * talk.id + talk.side;
    tallies[tally] = (tallies[tally] ?? 0) + 1;
    tallies[tally + 2] = (tallies[tally + 2] ?? 0) + end - start;
  }
  let flows: readonly FlowTruth[] | undefined;
  return {
    frames: draft.bytes.subarray(0, used),
    offsets,
    queues,
    tags,
    get flows() {
      flows ??= truthOf(run, tallies);
      return flows;
    },
  };
}

/** Which flow has the next frame, all through the run: as many are under way at a time as asked for. */
function interleaved(run: Run, random: Random): () => OpenFlow {
  const { rows, flows, packetsPerFlow, concurrency } = run.settings;
  const stages = new Map(rows.map((row) => [row, row.open(run.settings)]));
  const renew = (open: OpenFlow, id: number): OpenFlow => {
    open.stage = stages.get(place(run, id, open.talk)) as Stage;
    open.left = packetsPerFlow;
    return open;
  };
  const [first] = stages.values();
  const open = Array.from({ length: Math.min(concurrency, flows) }, (_, id) =>
    renew({ talk: createTalk(), stage: first as Stage, left: 0 }, id),
  );
  let started = open.length;
  // A finished flow makes way when the next frame is asked for: until then its record is in use.
  let current = 0;
  return () => {
    const finished = open[current];
    if (finished?.left === 0) {
      if (started < flows) renew(finished, started++);
      else removeAt(open, current);
    }
    current = random.below(open.length);
    const chosen = open[current] as OpenFlow;
    chosen.left -= 1;
    return chosen;
  };
}

/** The last one takes its place. */
function removeAt<T>(items: T[], index: number): void {
  const last = items.pop() as T;
  if (index < items.length) items[index] = last;
}
