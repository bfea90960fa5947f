/** From the figures of all sizes to where the limit is and which size to choose. Pure. Nothing is said that the figures do not carry. */

import { grouped } from '../../collector/words/english.ts';
import { type Advice, type FailedSize, isMeasured, type MeasuredSize, type ScalePlan, type ScaleSize } from './result.ts';
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

export function adviseOn(sizes: readonly ScaleSize[], plan: ScalePlan): readonly Advice[] {
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
    ...bestSize(sound, plan).map((advice) => among(advice, measured.length, sizes)),
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

function busyHost(sizes: readonly MeasuredSize[], { placement: { senderCpu } }: ScalePlan): readonly Advice[] {
  if (sizes.length === 0) return [];
  const shares = sizes.map((size) => percentText(senderLoad(size) ?? 0));
  const message = `with ${procsText(sizes)} the thread that sends had ${listText(shares)} of ${senderCpu === undefined ? 'its CPU' : `CPU ${senderCpu}`}: other threads ran there, so that these rates are no limit of fanout`;
  const remedy =
    'measure again while the machine is quiet; where it was, the processes themselves took the time (each reports ten times a second)';
  return [{ code: 'busy-host', message, remedy }];
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

function kernelPath(sizes: readonly MeasuredSize[], plan: ScalePlan): readonly Advice[] {
  if (sizes.length === 0) return [];
  const costs = sizes.map(({ senderNsPerPacket = 0 }) => senderNsPerPacket);
  const busiest = Math.max(...sizes.map((size) => loadOf(size, plan).workers));
  const message = `with ${procsText(sizes)} nothing was lost, and ${rangeText(sizes.map(({ packetsPerSecond }) => packetsPerSecond))} packets a second are what one CPU can send and receive here (${rangeText(costs)} ns of CPU time a packet: the way through the kernel, the copy into the ring and the sending); the processes used at most ${percentText(busiest)} of ${cpusText(plan)}`;
  const remedy = 'one receive queue is one CPU: more of them (ethtool -L) carry more, more processes do not';
  return [{ code: 'kernel-path', message, remedy }];
}

function workerCpu(sizes: readonly MeasuredSize[], plan: ScalePlan): readonly Advice[] {
  if (sizes.length === 0) return [];
  const message = `with ${procsText(sizes)} ${lossText(sizes)} of the packets found full rings while the processes used up ${cpusText(plan)} (${rangeText(sizes.map(({ cpuNsPerPacket }) => cpuNsPerPacket))} ns a packet)`;
  const remedy = `give the processes more CPUs, or less to do for each packet; neither a faster capture (AF_XDP, DPDK) nor larger rings would help, as the packets do arrive`;
  return [{ code: 'worker-cpu', message, remedy }];
}

function busiestMember(sizes: readonly MeasuredSize[], plan: ScalePlan): readonly Advice[] {
  if (sizes.length === 0) return [];
  const shares = sizes.map(({ maxOverMean, procs }) => percentText(maxOverMean / procs));
  const used = Math.max(...sizes.map((size) => loadOf(size, plan).workers));
  const message = `with ${procsText(sizes)} ${lossText(sizes)} of the packets were lost: the busiest process got ${listText(shares)} of all and used up its CPU, while the processes together used at most ${percentText(used)} of ${cpusText(plan)}`;
  const remedy = 'more processes give each of them less; one flow cannot be divided, so an elephant needs a bypass or a filter before it';
  return [{ code: 'busiest-member', message, remedy }];
}

function ringOverflow(sizes: readonly MeasuredSize[], plan: ScalePlan): readonly Advice[] {
  if (sizes.length === 0) return [];
  const used = Math.max(...sizes.map((size) => loadOf(size, plan).workers));
  const message = `with ${procsText(sizes)} ${lossText(sizes)} of the packets found full rings, although the processes used at most ${percentText(used)} of ${cpusText(plan)}: they were kept waiting for longer than a ring of ${mebibytes(plan.ring.blockBytes * plan.ring.blockCount)} lasts`;
  return [
    {
      code: 'ring-overflow',
      message,
      remedy: 'keep other programs off the CPUs of the processes; larger rings (--ring-size) bridge a short wait',
    },
  ];
}

/** A process wakes for each block, and a block is handed over when its time is up, however little is in it. */
function wakeUps(sizes: readonly MeasuredSize[], { ring }: ScalePlan): readonly Advice[] {
  const [small, ...larger] = sizes.filter(({ lossPercent }) => lossPercent < LOSS_PERCENT_MAX).toSorted((a, b) => a.procs - b.procs);
  const large = larger.at(-1);
  if (small === undefined || large === undefined || large.cpuNsPerPacket < GROWN * small.cpuNsPerPacket) return [];
  const inBlock = (large.packetsPerSecond / large.procs) * (ring.blockTimeoutMs / 1000);
  // Where blocks are more than half full, or fewer packets came, the reason is another one.
  const isEmpty = inBlock * PACKET_IN_BLOCK_BYTES < ring.blockBytes / 2;
  if (!isEmpty || large.packetsPerSecond < small.packetsPerSecond / 2) return [];
  const message = `a packet took ${grouped(large.cpuNsPerPacket)} ns of the processes' CPU time with ${large.procs}, and ${grouped(small.cpuNsPerPacket)} ns with ${small.procs}: each of ${large.procs} gets about ${roundText(inBlock)} packets in the ${ring.blockTimeoutMs} ms after which a block is handed over, so that it wakes for a block that is nearly empty`;
  return [{ code: 'wake-ups', message, remedy: 'fewer processes, or a longer --block-timeout where a later verdict does no harm' }];
}

function memory(failed: readonly FailedSize[]): readonly Advice[] {
  const isMemory = ({ error }: FailedSize) => error.code === 'TOO_LARGE' || error.code === 'RING_REFUSED';
  return failed.filter(isMemory).map(({ procs, error: { message, remedy } }) => {
    const text = `${procs} processes were not tried: ${message}`;
    return { code: 'memory', message: text, ...(remedy === undefined ? {} : { remedy }) };
  });
}

/** What a size could take, were it offered: all its processes together, and the busiest of them, no more than their CPUs have time for. */
function capacityOf({ cpuNsPerPacket, procs, maxOverMean }: MeasuredSize, plan: ScalePlan): number {
  const cpus = Math.min(workerCpus(plan), procs / Math.max(1, maxOverMean));
  return cpuNsPerPacket === 0 ? 0 : (cpus * 1e9) / cpuNsPerPacket;
}

function bestSize(sizes: readonly MeasuredSize[], plan: ScalePlan): readonly Advice[] {
  const keeping = sizes.filter(({ answer }) => answer !== 'no');
  if (keeping.length < 2) return [];
  const candidates = keeping.filter(({ lost }) => lost === 0);
  if (candidates.length === 0) return leastLoss(keeping);
  const most = Math.max(...candidates.map((size) => capacityOf(size, plan)));
  const [best] = candidates.filter((size) => capacityOf(size, plan) >= most * (1 - ALIKE)).toSorted((a, b) => a.procs - b.procs);
  if (best === undefined) return [];
  const message = `${processes(best.procs)} lost nothing and could take about ${roundText(capacityOf(best, plan))} packets a second on ${cpusText(plan)} (${grouped(best.cpuNsPerPacket)} ns a packet, the busiest process ${best.maxOverMean.toFixed(2)} times the mean)`;
  const remedy =
    plan.workNs === 0
      ? 'an IDS spends far more on a packet than this tool: measure again with --work-ns set to that, because the best size follows from it'
      : undefined;
  return [{ code: 'best-size', message, ...(remedy === undefined ? {} : { remedy }) }];
}

/** A size that nobody measured may be the better one. */
function among(advice: Advice, measured: number, asked: readonly ScaleSize[]): Advice {
  const isCutShort = asked.some((size) => (isMeasured(size) ? size.doubts : [size.error]).some(({ code }) => /^interrupted$/i.test(code)));
  return isCutShort ? { ...advice, message: `of ${measured} sizes measured (${asked.length} asked for): ${advice.message}` } : advice;
}

function leastLoss(sizes: readonly MeasuredSize[]): readonly Advice[] {
  const least = Math.min(...sizes.map(({ lossPercent }) => lossPercent));
  const [best] = sizes.filter(({ lossPercent }) => lossPercent <= least * (1 + ALIKE)).toSorted((a, b) => a.procs - b.procs);
  if (best === undefined) return [];
  const message = `no size was free of loss; ${processes(best.procs)} lost least, ${lossText([best])} of what was sent`;
  return [{ code: 'best-size', message, remedy: 'measure again at a lower --rate, to see which size carries what you need' }];
}

/** Frames of 64 octets on a 10 Gbit/s Ethernet: 84 octets each on the wire, with preamble and gap. */
const LINE_RATE_10G = 14_880_952;

function beyondAfPacket(sizes: readonly MeasuredSize[]): readonly Advice[] {
  if (sizes.length === 0) return [];
  const perCpu = Math.max(...sizes.map(({ packetsPerSecond }) => packetsPerSecond));
  const message = `one CPU carried ${roundText(perCpu)} packets a second through the kernel here, sending included, so that 10 Gbit/s of the smallest frames (${roundText(LINE_RATE_10G)} a second) would take up to ${Math.ceil(LINE_RATE_10G / perCpu)} CPUs with a receive queue each, before any of them is inspected`;
  const remedy =
    'where the traffic is more than the CPUs that can be spared for that carry, use AF_XDP or DPDK, which pass by the network stack';
  return [{ code: 'beyond-af-packet', message, remedy }];
}

// ---- words

function procsText(sizes: readonly MeasuredSize[]): string {
  const last = sizes.at(-1)?.procs ?? 0;
  return `${listText(sizes.map(({ procs }) => String(procs)))} ${last === 1 && sizes.length === 1 ? 'process' : 'processes'}`;
}

function processes(procs: number): string {
  return procs === 1 ? '1 process' : `${procs} processes`;
}

function listText(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

function lossText(sizes: readonly MeasuredSize[]): string {
  return listText(sizes.map(({ lossPercent }) => (lossPercent < 0.1 ? 'less than 0.1 %' : `${lossPercent.toFixed(1)} %`)));
}

function rangeText(values: readonly number[]): string {
  const [least, most] = [roundText(Math.min(...values)), roundText(Math.max(...values))];
  return least === most ? most : `${least} to ${most}`;
}

/** Two or three digits that mean something, in groups. */
function roundText(value: number): string {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 2);
  return grouped(Math.round(value / unit) * unit);
}

function percentText(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function cpusText({ placement: { senderCpu, workerCpus: cpus } }: ScalePlan): string {
  const names = cpus.length > 4 ? `${cpus.length} CPUs` : `CPU ${listText(cpus.map(String))}`;
  return senderCpu === undefined ? `${names}, which the sender shares` : names;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 2 : 0)} MiB`;
}
