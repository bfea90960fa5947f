/** A group that starts as most programs start one, under traffic, and beside it one that starts in order. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ObservedFlow } from '../../addon/flow-map.ts';
import { native } from '../../addon/native.ts';
import { hostSeenWith } from '../../collector/group/clock.ts';
import type { Member } from '../../collector/group/member.ts';
import { WorkerCrew } from '../../collector/processes/crew.ts';
import { interruptible } from '../../collector/run/conduct.ts';
import { unlessInterrupted } from '../../collector/run/interruption.ts';
import type { RunCluster } from '../../collector/run/io.ts';
import { Lane } from '../../collector/run/lane.ts';
import { headOf, launchNow } from '../../collector/run/result-head.ts';
import { freshHashSeed } from '../../collector/source/flow-table.ts';
import { openSource } from '../../collector/source/sources.ts';
import { worded } from '../../collector/words/say.ts';
import { FanoutError, interrupted } from '../../errors.ts';
import type { RaceIo, RunRace } from './io.ts';
import type { RaceOptions } from './options.ts';
import { adviceOn, strayIn } from './race-findings.ts';
import type { NaiveStart } from './result.ts';

export const runRace: RunRace = async (options, io, runCluster: RunCluster) => {
  const launch = launchNow();
  const runIo = { ...io, onProgress: () => undefined };
  io.onStart('naive');
  const naive = await naiveStart(options, io);
  io.onStart('orderly');
  const { verdict, flows, source } = await runCluster(options.run, runIo);
  // Of two starts one was seen in part only.
  if (io.signal.aborted) throw interrupted(BEFORE_BOTH);
  return {
    ...headOf('fanout-cluster/race@1', io.version, launch, source),
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

async function naiveStart(options: RaceOptions, io: RaceIo): Promise<NaiveStart> {
  try {
    return await startNaively(options, io);
  } catch (error) {
    throw await unlessInterrupted(error, io.signal, BEFORE_BOTH);
  }
}

/** Processes that open, bind and join one after the other, with no filter shut and no common start: every packet counts from the first bind on. */
async function startNaively({ run, packetsPerSecond, afterMs }: RaceOptions, io: RaceIo): Promise<NaiveStart> {
  const { provisions } = io;
  const source = await openSource(run, provisions, io.signal);
  const crew = new WorkerCrew(run.procs, provisions);
  const hashSeed = source.original?.hashSeed ?? freshHashSeed();
  const frame = {
    source,
    crew,
    io: { ...io, onProgress: () => undefined },
    surroundings: hostSeenWith(provisions),
    ownGroups: new Set<number>(),
    hashSeed,
    startedAt: new Date(),
    begunMs: performance.now(),
    membersMax: run.procs,
    eager: true,
  };
  const lane = new Lane(run, { filter: null, program: null }, frame);
  const unlessEnded = <T>(work: Promise<T>): Promise<T> => interruptible(work, io.signal);
  try {
    lane.cluster.openInTurn();
    await crew.fork();
    source.prepare();
    await unlessEnded(lane.connected());
    const traffic = source.send({ rounds: 'endless', packetsPerSecond });
    // Should sending fail in the meantime, it is awaited below.
    traffic.catch(() => {});
    await sleep(WARM_UP_MS);
    const joining = lane.join();
    joining.catch(() => {});
    await unlessEnded(firstBound(lane, joining));
    const sentBefore = source.offered() ?? 0;
    const startNs = native.realtimeNs();
    await unlessEnded(joining);
    const joinedNs = native.realtimeNs();
    await unlessEnded(lane.arm());
    lane.start(startNs);
    await unlessEnded(sleep(afterMs));
    await source.stop();
    await traffic;
    await lane.finish();
    const lost = lane.cluster.members.find(({ end }) => end !== '');
    // What a member had that is gone went to others: not for the way in which the group was started.
    if (lost !== undefined) throw lostWhileMeasured(lost);
    const captured = lane.cluster.members.reduce((sum, { counters }) => sum + counters.judged, 0);
    const flows: readonly ObservedFlow[] = lane.watch.flows(run.source.kind === 'lab' ? run.source.flows : 0);
    return strayIn(flows, { startNs, joinedNs, captured, packetsSent: (source.offered() ?? 0) - sentBefore });
  } finally {
    await lane.close();
    await source.close();
  }
}

function lostWhileMeasured({ index, pid, end }: Member): FanoutError {
  const message = `worker ${index} (pid ${pid}) was ${end} while the start was measured`;
  return new FanoutError('WORKER_FAILED', message, 'see the reason above, and start again; if it persists, try fewer --procs');
}

/** Until the first socket gets packets, or it cannot. */
async function firstBound(lane: Lane, joining: Promise<void>): Promise<void> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  joining.then(over, over);
  while (!isOver && lane.cluster.members[0]?.state === 'connected') await sleep(1);
}

/** Traffic flows before anybody listens. */
const WARM_UP_MS = 50;
