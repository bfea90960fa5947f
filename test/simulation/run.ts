/** One seed: the real collector, in a simulated world. */

import { dateOf } from '../../src/collector/group/clock.ts';
import type { HostView } from '../../src/collector/group/host-view.ts';
import { type Arrangement, type Drive, IN_ORDER, runGroups } from '../../src/collector/run/conduct.ts';
import type { GroupOutcome, Observed, RunIo } from '../../src/collector/run/io.ts';
import type { Lane } from '../../src/collector/run/lane.ts';
import { UNTIL_STOP } from '../../src/collector/run/run.ts';
import type { PacketSource } from '../../src/collector/source/sources.ts';
import type { Machine } from '../../src/options/machine.ts';
import { type Options, parseOptions } from '../../src/options/options.ts';
import { MS } from './clock.ts';
import type { Scenario } from './scenario.ts';
import { ADDED_MAX, World } from './world.ts';

/** No run may take longer, whatever happens to it. */
const ENDLESS_NS = 60_000 * MS;

export interface Outcome {
  readonly scenario: Scenario;
  readonly world: World;
  readonly options: readonly Options[];
  /** "over": the run has ended. */
  readonly how: 'over' | 'idle' | 'endless';
  readonly results: readonly GroupOutcome[] | undefined;
  readonly error: unknown;
  /** Of each group that has a result. */
  readonly observed: readonly Observed[];
  /** What adding a process came to, where it failed. */
  readonly additions: readonly unknown[];
  /** When the results were made of what had been told. */
  readonly judgedNs: number;
  readonly endedNs: number;
}

export const MACHINE: Machine = {
  pageBytes: 4096,
  memAvailableBytes: 2 ** 40,
  memChargeableBytes: 2 ** 40,
  tasksMax: 1e6,
  tasksLeft: Number.POSITIVE_INFINITY,
  fileBytesMax: Number.POSITIVE_INFINITY,
  descriptorsMax: 1e6,
  onlineCpus: [0, 1, 2, 3],
  randomSeed: 1,
  mayOpenTun: true,
  // ret #0
  readText: () => '1\n6 0 0 0\n',
};

/** @param interleaving the same run, with messages that take other times */
export async function simulate(scenario: Scenario, interleaving = 0, altered = (source: PacketSource) => source): Promise<Outcome> {
  const world = new World(scenario, interleaving);
  const options = scenario.groups.map((raw) => parseOptions(raw, MACHINE));
  const observed: Observed[] = [];
  const additions: unknown[] = [];
  let results: readonly GroupOutcome[] | undefined;
  let error: unknown;
  let judgedNs = 0;
  const onObserved = (all: Observed): void => {
    observed.push(all);
    judgedNs = world.clock.nowNs;
  };
  let isSettled = false;
  runGroups(arrangementOf(world, options, altered(sourceOf(world, world.kernel.interfaceName)), onObserved, additions)).then(
    (all) => {
      results = all;
      isSettled = true;
    },
    (reason) => {
      error = reason;
      isSettled = true;
    },
  );
  const how = await world.clock.run(() => isSettled, ENDLESS_NS);
  return { scenario, world, options, how, results, error, observed, additions, judgedNs, endedNs: world.clock.nowNs };
}

/** @param cpu what the collector's process has taken */
export function hostOf(world: World, cpu: Pick<HostView, 'processCpuNs' | 'threadCpuNs'>): HostView {
  return {
    interfaceAt: (ifindex) => world.interfaceAt(ifindex),
    fanoutGroups: () => world.groupsSeen(),
    capturingOn: () => world.capturing(),
    fanoutArgs: true,
    ownersOf: (inodes) => world.ownersOf(inodes),
    flowDissector: () => ({ kind: 'none', asked: 'both' }),
    linkAt: () => undefined,
    kernelRelease: () => world.scenario.kernelRelease,
    ...cpu,
  };
}

function arrangementOf(
  world: World,
  groups: readonly Options[],
  source: PacketSource,
  onObserved: (all: Observed) => void,
  additions: unknown[],
): Arrangement {
  const { clock, crew, abort, scenario } = world;
  const host = hostOf(world, { processCpuNs: () => 0, threadCpuNs: () => undefined });
  const io: RunIo = { version: 'simulated', clock, signal: abort.signal, onProgress: () => {}, onObserved };
  const drive: Drive = {
    start: IN_ORDER,
    replacements: scenario.theme === 'churn' ? ADDED_MAX : 0,
    capture: async (stage) => {
      // One after the other.
      let adding: Promise<unknown> = Promise.resolve();
      let isStopped = false;
      world.onAdd = () => {
        for (const lane of stage.lanes) adding = adding.then(() => replaced(lane, world, () => isStopped, additions));
      };
      world.begin();
      const stops = await UNTIL_STOP.capture(stage);
      isStopped = true;
      await adding;
      return stops;
    },
  };
  return {
    groups,
    steerings: groups.map(({ program }) => ({
      filter: null,
      program: program?.kind === 'cbpf' ? { kind: 'cbpf', instructions: [[6, 0, 0, 0]] } : null,
      release: () => {},
    })),
    source,
    crew,
    io,
    drive,
    host,
    startedAt: dateOf(clock),
  };
}

/** A process more, as soon as one has gone. */
async function replaced(lane: Lane, { crew, clock, scenario }: World, isStopped: () => boolean, additions: unknown[]): Promise<void> {
  const hasRoom = (): boolean => crew.processes.filter(({ hasEnded }) => !hasEnded).length < scenario.procs;
  while (!isStopped() && !hasRoom()) await clock.sleep(2);
  if (isStopped()) return;
  try {
    additions.push(await lane.add());
  } catch (error) {
    additions.push(error);
  }
}

function sourceOf(world: World, name: string): PacketSource {
  const { scenario } = world;
  const isLive = scenario.source === 'live';
  let resolve = (): void => {};
  const ended = new Promise<void>((settle) => {
    if (!isLive) resolve = settle;
  });
  return {
    info: { kind: scenario.source, interface: name, ...(isLive ? {} : { seed: scenario.seed }) },
    interface: name,
    ifindex: world.kernel.ifindex,
    loopback: false,
    ended,
    prepare: () => {},
    start: () => {
      if (!isLive) world.sendAll(resolve);
    },
    send: () => Promise.reject(new TypeError('not simulated')),
    flapLink: () => Promise.reject(new TypeError('not simulated')),
    stop: async () => world.stopSending(),
    offered: () => (isLive ? undefined : world.sent),
    offeredPerSecond: () => undefined,
    truth: () => [],
    warnings: () => [],
    close: async () => {},
  };
}
