/** Carries out the collector's messages on one capture, and moves finished batches from the capture thread to the socket. */
import type { Socket } from 'node:net';
import type { Capture, CaptureOptions } from '../addon/capture.ts';
import { native } from '../addon/native.ts';
import { isSystemCallError, unreachable } from '../errors.ts';
import type { CollectorMessage, SteeringProgram, WorkerMessage } from '../protocol/schema.ts';
import { showMemory, taken, takenInPlace } from './equipment.ts';

/** All but the one that ends the process. */
type Order = Exclude<CollectorMessage, { readonly kind: 'leave' }>;

export class Member {
  readonly #socket: Socket;
  readonly #send: (message: WorkerMessage) => void;
  #capture: Capture | undefined;
  #buffers: readonly Buffer[] = [];
  #toldAliveNs = 0n;

  constructor(socket: Socket, send: (message: WorkerMessage) => void) {
    this.#socket = socket;
    this.#send = send;
  }

  obey(message: Order): void {
    try {
      this.#carryOut(message);
    } catch (error) {
      if (!isSystemCallError(error)) throw error;
      this.#send({ kind: 'failed', step: message.kind, call: error.call, errno: error.errno, message: error.message });
    }
  }

  #carryOut(message: Order): void {
    switch (message.kind) {
      case 'open':
        return this.#open(message.capture);
      case 'join': {
        const { groupId, mode, flags } = this.#opened().join(message);
        if (message.program !== null) this.#setProgram(message.program);
        return this.#send({ kind: 'joined', groupId, mode, flags });
      }
      case 'arm':
        this.#opened().arm();
        return this.#send({ kind: 'armed' });
      case 'start':
        return this.#opened().start(message.startNs, message.epoch, () => this.#answerDoorbell());
      case 'epoch':
        return this.#opened().beginEpoch(message.epoch, message.fromNs);
      case 'finish':
        return this.#opened().finish(message.untilNs);
      default:
        unreachable(message);
    }
  }

  #open(options: CaptureOptions): void {
    // A second `open`, with another socket, starts over: closing the first is the only way to leave a group.
    this.#capture?.close();
    this.#capture = new native.Capture({ ...options, socket: takenInPlace(options.socket) });
    // In the lab only is that asked for, and nobody else's packets are there.
    if (options.labTags) showMemory();
    this.#buffers = this.#capture.buffers();
    this.#send({ kind: 'opened', inode: this.#capture.inode() });
  }

  #setProgram(program: SteeringProgram): void {
    if (program.kind === 'cbpf') this.#opened().setCbpf(program.instructions);
    else this.#opened().setEbpf(taken(program.descriptor));
  }

  #opened(): Capture {
    if (this.#capture === undefined) throw new TypeError('the collector sent a message before `open`');
    return this.#capture;
  }

  #answerDoorbell(): void {
    const capture = this.#opened();
    capture.answerDoorbell();
    // Counters first: whatever they count as told is in the outbox by now, and goes out before them.
    const counters = capture.counters();
    this.#sendBatches(capture);
    if (counters.aliveNs === this.#toldAliveNs) return;
    // A heartbeat is worth nothing late: while the collector does not read, none is queued behind the others.
    if (this.#socket.writableNeedDrain && !counters.finished) return;
    this.#toldAliveNs = counters.aliveNs;
    this.#send({ kind: 'counters', counters });
  }

  // A slow collector leaves the outbox's few buffers in the socket's queue; the capture thread then waits for one of them.
  #sendBatches(capture: Capture): void {
    for (let batch = capture.take(); batch !== null; batch = capture.take()) {
      const { slot, length } = batch;
      const buffer = this.#buffers[slot];
      if (buffer === undefined) throw new RangeError(`outbox slot ${slot}`);
      this.#socket.write(buffer.subarray(0, length), () => capture.release(slot));
    }
  }
}
