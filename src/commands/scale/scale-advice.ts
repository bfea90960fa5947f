/** From the figures of all sizes to where the limit is and which size to choose. Pure. Nothing is said that the figures do not carry. */

import { type Finding, type FindingArgs, finding } from '../../model/finding.ts';
import type { Range } from '../../model/findings/scale.ts';
import { type AdviceCode, type FailedSize, isMeasured, type MeasuredSize, type ScalePlan, type ScaleSize } from './result.ts';
import { figureDoubts } from './scale-doubts.ts';

/** Of a CPU's time: beyond it, what runs there is what holds the packets up. */
const BUSY = 0.75;
/** CPU time for each packet that has grown so many times is worth a word. */
const GROWN = 2;
/** Figures of a busy machine that differ by less say nothing. */
const ALIKE = 0.1;
/** Of a block, with its headers: the default snap length and what the kernel puts before it. */
const PACKET_IN_BLOCK_BYTES = 300;
/** Loss up to here leaves the cost of a packet what it is. */
const LOSS_PERCENT_MAX = 1;

export function adviseOn(sizes: readonly ScaleSize[], plan: ScalePlan): readonly Finding<AdviceCode>[] {
  const measured = sizes.filter(isMeasured).filter((size) => size.offered > 0 && figureDoubts(size.doubts).length === 0);
  const failed = sizes.filter((size): size is FailedSize => !isMeasured(size));
  const starved = measured.filter((size) => isStarved(size, plan));
  const sound = measured.filter((size) => !starved.includes(size));
  const limits = measured.map((size) => ({ size, limit: limitOf(size, plan) }));
  const at = (limit: Limit) => limits.filter((one) => one.limit === limit).map(({ size }) => size);
  return [
    ...busyHost(starved, plan),
    ...kernelPath(at('kernel-path'), plan),
    ...workerCpu(at('worker-cpu'), plan),
    ...busiestMember(at('busiest-member'), plan),
    ...ringOverflow(at('ring-overflow'), plan),
    ...wakeUps(measured, plan),
    ...memory(failed),
    ...bestSize(sound, plan).map((best) => finding('best-size', { ...best, ...extentOf(measured.length, sizes) })),
    ...beyondAfPacket(at('kernel-path')),
  ];
}

type Limit = 'kernel-path' | 'worker-cpu' | 'busiest-member' | 'ring-overflow';

/** What kept the size from carrying more; nothing where the figures do not show it. */
function limitOf(size: MeasuredSize, plan: ScalePlan): Limit | undefined {
  const { workers, busiest } = loadOf(size, plan);
  if (size.lost > 0) {
    if (busiest >= BUSY && workers < BUSY) return 'busiest-member';
    return workers >= BUSY ? 'worker-cpu' : 'ring-overflow';
  }
  const isAskedForMore = plan.packetsPerSecond === undefined || size.packetsPerSecond < plan.packetsPerSecond * (1 - ALIKE);
  const sender = senderLoad(size);
  return isAskedForMore && sender !== undefined && sender >= BUSY && workers < BUSY ? 'kernel-path' : undefined;
}

/** Of one CPU; undefined where nobody knows. */
function senderLoad({ senderNsPerPacket, packetsPerSecond }: MeasuredSize): number | undefined {
  return senderNsPerPacket === undefined ? undefined : (senderNsPerPacket * packetsPerSecond) / 1e9;
}

/** A thread that sends as fast as it can and uses less than its CPU was kept from it. */
function isStarved(size: MeasuredSize, plan: ScalePlan): boolean {
  const sender = senderLoad(size);
  return plan.packetsPerSecond === undefined && sender !== undefined && sender < BUSY;
}

