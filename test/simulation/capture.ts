/** The capture thread of a simulated member: reads its ring, counts, tells, as native/core/worker/capture.cpp does it. */
import type { CaptureCounters, CaptureOptions } from '../../src/addon/capture.ts';
import type { ObservationInput } from '../../src/addon/observations.ts';
import { MS, REALTIME_BASE_NS, type SimulatedClock } from './clock.ts';
import { FlowCells } from './flow-cells.ts';
import type { Delivery, PacketSocket } from './kernel.ts';

const IGNORED = { beforeStart: 1, outgoing: 8, afterEnd: 10, arp: 0x10000 + 0x0806 } as const;
const COUNTERS_INTERVAL_NS = 100 * MS;
/** A packet that was past the filter when it was shut is counted a moment later. */
const IN_FLIGHT_NS = 2 * MS;
/** native/core/worker/judged_span.hpp */
const AHEAD_MAX_NS = MS;
const READ_UNTIL_MAX_NS = 1000 * MS;

export interface CaptureParts {
  readonly clock: SimulatedClock;
  readonly socket: PacketSocket;
  readonly options: CaptureOptions;
  /** Between two passes of changes. */
  readonly changesIntervalNs: number;
  /** How long the thread takes to wake up. */
  readonly latencyNs: () => number;
  /** Calls back when the process runs, which is at once unless it is stopped. */
  readonly whenRunning: (act: () => void) => void;
  readonly tellObservations: (epoch: number, observations: readonly ObservationInput[]) => void;
  readonly tellCounters: (counters: CaptureCounters) => void;
  /** The collector is too slow to be told everything when an epoch or the run ends. */
  readonly isChoked: () => boolean;
  /** CPU time of the whole process. */
  readonly cpuNs: () => number;
}

export class SimulatedCapture {
  readonly #parts: CaptureParts;
  readonly #cells = new FlowCells();
  readonly #ignored = new Map<number, number>();
  #startNs = 0;
  #fromNs = 0;
  #untilNs = Number.POSITIVE_INFINITY;
  #epoch = 0;
  #captured = 0;
  #bytes = 0;
  #outgoing = 0;
  #judged = 0;
  #overflowed = 0;
  #linkErrno = 0;
  #linkErrors = 0;
  #nextNewsNs = 0;
  #nextChangesNs = 0;
  #nextCountersNs = 0;
  #wakesAtNs = Number.POSITIVE_INFINITY;
  #commandedNs = 0;
  #isStarted = false;
  #isFinishing = false;
  #isDone = false;
  #isGone = false;

  constructor(parts: CaptureParts) {
    this.#parts = parts;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get captured(): number {
    return this.#captured;
  }

  /** One whose filter was never shut has counted already. */
  arm(): void {
    if (this.#parts.options.eager) return;
    this.#parts.socket.clearCounters();
    this.#parts.socket.accepts = true;
  }

  start(startNs: bigint, epoch: number): void {
    const { clock, socket, changesIntervalNs } = this.#parts;
    this.#isStarted = true;
    this.#startNs = sinceBase(startNs);
    this.#fromNs = this.#startNs;
    this.#epoch = epoch;
    this.#nextChangesNs = clock.nowNs + changesIntervalNs;
    socket.onBlock = (visibleNs) => this.#wakeAt(visibleNs);
    socket.onError = () =>
      this.#onCommand(() => {
        if (!this.#isFinishing) this.#publishCounters(false);
      });
    this.#wakeAt(clock.nowNs);
  }

