/** A run from start to result, of one group or of several on the same packets: reads top to bottom in the order in which things happen. */

import { type ErrorCode, FanoutError, interrupted } from '../../errors.ts';
import type { StopReason } from '../../model/run-facts.ts';
import type { Options } from '../../options/options.ts';
import { type Clock, dateOf } from '../group/clock.ts';
import { checkGroup } from '../group/group-safety.ts';
import { type HostView, hostSeenWith } from '../group/host-view.ts';
import { type Crew, WorkerCrew } from '../processes/crew.ts';
import { freshHashSeed } from '../source/flow-table.ts';
import { openSource, type PacketSource } from '../source/sources.ts';
import { unlessInterrupted } from './interruption.ts';
import type { GroupOutcome, Provided, RunIo } from './io.ts';
import { Lane } from './lane.ts';
import type { Provisions } from './provisions.ts';
import { type Steering, steeringOf } from './steering.ts';

/**
 * Between the last member's join and the first judged packet. A packet that the kernel steered while it still saw the smaller group is
 * through its RCU read side long before.
 */
const GRACE_NS = 5_000_000n;

/** Enough for every process to hear of the end before it comes. */
const NOTICE_NS = 50_000_000n;

/** What is done with the groups: how they come to capture, and what happens while they do. */
export interface Drive {
  readonly start: StartOrder;
  /** Resolves when no more is to be captured, with the reason for each group. Packets may be sent from here on. */
  readonly capture: (stage: Stage) => Promise<readonly StopReason[]>;
  /** Processes that may be added, each in place of one that has gone. */
  readonly replacements: number;
}

/** How the groups of a run come to capture. */
export interface StartOrder {
  /** Sockets are opened one after the other, so that the kernel has them in the order of the members. */
  readonly opensInTurn: boolean;
  /** Packets count from bind(2) on: no filter is shut. */
  readonly eager: boolean;
  /** Resolves when the groups capture, with those that the kernel refused. */
  readonly bringUp: (stage: Stage) => Promise<Refused>;
}

export type Refused = ReadonlyMap<Lane, FanoutError>;

