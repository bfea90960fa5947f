/** A group that starts as most programs start one, under traffic, and beside it one that starts in order. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RaceOptions } from '../config/race-options.ts';
import type { NaiveStart } from '../model/race.ts';
import { native, type ObservedFlow } from '../native.ts';
import { WorkerCrew } from './crew.ts';
import { Lane } from './lane.ts';
import { adviceOn, strayIn } from './race-findings.ts';
import { headOf, launchNow } from './result-head.ts';
import type { RaceIo, RunCluster, RunRace } from './run-io.ts';
import { openSource } from './sources.ts';
import { hostSeenWith } from './surroundings.ts';

export const runRace: RunRace = async (options, io, runCluster: RunCluster) => {
  const launch = launchNow();
  const runIo = { ...io, onProgress: () => undefined };
  io.onStart('naive');
  const naive = await startNaively(options, io);
  io.onStart('orderly');
  const { verdict, flows, source } = await runCluster(options.run, runIo);
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
    advice: adviceOn(naive),
  };
};

/** Processes that open, bind and join one after the other, with no filter shut and no common start: every packet counts from the first bind on. */
async function startNaively({ run, packetsPerSecond, afterMs }: RaceOptions, io: RaceIo): Promise<NaiveStart> {
  const { provisions } = io;
  const source = await openSource(run, provisions, io.signal);
  const crew = new WorkerCrew(run.procs, provisions);
  const hashSeed = randomBytes(8).readBigUInt64BE();
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
  try {
    lane.cluster.openInTurn();
    await crew.fork();
    source.prepare();
    await lane.connected();
    const traffic = source.send({ rounds: 'endless', packetsPerSecond });
    // Should sending fail in the meantime, it is awaited below.
    traffic.catch(() => {});
    await sleep(WARM_UP_MS);
    const joining = lane.join();
    joining.catch(() => {});
    await firstBound(lane, joining);
    const sentBefore = source.offered() ?? 0;
    const startNs = native.realtimeNs();
    await joining;
    const joinedNs = native.realtimeNs();
    await lane.arm();
    lane.start(startNs);
    await sleep(afterMs);
    await source.stop();
    await traffic;
    await lane.finish();
    const captured = lane.cluster.members.reduce((sum, { counters }) => sum + counters.judged, 0);
    const flows: readonly ObservedFlow[] = lane.watch.flows(run.source.kind === 'lab' ? run.source.flows : 0);
    return strayIn(flows, { startNs, joinedNs, captured, packetsSent: (source.offered() ?? 0) - sentBefore });
  } finally {
    await lane.close();
    await source.close();
  }
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