function busyHost(sizes: readonly MeasuredSize[], { placement: { senderCpu } }: ScalePlan): readonly Finding<AdviceCode>[] {
  if (sizes.length === 0) return [];
  const shares = sizes.map((size) => ({ procs: size.procs, senderShare: senderLoad(size) ?? 0 }));
  return [finding('busy-host', { sizes: shares, ...(senderCpu === undefined ? {} : { senderCpu }) })];
}

interface Load {
  /** Of the CPUs that the processes have together, 0..1. */
  readonly workers: number;
  /** Of one CPU, by the process that got most packets. */
  readonly busiest: number;
}

function loadOf({ cpuNsPerPacket, packetsPerSecond, lossPercent, maxOverMean, procs }: MeasuredSize, plan: ScalePlan): Load {
  const cpus = (cpuNsPerPacket * packetsPerSecond * (1 - lossPercent / 100)) / 1e9;
  return { workers: cpus / workerCpus(plan), busiest: (cpus * maxOverMean) / procs };
}

function workerCpus({ placement }: ScalePlan): number {
  return Math.max(1, placement.workerCpus.length);
}

function kernelPath(sizes: readonly MeasuredSize[], plan: ScalePlan): readonly Finding<AdviceCode>[] {
  if (sizes.length === 0) return [];
  return [
    finding('kernel-path', {
      procs: sizes.map(({ procs }) => procs),
      packetsPerSecond: rangeOf(sizes.map(({ packetsPerSecond }) => packetsPerSecond)),
      senderNsPerPacket: rangeOf(sizes.map(({ senderNsPerPacket = 0 }) => senderNsPerPacket)),
      used: mostUsed(sizes, plan),
      placement: plan.placement,
    }),
  ];
}

function workerCpu(sizes: readonly MeasuredSize[], { placement }: ScalePlan): readonly Finding<AdviceCode>[] {
  if (sizes.length === 0) return [];
  return [
    finding('worker-cpu', { sizes: sizes.map(lossOf), nsPerPacket: rangeOf(sizes.map(({ cpuNsPerPacket }) => cpuNsPerPacket)), placement }),
  ];
}

function busiestMember(sizes: readonly MeasuredSize[], plan: ScalePlan): readonly Finding<AdviceCode>[] {
  if (sizes.length === 0) return [];
  const busiest = sizes.map((size) => ({ ...lossOf(size), busiestShare: size.maxOverMean / size.procs }));
  return [finding('busiest-member', { sizes: busiest, used: mostUsed(sizes, plan), placement: plan.placement })];
}

function ringOverflow(sizes: readonly MeasuredSize[], plan: ScalePlan): readonly Finding<AdviceCode>[] {
  if (sizes.length === 0) return [];
  const { placement, ring } = plan;
  const ringBytes = ring.blockBytes * ring.blockCount;
  return [finding('ring-overflow', { sizes: sizes.map(lossOf), used: mostUsed(sizes, plan), placement, ringBytes })];
}

function lossOf({ procs, lossPercent }: MeasuredSize): Pick<MeasuredSize, 'procs' | 'lossPercent'> {
  return { procs, lossPercent };
}

function mostUsed(sizes: readonly MeasuredSize[], plan: ScalePlan): number {
  return Math.max(...sizes.map((size) => loadOf(size, plan).workers));
}

function rangeOf(values: readonly number[]): Range {
  return { least: Math.min(...values), most: Math.max(...values) };
}

/** A process wakes for each block, and a block is handed over when its time is up, however little is in it. */
function wakeUps(sizes: readonly MeasuredSize[], { ring }: ScalePlan): readonly Finding<AdviceCode>[] {
  const [small, ...larger] = sizes.filter(({ lossPercent }) => lossPercent < LOSS_PERCENT_MAX).toSorted((a, b) => a.procs - b.procs);
  const large = larger.at(-1);
  if (small === undefined || large === undefined || large.cpuNsPerPacket < GROWN * small.cpuNsPerPacket) return [];
  const inBlock = (large.packetsPerSecond / large.procs) * (ring.blockTimeoutMs / 1000);
  // Where blocks are more than half full, or fewer packets came, the reason is another one.
  const isEmpty = inBlock * PACKET_IN_BLOCK_BYTES < ring.blockBytes / 2;
  if (!isEmpty || large.packetsPerSecond < small.packetsPerSecond / 2) return [];
  return [
    finding('wake-ups', { small: costOf(small), large: costOf(large), packetsInBlock: inBlock, blockTimeoutMs: ring.blockTimeoutMs }),
  ];
}