/** A run whose processes are forked. */
export interface Stage {
  readonly source: PacketSource;
  readonly crew: Crew;
  /** Those that capture, once they do. */
  readonly lanes: readonly Lane[];
  readonly host: HostView;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Makes runs, here or in a world that is simulated. */
export type Conduct = (groups: readonly Options[], io: RunIo & Provided, drive: Drive) => Promise<readonly GroupOutcome[]>;

/** A run in which something happens on purpose. */
export const conduct: Conduct = async (groups, io, drive) => {
  try {
    return await runFromStart(groups, io, drive);
  } catch (error) {
    throw await unlessInterrupted(error, io, BEFORE_JUDGED);
  }
};

async function runFromStart(groups: readonly Options[], io: RunIo & Provided, drive: Drive): Promise<readonly GroupOutcome[]> {
  const [first] = groups;
  if (first === undefined) throw new TypeError('a run needs a group');
  const startedAt = dateOf(io.clock);
  const { provisions } = io;
  for (const options of groups) checkGroup(options, provisions.groups, provisions.capturers);
  const source = await openSource(first, provisions, io.signal);
  try {
    const steerings = groups.map((options) => steeringOf(options, provisions));
    const host = hostSeenWith({ ...provisions, dissector: provisions.dissectorFor(groups) });
    const crew = newCrew(first.procs, steerings, provisions);
    return await runGroups({ groups, steerings, source, crew, io, drive, host, startedAt });
  } finally {
    await source.close();
  }
}

function newCrew(procs: number, steerings: readonly Steering[], { worker, sockets }: Provisions): WorkerCrew {
  return new WorkerCrew(procs, {
    worker,
    sockets,
    programs: steerings.map(({ program }) => (program?.kind === 'ebpf' ? program.descriptor : undefined)),
  });
}

/** All that a run needs; it opens nothing itself. */
export interface Arrangement {
  /** At least one. They may differ in mode, flags and steering program. */
  readonly groups: readonly Options[];
  /** One for each group. */
  readonly steerings: readonly Steering[];
  readonly source: PacketSource;
  /** As many processes as a group has members, not forked yet. */
  readonly crew: Crew;
  readonly io: RunIo;
  readonly drive: Drive;
  readonly host: HostView;
  readonly startedAt: Date;
}

/** The order of things, the same for every run. */
export async function runGroups(arrangement: Arrangement): Promise<readonly GroupOutcome[]> {
  const { groups, steerings, source, crew, io, drive, host, startedAt } = arrangement;
  const { clock } = io;
  const hashSeed = source.original?.hashSeed ?? freshHashSeed();
  const membersMax = crew.size + drive.replacements;
  const ownGroups = new Set<number>();
  const { opensInTurn, eager, bringUp } = drive.start;
  const frame = { source, crew, io, host, ownGroups, hashSeed, startedAt, begunMs: clock.nowMs(), membersMax, eager };
  const lanes = groups.map((options, i) => new Lane(options, steerings[i] as Steering, frame));
  const stage = { source, crew, host, clock, signal: io.signal };
  io.onCrew?.(crew, host);
  try {
    if (opensInTurn) for (const { cluster } of lanes) cluster.openInTurn();
    await crew.fork();
    // While the workers boot.
    source.prepare();
    const refused = await bringUp({ ...stage, lanes });
    const complete = lanes.filter((lane) => !refused.has(lane));
    const stops = await drive.capture({ ...stage, lanes: complete });
    await source.stop();
    // Several groups end with the same packet, as they began with the same.
    const untilNs = lanes.length > 1 && source.offered() === undefined ? clock.realtimeNs() + NOTICE_NS : 0n;
    await Promise.all(complete.map((lane) => lane.finish(untilNs)));
    return lanes.map((lane) => refused.get(lane) ?? lane.result(stops[complete.indexOf(lane)] as StopReason));
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
  }
}

/** No packet is judged under a group that is still growing. */
export const IN_ORDER: StartOrder = {
  opensInTurn: false,
  eager: false,
  bringUp: async ({ lanes, clock, signal }) => {
    const refused = await interruptible(joinAll(lanes), signal);
    const complete = lanes.filter((lane) => !refused.has(lane));
    await interruptible(Promise.all(complete.map((lane) => lane.arm())), signal);
    const startNs = clock.realtimeNs() + GRACE_NS;
    for (const lane of complete) lane.start(startNs);
    await passed(startNs, clock);
    return refused;
  },
};

/** What is about one mode, and nothing that the others need. */
const ABOUT_ONE_GROUP: readonly ErrorCode[] = ['GROUP_REFUSED', 'PROGRAM_REFUSED'];

/** The groups that the kernel refused, where there are others. Their members pass no packet and keep nobody from leaving. */
async function joinAll(lanes: readonly Lane[]): Promise<Refused> {
  const refused = new Map<Lane, FanoutError>();
  const join = async (lane: Lane): Promise<void> => {
    try {
      await lane.join();
    } catch (error) {
      if (!(error instanceof FanoutError) || !ABOUT_ONE_GROUP.includes(error.code)) throw error;
      refused.set(lane, error);
      if (refused.size === lanes.length) throw error;
    }
  };
  await Promise.all(lanes.map(join));
  return refused;
}

/** Timers may fire a little early, and what is sent before the start time is not judged. */
async function passed(startNs: bigint, clock: Clock): Promise<void> {
  // Bounded, because the clock may be set back.
  for (let waits = 0; waits < 100 && clock.realtimeNs() <= startNs; waits += 1) await clock.sleep(waits === 0 ? Number(GRACE_NS) / 1e6 : 1);
}

export const BEFORE_JUDGED = 'before anything could be judged';

export async function interruptible<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const settled = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const fail = (): void => reject(interrupted(BEFORE_JUDGED));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true, signal: settled.signal });
  });
  // Whichever loses must not become an unhandled rejection.
  work.catch(() => {});
  return Promise.race([work, aborted]).finally(() => settled.abort());
}