  beginEpoch(epoch: number, fromNs: bigint): void {
    this.#onCommand(() => {
      if (this.#isFinishing) return;
      this.#readBlocks();
      this.#tellEverything();
      this.#cells.clear();
      this.#epoch = epoch;
      this.#fromNs = Math.max(this.#startNs, sinceBase(fromNs));
    });
  }

  finish(untilNs: bigint): void {
    this.#onCommand(() => {
      this.#isFinishing = true;
      if (untilNs === 0n) return this.#shut();
      this.#untilNs = sinceBase(untilNs);
      this.#readUntil(this.#parts.clock.nowNs + READ_UNTIL_MAX_NS);
    });
  }

  /** Its process is no more. */
  end(): void {
    this.#isGone = true;
  }

  #onCommand(act: () => void): void {
    const { clock, latencyNs, whenRunning } = this.#parts;
    // One after the other, in the order in which they were given.
    this.#commandedNs = Math.max(this.#commandedNs, clock.nowNs + latencyNs());
    clock.at(this.#commandedNs, () =>
      whenRunning(() => {
        if (!this.#isDone && !this.#isGone) act();
      }),
    );
  }

  #wakeAt(ns: number): void {
    const { clock, latencyNs } = this.#parts;
    const wakesNs = Math.max(ns, clock.nowNs) + latencyNs();
    if (wakesNs >= this.#wakesAtNs) return;
    this.#wakesAtNs = wakesNs;
    clock.at(wakesNs, () => {
      if (this.#wakesAtNs !== wakesNs) return;
      this.#parts.whenRunning(() => {
        this.#wakesAtNs = Number.POSITIVE_INFINITY;
        if (!this.#isFinishing && !this.#isGone) this.#work();
      });
    });
  }

  #work(): void {
    const { clock, options, changesIntervalNs } = this.#parts;
    const now = clock.nowNs;
    this.#readBlocks();
    if (this.#cells.hasNews && now >= this.#nextNewsNs) {
      this.#tell(this.#cells.takeNews());
      this.#nextNewsNs = now + options.newsIntervalMs * MS;
    }
    if (now >= this.#nextChangesNs) {
      this.#tell(this.#cells.takeChanges());
      this.#nextChangesNs = now + changesIntervalNs;
    }
    if (now >= this.#nextCountersNs) this.#publishCounters(false);
    const nextBlockNs = this.#parts.socket.ring[0]?.visibleNs ?? Number.POSITIVE_INFINITY;
    this.#wakeAt(Math.min(this.#nextCountersNs, nextBlockNs, this.#cells.hasNews ? this.#nextNewsNs : Number.POSITIVE_INFINITY));
  }

  #readBlocks(): void {
    const { clock, socket } = this.#parts;
    const { ring } = socket;
    const now = clock.nowNs;
    let count = 0;
    while (count < ring.length && (ring[count]?.visibleNs ?? 0) <= now) count += 1;
    const nowNs = clock.stampAt(now);
    for (const { delivery } of ring.splice(0, count)) this.#read(delivery, nowNs);
  }

  #read(delivery: Delivery, nowNs: number): void {
    const { packet, stamp } = delivery;
    delivery.isRead = true;
    this.#captured += 1;
    this.#bytes += packet.bytes;
    if (packet.outgoing) {
      this.#outgoing += 1;
      if (this.#parts.options.ignoreOutgoing) return this.#ignore(IGNORED.outgoing);
    }
    if (stamp < this.#fromNs || stamp > nowNs + AHEAD_MAX_NS) return this.#ignore(IGNORED.beforeStart);
    if (stamp >= this.#untilNs) return this.#ignore(IGNORED.afterEnd);
    if (packet.flow === undefined) return this.#ignore(IGNORED.arp);
    delivery.epoch = this.#epoch;
    this.#judged += 1;
    this.#cells.add(packet, stamp - this.#startNs);
  }

  #ignore(reason: number): void {
    this.#ignored.set(reason, (this.#ignored.get(reason) ?? 0) + 1);
  }

  #readUntil(deadlineNs: number): void {
    const { clock, whenRunning } = this.#parts;
    this.#readBlocks();
    if (clock.stampAt(clock.nowNs) >= this.#untilNs || clock.nowNs >= deadlineNs) return this.#shut();
    clock.in(MS, () =>
      whenRunning(() => {
        if (!this.#isGone) this.#readUntil(deadlineNs);
      }),
    );
  }

  /** Lets nothing in any more, and waits for the block that is open. */
  #shut(): void {
    const { clock, socket, whenRunning, latencyNs } = this.#parts;
    socket.accepts = false;
    const lastNs = socket.ring.at(-1)?.visibleNs ?? 0;
    clock.at(Math.max(clock.nowNs + IN_FLIGHT_NS, lastNs) + latencyNs(), () =>
      whenRunning(() => {
        if (this.#isGone || this.#isDone) return;
        this.#readBlocks();
        this.#tellEverything();
        this.#isDone = true;
        this.#publishCounters(true);
      }),
    );
  }

  #tellEverything(): void {
    if (!this.#parts.isChoked()) return this.#tell(this.#cells.takeChanges());
    // What cannot leave in time was not judged after all.
    const lost = this.#cells.untold;
    this.#judged -= lost;
    this.#overflowed += lost;
  }

  #tell(observations: readonly ObservationInput[]): void {
    if (observations.length > 0) this.#parts.tellObservations(this.#epoch, observations);
  }

  #publishCounters(isFinished: boolean): void {
    if (!this.#isStarted) return;
    const { clock, socket, tellCounters } = this.#parts;
    const aliveNs = clock.realtimeNs();
    const error = socket.takeError();
    if (error !== 0) {
      this.#linkErrno = error;
      this.#linkErrors += 1;
    }
    this.#nextCountersNs = clock.nowNs + COUNTERS_INTERVAL_NS;
    const { all, huge, failed } = socket.rollover;
    const rollsOver = socket.group?.steering.rollsOver === true || socket.group?.steering.mode === 'rollover';
    tellCounters({
      packets: socket.packets,
      drops: socket.drops,
      freezes: 0,
      captured: this.#captured,
      bytes: this.#bytes,
      outgoing: this.#outgoing,
      judged: this.#judged,
      overflowed: this.#overflowed,
      ignored: [...this.#ignored],
      rollover: rollsOver ? [all, huge, failed] : [],
      order: [0, 0, 0, 0, 0, 0],
      copies: [0, 0, 0, 0],
      large: [0, 0, 0, 0],
      aliveNs,
      cpuNs: this.#parts.cpuNs(),
      epoch: this.#epoch,
      linkErrno: this.#linkErrno,
      linkErrors: this.#linkErrors,
      finished: isFinished,
    });
  }
}

function sinceBase(realtimeNs: bigint): number {
  return Number(realtimeNs - REALTIME_BASE_NS);
}
