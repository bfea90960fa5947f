/** What testing several groups at once costs this machine, and at which rate they begin to lose packets. Measured in the lab. */
import { type Conduct, IN_ORDER, type Stage } from '../../collector/run/conduct.ts';
import { FanoutError, interrupted } from '../../errors.ts';
import type { Options } from '../../options/options.ts';
import type { MeasureOwnLoad, OwnLoadIo } from './io.ts';
import type { LoadSample, OwnLoad } from './own-load-result.ts';

/** As fast as it goes. */
const FULL_SPEED = 0;
/** Each rate is tried for so long: longer than workers wait for one another on a busy machine, shorter than anybody waits. */
const TRIAL_MS = 250;
const FIRST_RATE = 20_000;
const STEP = 1.5;
/** For as many packets as this rate has in the time of a trial. */
const SAMPLE_RATE = 160_000;
/** Below this part of the rate asked for, the sender does not keep up: in the lab its CPU is the one that receives. */
const KEPT_UP = 0.9;

/** @param groups alike but for mode and flags; of the lab */
export const measureOwnLoad: MeasureOwnLoad = async (groups, io, conduct) => {
  const [first] = groups;
  if (first === undefined) throw new TypeError('there is nothing to measure');
  const [one] = await measured([first], io, conduct, async () => undefined);
  const [all, limit] = await measured(groups, io, conduct, (probe) => findLimit(probe, io.signal));
  // A rate that was not tried is no limit.
  if (io.signal.aborted) throw interrupted('before the load was measured');
  const further = Math.max(1, all.groups - 1);
  return {
    schema: 'fanout-cluster/own-load@1',
    procs: first.procs,
    one,
    all,
    perFurtherGroup: {
      kernelNsPerPacket: (all.kernelNsPerPacket - one.kernelNsPerPacket) / further,
      workerNsPerPacket: (all.workerNsPerPacket - one.workerNsPerPacket) / further,
    },
    ...limit,
  };
};

type Limit = Pick<OwnLoad, 'lossFreeRate' | 'lossRate'>;

async function measured<T>(
  groups: readonly Options[],
  io: OwnLoadIo,
  conduct: Conduct,
  further: (probe: Probe) => Promise<T>,
): Promise<readonly [LoadSample, T]> {
  let found: readonly [LoadSample, T] | undefined;
  const capture = async (stage: Stage) => {
    const probe = new Probe(stage);
    await probe.send(FIRST_RATE);
    const sample = await probe.sample();
    found = [sample, await further(probe)];
    return stage.lanes.map(() => 'end-of-traffic' as const);
  };
  const outcomes = await conduct(groups, { ...io, onProgress: () => undefined }, { start: IN_ORDER, capture, replacements: 0 });
  const refused = outcomes.find((outcome) => outcome instanceof FanoutError);
  if (found === undefined) throw refused ?? new TypeError('nothing was measured');
  return found;
}

/** Sends as much as is asked for, and says what became of it. */
class Probe {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async send(packetsPerSecond: number): Promise<{ readonly dropped: number; readonly achieved: number }> {
    const { source, lanes, clock } = this.#stage;
    const [dropped, offered, begunMs] = [this.#drops(), source.offered() ?? 0, clock.nowMs()];
    await source.send({ rounds: this.#roundsAt(packetsPerSecond), packetsPerSecond });
    const achieved = (((source.offered() ?? 0) - offered) * 1000) / (clock.nowMs() - begunMs);
    await Promise.all(lanes.map(({ watch }) => watch.settled()));
    return { dropped: this.#drops() - dropped, achieved };
  }

  /** At full speed. Rings take what the processes have no time for, so this is the way through the kernel with all processes at work. */
  async sample(): Promise<LoadSample> {
    const { source, lanes, clock, host } = this.#stage;
    const [offered, workers, own] = [source.offered() ?? 0, this.#workerNs(), host.processCpuNs()];
    await source.send({ rounds: this.#roundsAt(SAMPLE_RATE), packetsPerSecond: FULL_SPEED });
    const kernelNs = host.processCpuNs() - own;
    await Promise.all(lanes.map(({ watch }) => watch.settled()));
    // The last heartbeat tells of the time in which the last packets were read.
    await clock.sleep(HEARTBEAT_MS);
    const packets = (source.offered() ?? 0) - offered;
    return {
      groups: lanes.length,
      kernelNsPerPacket: kernelNs / packets,
      workerNsPerPacket: (this.#workerNs() - workers) / packets,
    };
  }

  #roundsAt(packetsPerSecond: number): number {
    const perRound = this.#stage.source.truth().reduce((sum, { packets }) => sum + packets.forward + packets.reverse, 0);
    return Math.max(1, Math.round((packetsPerSecond * TRIAL_MS) / 1000 / perRound));
  }

  /** A process has members of all groups, and each of them tells of the whole process. */
  #workerNs(): number {
    return this.#stage.lanes[0]?.cluster.members.reduce((sum, { counters }) => sum + counters.cpuNs, 0) ?? 0;
  }

  #drops(): number {
    return this.#stage.lanes.reduce((sum, { cluster }) => sum + cluster.members.reduce((all, { counters }) => all + counters.drops, 0), 0);
  }
}

const HEARTBEAT_MS = 120;

/** Faster and faster, until a ring is full, or the CPU that receives is busy all the time: a NIC would drop what comes beyond that. */
async function findLimit(probe: Probe, signal: AbortSignal): Promise<Limit> {
  let lossFreeRate = 0;
  for (let rate = FIRST_RATE; !signal.aborted; rate = Math.round(rate * STEP)) {
    const { dropped, achieved } = await probe.send(rate);
    if (dropped > 0) return { lossFreeRate, lossRate: Math.round(achieved) };
    lossFreeRate = Math.round(Math.max(lossFreeRate, Math.min(achieved, rate)));
    if (achieved < KEPT_UP * rate) break;
  }
  return { lossFreeRate };
}
