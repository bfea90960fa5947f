/** A group that starts as most programs start one, under traffic, and beside it one that starts in order. */
import { type Conduct, interruptible, type Refused, type Stage } from '../../collector/run/conduct.ts';
import type { Observed } from '../../collector/run/io.ts';
import type { Lane } from '../../collector/run/lane.ts';
import { headOf, launchNow } from '../../collector/run/result-head.ts';
import { worded } from '../../collector/words/say.ts';
import { FanoutError, interrupted } from '../../errors.ts';
import { groupNameOf } from '../../model/fanout.ts';
import type { MemberResult } from '../../model/run-result.ts';
import type { RaceIo, RunRace } from './io.ts';
import type { RaceOptions } from './options.ts';
import { adviceOn, strayIn } from './race-findings.ts';
import type { NaiveStart } from './result.ts';

export const runRace: RunRace = async (options, io, { conduct, runCluster }) => {
  const launch = launchNow(io);
  const runIo = { ...io, onProgress: () => undefined };
  io.onStart('naive');
  const naive = await startNaively(options, io, conduct);
  io.onStart('orderly');
  const { verdict, flows, source } = await runCluster(options.run, runIo);
  // Of two starts one was seen in part only.
  if (io.signal.aborted) throw interrupted(BEFORE_BOTH);
  return {
    ...headOf('fanout-cluster/race@1', io.version, launch, source),
    group: groupNameOf(options.run),
    procs: options.run.procs,
    packetsPerSecond: options.packetsPerSecond,
    naive,
    orderly: {
      answer: verdict.answer,
      flows: flows.total,
      split: flows.split + flows.asymmetric + flows.duplicated,
      reasons: verdict.reasons,
    },
    advice: adviceOn(naive).map(worded),
  };
};

const BEFORE_BOTH = 'before both starts had been measured';

/** When the group grew, and what had been sent when it began to. */
interface Growth {
  readonly startNs: bigint;
  readonly joinedNs: bigint;
  readonly sentBefore: number;
}

/** Its packets count from the first bind(2) on, and it is not judged: flows that move while a group grows are no fault of the kernel. */
async function startNaively({ run, packetsPerSecond, afterMs }: RaceOptions, io: RaceIo, conduct: Conduct): Promise<NaiveStart> {
  let growth: Growth | undefined;
  let observed: Observed | undefined;
  let traffic = Promise.resolve();
  const bringUp = async (stage: Stage): Promise<Refused> => {
    const [lane] = stage.lanes;
    if (lane === undefined) throw new TypeError('there is no group');
    await interruptible(lane.connected(), stage.signal);
    traffic = stage.source.send({ rounds: 'endless', packetsPerSecond });
    // Should sending fail in the meantime, it is awaited below.
    traffic.catch(() => {});
    await stage.clock.sleep(WARM_UP_MS);
    growth = await joinUnderTraffic(lane, stage);
    return new Map();
  };
  const capture = async ({ source, clock, signal }: Stage) => {
    await interruptible(clock.sleep(afterMs), signal);
    await source.stop();
    await traffic;
    return ['end-of-traffic'] as const;
  };
  const runIo = {
    ...io,
    onProgress: () => undefined,
    onObserved: (all: Observed) => {
      observed = all;
    },
  };
  const drive = { start: { opensInTurn: true, eager: true, bringUp }, capture, replacements: 0 };
  const [result] = await conduct([run], runIo, drive);
  if (result === undefined || result instanceof FanoutError) throw result ?? new TypeError('a run ended without a result');
  if (observed === undefined || growth === undefined) throw new TypeError('a run ended without handing over what it saw');
  const lost = result.members.find(({ end }) => end !== 'gone');
  // What a member had that is gone went to others: not for the way in which the group was started.
  if (lost !== undefined) throw lostWhileMeasured(lost);
  const { startNs, joinedNs, sentBefore } = growth;
  const packetsSent = (result.packets.offered ?? 0) - sentBefore;
  return strayIn(observed.flows, { startNs, joinedNs, captured: result.packets.judged, packetsSent });
}

/** Processes that open, bind and join one after the other, with no filter shut and no common start. */
async function joinUnderTraffic(lane: Lane, { source, clock, signal }: Stage): Promise<Growth> {
  const joining = lane.join();
  joining.catch(() => {});
  await interruptible(lane.firstOpened(), signal);
  const sentBefore = source.offered() ?? 0;
  const startNs = clock.realtimeNs();
  await interruptible(joining, signal);
  const joinedNs = clock.realtimeNs();
  await interruptible(lane.arm(), signal);
  lane.start(startNs);
  return { startNs, joinedNs, sentBefore };
}

function lostWhileMeasured({ index, pid, end }: MemberResult): FanoutError {
  const message = `worker ${index} (pid ${pid}) was ${end} while the start was measured`;
  return new FanoutError('WORKER_FAILED', message, 'see the reason above, and start again; if it persists, try fewer --procs');
}

/** Traffic flows before anybody listens. */
const WARM_UP_MS = 50;
