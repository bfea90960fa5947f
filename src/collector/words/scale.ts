/** Words for the advice of `scale`. Pure. */
import type { CpuPlacement, Range, ScaleArgs, SizesMeasured } from '../../model/findings/scale.ts';
import { grouped, joined, mebibytes, processes, rounded, wholePercent } from './english.ts';
import type { Said, Words } from './say.ts';

export const SCALE_WORDS: Words<ScaleArgs> = {
  'busy-host': ({ sizes, senderCpu }) => ({
    message: `with ${procsText(sizes)} the thread that sends had ${all(sizes.map(({ senderShare }) => wholePercent(senderShare)))} of ${senderCpu === undefined ? 'its CPU' : `CPU ${senderCpu}`}: other threads ran there, so that these rates are no limit of fanout`,
    remedy:
      'measure again while the machine is quiet; where it was, the processes themselves took the time (each reports ten times a second)',
  }),
  'kernel-path': ({ procs, packetsPerSecond, senderNsPerPacket, used, placement }) => ({
    message: `with ${procsText(procs.map((count) => ({ procs: count })))} nothing was lost, and ${rangeText(packetsPerSecond)} packets a second are what one CPU can send and receive here (${rangeText(senderNsPerPacket)} ns of CPU time a packet: the way through the kernel, the copy into the ring and the sending); the processes used at most ${wholePercent(used)} of ${cpusText(placement)}`,
    remedy: 'one receive queue is one CPU: more of them (ethtool -L) carry more, more processes do not',
  }),
  'worker-cpu': ({ sizes, nsPerPacket, placement }) => ({
    message: `with ${procsText(sizes)} ${lossText(sizes)} of the packets found full rings while the processes used up ${cpusText(placement)} (${rangeText(nsPerPacket)} ns a packet)`,
    remedy:
      'give the processes more CPUs, or less to do for each packet; neither a faster capture (AF_XDP, DPDK) nor larger rings would help, as the packets do arrive',
  }),
  'busiest-member': ({ sizes, used, placement }) => ({
    message: `with ${procsText(sizes)} ${lossText(sizes)} of the packets were lost: the busiest process got ${all(sizes.map(({ busiestShare }) => wholePercent(busiestShare)))} of all and used up its CPU, while the processes together used at most ${wholePercent(used)} of ${cpusText(placement)}`,
    remedy: 'more processes give each of them less; one flow cannot be divided, so an elephant needs a bypass or a filter before it',
  }),
  'ring-overflow': ({ sizes, used, placement, ringBytes }) => ({
    message: `with ${procsText(sizes)} ${lossText(sizes)} of the packets found full rings, although the processes used at most ${wholePercent(used)} of ${cpusText(placement)}: they were kept waiting for longer than a ring of ${mebibytes(ringBytes)} lasts`,
    remedy: 'keep other programs off the CPUs of the processes; larger rings (--ring-size) bridge a short wait',
  }),
  'wake-ups': ({ small, large, packetsInBlock, blockTimeoutMs }) => ({
    message: `a packet took ${grouped(large.nsPerPacket)} ns of the processes' CPU time with ${large.procs}, and ${grouped(small.nsPerPacket)} ns with ${small.procs}: each of ${large.procs} gets about ${rounded(packetsInBlock)} packets in the ${blockTimeoutMs} ms after which a block is handed over, so that it wakes for a block that is nearly empty`,
    remedy: 'fewer processes, or a longer --block-timeout where a later verdict does no harm',
  }),
  memory: ({ procs, message, remedy }) => ({
    message: `${procs} processes were not tried: ${message}`,
    ...(remedy === undefined ? {} : { remedy }),
  }),
  'best-size': ({ outOf, ...best }) => {
    const { message, ...others } = bestSize(best);
    return { message: `${extentText(outOf)}${message}`, ...others };
  },
  'beyond-af-packet': ({ perCpu, lineRate, cpus }) => ({
    message: `one CPU carried ${rounded(perCpu)} packets a second through the kernel here, sending included, so that 10 Gbit/s of the smallest frames (${rounded(lineRate)} a second) would take up to ${cpus} CPUs with a receive queue each, before any of them is inspected`,
    remedy:
      'where the traffic is more than the CPUs that can be spared for that carry, use AF_XDP or DPDK, which pass by the network stack',
  }),
};

type Without<Args, Key extends PropertyKey> = Args extends unknown ? Omit<Args, Key> : never;

function bestSize(best: Without<ScaleArgs['best-size'], 'outOf'>): Said {
  if (best.kind === 'least-loss')
    return {
      message: `no size was free of loss; ${processes(best.procs)} lost least, ${lossText([best])} of what was sent`,
      remedy: 'measure again at a lower --rate, to see which size carries what you need',
    };
  const message = `${processes(best.procs)} lost nothing and could take about ${rounded(best.capacity)} packets a second on ${cpusText(best.placement)} (${grouped(best.nsPerPacket)} ns a packet, the busiest process ${best.maxOverMean.toFixed(2)} times the mean)`;
  if (!best.isIdle) return { message };
  return {
    message,
    remedy:
      'an IDS spends far more on a packet than this tool: measure again with --work-ns set to that, because the best size follows from it',
  };
}

function extentText(outOf: SizesMeasured | undefined): string {
  return outOf === undefined ? '' : `of ${outOf.measured} sizes measured (${outOf.asked} asked for): `;
}

/** "1 and 4 processes" */
function procsText(sizes: readonly { readonly procs: number }[]): string {
  const isOne = sizes.length === 1 && sizes[0]?.procs === 1;
  return `${all(sizes.map(({ procs }) => String(procs)))} ${isOne ? 'process' : 'processes'}`;
}

function all(items: readonly string[]): string {
  return joined(items, 'and');
}

function lossText(sizes: readonly { readonly lossPercent: number }[]): string {
  return all(sizes.map(({ lossPercent }) => (lossPercent < 0.1 ? 'less than 0.1 %' : `${lossPercent.toFixed(1)} %`)));
}

function rangeText({ least, most }: Range): string {
  const [from, to] = [rounded(least), rounded(most)];
  return from === to ? to : `${from} to ${to}`;
}

function cpusText({ senderCpu, workerCpus }: CpuPlacement): string {
  const names = workerCpus.length > 4 ? `${workerCpus.length} CPUs` : `CPU ${all(workerCpus.map(String))}`;
  return senderCpu === undefined ? `${names}, which the sender shares` : names;
}
