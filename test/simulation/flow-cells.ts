/** What one member counts of its flows between two messages, as native/core/worker/flow_cache.cpp and datagrams.cpp do it. */
import type { ObservationInput } from '../../src/addon/observations.ts';
import { type Flow, joined, MARK, type Packet } from './traffic.ts';

interface Cell {
  readonly flow: Flow;
  readonly direction: number;
  readonly key: number;
  readonly stack: string;
  readonly isError: boolean;
  packets: number;
  bytes: number;
  firstNs: number;
  lastNs: number;
  marks: number;
  tags: number;
  /** Since the cell was made. */
  content: number;
  isTold: boolean;
}

interface Datagram {
  readonly digest: number;
  readonly key: number;
  /** Of its first piece, once that was seen. */
  first: Packet | undefined;
  firstNs: number;
  readonly waiting: { readonly packet: Packet; readonly timeNs: number }[];
  isFirstTold: boolean;
}

const NO_CONTENT = 0;

/** native/core/packet/content.hpp */
function contentOf(rank: number, timeNs: number): number {
  const [timeBits, timeShift] = [10, 23];
  return rank * 2 ** timeBits + (Math.floor(timeNs / 2 ** timeShift) % 2 ** timeBits);
}

function leastContent(a: number, b: number): number {
  if (a === NO_CONTENT) return b;
  return b === NO_CONTENT ? a : Math.min(a, b);
}

export class FlowCells {
  #cells = new Map<string, Cell>();
  #news: Cell[] = [];
  #datagrams = new Map<string, Datagram>();

  get hasNews(): boolean {
    return this.#news.length > 0;
  }

  /** Packets that were counted and not told yet. */
  get untold(): number {
    let packets = 0;
    for (const cell of this.#cells.values()) packets += cell.packets;
    for (const { waiting } of this.#datagrams.values()) packets += waiting.length;
    return packets;
  }

  add(packet: Packet, timeNs: number): void {
    if (packet.datagram === 0) return this.#count(packet, packet.stack, timeNs);
    const datagram = this.#datagramOf(packet);
    if (packet.isFirstPiece) {
      datagram.first = packet;
      datagram.firstNs = timeNs;
      this.#count(packet, packet.stack, timeNs);
      for (const piece of datagram.waiting.splice(0)) this.#count(piece.packet, packet.stack, piece.timeNs);
    } else if (datagram.first !== undefined) this.#count(packet, datagram.first.stack, timeNs);
    else datagram.waiting.push({ packet, timeNs });
  }

  #datagramOf({ datagram: digest, key }: Packet): Datagram {
    const name = `${digest} ${key}`;
    const known = this.#datagrams.get(name);
    if (known !== undefined) return known;
    const fresh: Datagram = { digest, key, first: undefined, firstNs: 0, waiting: [], isFirstTold: false };
    this.#datagrams.set(name, fresh);
    return fresh;
  }

  #count(packet: Packet, stack: string, timeNs: number): void {
    const { flow, direction, key } = packet;
    if (flow === undefined) throw new TypeError('a packet of no flow');
    const isError = (packet.marks & MARK.error) !== 0;
    const name = `${flow.index} ${direction} ${key} ${stack} ${isError}`;
    let cell = this.#cells.get(name);
    if (cell === undefined) {
      const empty = {
        packets: 0,
        bytes: 0,
        firstNs: timeNs,
        lastNs: timeNs,
        marks: 0,
        tags: packet.tags,
        content: NO_CONTENT,
        isTold: false,
      };
      cell = { flow, direction, key, stack, isError, ...empty };
      this.#cells.set(name, cell);
    }
    if (!cell.isTold) {
      cell.isTold = true;
      this.#news.push(cell);
    }
    const isFresh = cell.packets === 0;
    cell.firstNs = isFresh ? timeNs : Math.min(cell.firstNs, timeNs);
    cell.lastNs = isFresh ? timeNs : Math.max(cell.lastNs, timeNs);
    cell.packets += 1;
    cell.bytes += packet.bytes;
    cell.marks |= packet.marks;
    cell.tags = joined(cell.tags, packet.tags);
    if (packet.datagram === 0) cell.content = leastContent(cell.content, contentOf(packet.rank, timeNs));
  }

  /** Directions that the collector has not heard of. */
  takeNews(): ObservationInput[] {
    const told = this.#news.filter(({ packets }) => packets > 0).map(tell);
    this.#news = [];
    return told;
  }

  /** All that has changed. */
  takeChanges(): ObservationInput[] {
    const told = [...this.#datagrams.values()].flatMap(settle);
    for (const cell of this.#cells.values()) if (cell.packets > 0) told.push(tell(cell));
    return told;
  }

  clear(): void {
    this.#cells = new Map();
    this.#news = [];
    this.#datagrams = new Map();
  }
}

function tell(cell: Cell): ObservationInput {
  const { flow, packets, bytes, firstNs, lastNs, key, stack, marks, tags, content } = cell;
  const isForward = cell.direction === 0;
  cell.packets = 0;
  cell.bytes = 0;
  return {
    src: isForward ? flow.src : flow.dst,
    dst: isForward ? flow.dst : flow.src,
    srcPort: isForward ? flow.sport : flow.dport,
    dstPort: isForward ? flow.dport : flow.sport,
    protocol: flow.protocol,
    stack,
    kernelKey: key,
    marks,
    tags,
    packets,
    bytes,
    firstNs,
    lastNs,
    content,
    datagram: 0,
  };
}

function tupleOf(flow: Flow, direction: number) {
  const { src, dst, sport, dport, protocol } = flow;
  return direction === 0
    ? { src, dst, srcPort: sport, dstPort: dport, protocol }
    : { src: dst, dst: src, srcPort: dport, dstPort: sport, protocol };
}

/** What another member may need to know of a datagram, or may know. */
function settle(datagram: Datagram): ObservationInput[] {
  const { digest, key, first, firstNs } = datagram;
  const told = datagram.waiting.splice(0).map(({ packet, timeNs }) => laterPiece(packet, timeNs));
  if (first?.flow === undefined || datagram.isFirstTold) return told;
  datagram.isFirstTold = true;
  const whose = { kernelKey: key, marks: 0, packets: 0, bytes: 0, firstNs, lastNs: firstNs, content: NO_CONTENT, datagram: digest };
  return [...told, { ...tupleOf(first.flow, first.direction), stack: first.stack, ...whose }];
}

function laterPiece({ flow, direction, key, stack, marks, tags, bytes, datagram }: Packet, timeNs: number): ObservationInput {
  if (flow === undefined) throw new TypeError('a piece of no flow');
  const tuple = { ...tupleOf(flow, direction), srcPort: 0, dstPort: 0 };
  return {
    ...tuple,
    stack,
    kernelKey: key,
    marks,
    tags,
    packets: 1,
    bytes,
    firstNs: timeNs,
    lastNs: timeNs,
    content: NO_CONTENT,
    datagram,
  };
}