function costOf({ procs, cpuNsPerPacket }: MeasuredSize): { readonly procs: number; readonly nsPerPacket: number } {
  return { procs, nsPerPacket: cpuNsPerPacket };
}

function memory(failed: readonly FailedSize[]): readonly Finding<AdviceCode>[] {
  const isMemory = ({ error }: FailedSize) => error.code === 'TOO_LARGE' || error.code === 'RING_REFUSED';
  return failed
    .filter(isMemory)
    .map(({ procs, error: { message, remedy } }) => finding('memory', { procs, message, ...(remedy === undefined ? {} : { remedy }) }));
}

/** What a size could take, were it offered: all its processes together, and the busiest of them, no more than their CPUs have time for. */
function capacityOf({ cpuNsPerPacket, procs, maxOverMean }: MeasuredSize, plan: ScalePlan): number {
  const cpus = Math.min(workerCpus(plan), procs / Math.max(1, maxOverMean));
  return cpuNsPerPacket === 0 ? 0 : (cpus * 1e9) / cpuNsPerPacket;
}

function bestSize(sizes: readonly MeasuredSize[], plan: ScalePlan): readonly FindingArgs['best-size'][] {
  const keeping = sizes.filter(({ answer }) => answer !== 'no');
  if (keeping.length < 2) return [];
  const candidates = keeping.filter(({ lost }) => lost === 0);
  if (candidates.length === 0) return leastLoss(keeping);
  const most = Math.max(...candidates.map((size) => capacityOf(size, plan)));
  const [best] = candidates.filter((size) => capacityOf(size, plan) >= most * (1 - ALIKE)).toSorted((a, b) => a.procs - b.procs);
  if (best === undefined) return [];
  const { maxOverMean } = best;
  const { placement, workNs } = plan;
  return [{ kind: 'no-loss', ...costOf(best), capacity: capacityOf(best, plan), maxOverMean, placement, isIdle: workNs === 0 }];
}

/** A size that nobody measured may be the better one. */
function extentOf(measured: number, asked: readonly ScaleSize[]): Pick<FindingArgs['best-size'], 'outOf'> {
  const isCutShort = asked.some((size) => (isMeasured(size) ? size.doubts : [size.error]).some(({ code }) => /^interrupted$/i.test(code)));
  return isCutShort ? { outOf: { measured, asked: asked.length } } : {};
}

function leastLoss(sizes: readonly MeasuredSize[]): readonly FindingArgs['best-size'][] {
  const least = Math.min(...sizes.map(({ lossPercent }) => lossPercent));
  const [best] = sizes.filter(({ lossPercent }) => lossPercent <= least * (1 + ALIKE)).toSorted((a, b) => a.procs - b.procs);
  return best === undefined ? [] : [{ kind: 'least-loss', ...lossOf(best) }];
}

/** Frames of 64 octets on a 10 Gbit/s Ethernet: 84 octets each on the wire, with preamble and gap. */
const LINE_RATE_10G = 14_880_952;

function beyondAfPacket(sizes: readonly MeasuredSize[]): readonly Finding<AdviceCode>[] {
  if (sizes.length === 0) return [];
  const perCpu = Math.max(...sizes.map(({ packetsPerSecond }) => packetsPerSecond));
  return [finding('beyond-af-packet', { perCpu, lineRate: LINE_RATE_10G, cpus: Math.ceil(LINE_RATE_10G / perCpu) })];
}
