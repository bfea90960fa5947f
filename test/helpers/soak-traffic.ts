/** Traffic that never repeats: batch after batch of fresh flows, each made while the one before it is sent. */
import { classesSelectedBy, classNamed } from '../../src/traffic/classes.ts';
import { createRandom } from '../../src/traffic/random.ts';
import { readTag } from '../../src/traffic/tag.ts';
import { generateTraffic, type Traffic } from '../../src/traffic/traffic.ts';
import { joinFrames, type Sending, sendFrames } from './network.ts';

export interface Frames {
  readonly frames: Uint8Array;
  readonly offsets: Uint32Array;
}

/** What is sent beside one another, each in flows of its own. */
export const STREAMS = ['connections', 'odd', 'flood'] as const;
export type StreamName = (typeof STREAMS)[number];

/** Kinds that mode hash keeps together, tunnels and tags among them. */
const KEPT = classesSelectedBy('all').filter((name) => {
  const { expect, flow } = classNamed(name);
  return flow !== undefined && expect.hash === 'together' && expect.spread === 'ports';
});
/** Fragments whole and torn, errors about flows, tunnels whose directions part, and frames without a flow. */
const ODD = ['fragment', 'icmp-error', 'udp-tunnel', 'non-ip'].flatMap((group) => classesSelectedBy(group));
/** As a scan or spoofed packets have them. */
const PLAIN = ['ipv4-tcp', 'ipv4-udp', 'ipv6-tcp', 'ipv6-udp'];

/** One in so many frames of the odd stream is not sent: datagrams then lack pieces, and flows packets. */
const TORN_ONE_IN = 8;

interface Made extends Frames {
  /** Flows that are sent in both directions, every packet of them. */
  readonly twoWay: number;
}

const MAKERS: Readonly<Record<StreamName, (seed: number, flows: number) => Made>> = {
  connections: (seed, flows) => ({ ...generateTraffic({ seed, flows, packetsPerFlow: 6, classes: KEPT }), twoWay: flows }),
  odd: (seed, flows) => {
    const random = createRandom(seed);
    const traffic = generateTraffic({ seed, flows, packetsPerFlow: 8, classes: ODD });
    return { ...chosen(traffic, () => random.below(TORN_ONE_IN) > 0), twoWay: 0 };
  },
  flood: (seed, flows) => {
    const traffic = generateTraffic({ seed, flows, packetsPerFlow: 2, classes: PLAIN });
    return { ...chosen(traffic, (frame, tag) => readTag(frame, tag)?.direction === 'forward'), twoWay: 0 };
  },
};

function chosen({ frames, offsets, tags }: Traffic, isWanted: (frame: Uint8Array, tag: number) => boolean): Frames {
  const all = Array.from(tags, (tag, i) => ({ frame: frames.subarray(offsets[i], offsets[i + 1]), tag }));
  return joinFrames(all.filter(({ frame, tag }) => isWanted(frame, tag)).map(({ frame }) => frame));
}

/** Sends fresh flows at a steady rate until it is stopped. */
export class Stream {
  readonly #name: StreamName;
  readonly #flowsPerSecond: number;
  readonly #ended: Promise<void>;
  #seed: number;
  #sending: Sending | undefined;
  #isStopped = false;
  #packets = 0;
  #twoWay = 0;

  constructor(name: StreamName, flowsPerSecond: number, seed: number) {
    this.#name = name;
    this.#flowsPerSecond = flowsPerSecond;
    this.#seed = seed;
    this.#ended = this.#run();
    // Whoever stops it is told; until then a failure must not end the process.
    this.#ended.catch(() => {});
  }

  /** Packets that are out. */
  get packets(): number {
    return this.#packets + (this.#sending?.injector.counters.packets ?? 0);
  }

  /** Flows of which every packet in both directions is out. */
  get twoWay(): number {
    return this.#twoWay;
  }

  /** Resolves when the last packet is out; rejects if one could not be sent. */
  stop(): Promise<void> {
    this.#isStopped = true;
    void this.#sending?.stop();
    return this.#ended;
  }

  async #run(): Promise<void> {
    for (let batch = this.#make(); !this.#isStopped; ) {
      const frames = batch.offsets.length - 1;
      const sending = sendFrames(batch, { rounds: 1, packetsPerSecond: Math.ceil((frames * this.#flowsPerSecond) / this.#flows) });
      this.#sending = sending;
      const next = this.#make();
      const { packets, stopped } = await sending.report;
      this.#sending = undefined;
      this.#packets += packets;
      if (!stopped) this.#twoWay += batch.twoWay;
      batch = next;
    }
  }

  /** For half a second: making more at once would keep the others waiting. */
  get #flows(): number {
    return Math.max(50, Math.ceil(this.#flowsPerSecond / 2));
  }

  #make(): Made {
    this.#seed += 1;
    return MAKERS[this.#name](this.#seed, this.#flows);
  }
}
