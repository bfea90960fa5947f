/** Commands whose runs have a middle or a start of their own, in worlds in which it is known what they must find. */

import { dateOf } from '../../src/collector/group/clock.ts';
import { type Conduct, runGroups } from '../../src/collector/run/conduct.ts';
import type { RunCluster, RunIo } from '../../src/collector/run/io.ts';
import type { Provisions } from '../../src/collector/run/provisions.ts';
import { runsOf } from '../../src/collector/run/run.ts';
import { runChurn } from '../../src/commands/churn/churn.ts';
import { parseChurnOptions } from '../../src/commands/churn/options.ts';
import type { ChurnResult } from '../../src/commands/churn/result.ts';
import { parseCompareOptions } from '../../src/commands/compare/options.ts';
import { measureOwnLoad } from '../../src/commands/compare/own-load.ts';
import type { OwnLoad } from '../../src/commands/compare/own-load-result.ts';
import { parseRaceOptions } from '../../src/commands/race/options.ts';
import { runRace } from '../../src/commands/race/race.ts';
import type { RaceResult } from '../../src/commands/race/result.ts';
import { parseScaleOptions } from '../../src/commands/scale/options.ts';
import type { ScaleResult } from '../../src/commands/scale/result.ts';
import { runScale } from '../../src/commands/scale/scale.ts';
import type { Options } from '../../src/options/options.ts';
import { MS, SimulatedClock } from './clock.ts';
import { Dice } from './dice.ts';
import type { Unlinking } from './kernel.ts';
import { SimulatedLab } from './lab.ts';
import { hostOf, MACHINE } from './run.ts';
import type { Fault, Scenario } from './scenario.ts';
import { World } from './world.ts';

export type Command = 'churn' | 'race' | 'own-load' | 'scale';
/** The seeds take turns. Measuring a load takes ten times as many packets as any other. */
const TURNS: readonly Command[] = ['churn', 'race', 'scale', 'own-load', 'churn', 'race', 'scale', 'churn'];

/** All of it decided beforehand. */
export interface CommandScenario {
  readonly seed: number;
  readonly command: Command;
  readonly procs: number;
  readonly flows: number;
  readonly packetsPerSecond: number;
  /** Whose member is lost; undefined: each in turn. */
  readonly slot?: number;
  readonly sizes: readonly number[];
  readonly ringPackets: number;
  readonly unlinking: Unlinking;
  readonly faults: readonly Fault[];
  /** Most that messages, threads, the end of a process and the word of it take. */
  readonly messageNs: number;
  /** Whose messages take longer than it takes to look at the link again. */
  readonly lateMember?: number;
  readonly wakeNs: number;
  readonly lingerNs: number;
  readonly noticeNs: number;
}

/** Beside those of runs. */
const STREAM = 50;
const LARGE_RING = 1 << 20;
const LATE_NS = 150 * MS;

export function makeCommandScenario(seed: number): CommandScenario {
  const dice = new Dice(seed, STREAM);
  const command = TURNS[seed % TURNS.length] ?? 'churn';
  const procs = dice.between(2, 6);
  const common = {
    seed,
    command,
    procs,
    flows: dice.between(120, 240),
    packetsPerSecond: dice.between(3000, 8000),
    sizes: [dice.between(1, 2), dice.between(3, 6)],
    ringPackets: LARGE_RING,
    unlinking: 'last-moves',
    faults: [],
    messageNs: dice.pick([1, 3, 8]) * MS,
    wakeNs: dice.pick([0.2, 1, 4]) * MS,
    lingerNs: dice.pick([5, 60]) * MS,
    noticeNs: dice.pick([2, 40]) * MS,
  } as const;
  switch (command) {
    case 'churn':
      return { ...common, ...churnOf(procs, dice) };
    case 'race':
      return { ...common, procs: dice.between(4, 8), packetsPerSecond: dice.between(15_000, 30_000) };
    case 'own-load':
      return { ...common, procs: 2, ...(dice.chance(0.5) ? { ringPackets: dice.between(300, 700) } : {}) };
    case 'scale':
      return {
        ...common,
        packetsPerSecond: dice.between(8000, 14_000),
        ...(dice.chance(0.4) ? { ringPackets: dice.between(20, 60) } : {}),
      };
  }
}

function churnOf(procs: number, dice: Dice): Partial<CommandScenario> {
  const slot = dice.chance(0.7) ? { slot: dice.between(0, procs - 1) } : {};
  if (dice.chance(0.2)) return { ...slot, unlinking: 'shifts' };
  if (dice.chance(0.3)) return { ...slot, lateMember: dice.between(0, procs - 1) };
  if (!dice.chance(0.5)) return slot;
  return { ...slot, faults: [{ kind: 'kill', member: dice.between(0, procs - 1), atNs: dice.between(100, 900) * MS, keptShare: 1 }] };
}

export type CommandResult = ChurnResult | RaceResult | OwnLoad | ScaleResult;

/** One run of a command. */
export interface CommandRun {
  readonly world: World;
  readonly lab: SimulatedLab;
  readonly options: readonly Options[];
}

export interface CommandOutcome {
  readonly scenario: CommandScenario;
  readonly clock: SimulatedClock;
  readonly runs: readonly CommandRun[];
  readonly how: 'over' | 'idle' | 'endless';
  readonly result: CommandResult | undefined;
  readonly error: unknown;
}

/** No command takes longer, in simulated time. */
const ENDLESS_NS = 300_000 * MS;

export async function simulateCommand(scenario: CommandScenario): Promise<CommandOutcome> {
  const clock = new SimulatedClock();
  const runs: CommandRun[] = [];
  const conduct: Conduct = async (groups, io, drive) => {
    const run = runOf(scenario, groups, clock);
    runs.push(run);
    const { world, lab } = run;
    return await runGroups({
      groups,
      steerings: groups.map(() => ({ filter: null, program: null })),
      source: lab.source,
      crew: world.crew,
      io,
      drive: {
        ...drive,
        capture: (stage) => {
          world.begin();
          return drive.capture(stage);
        },
      },
      host: hostOf(world, lab.cpu),
      startedAt: dateOf(clock),
    });
  };
  let [result, error, isSettled]: [CommandResult | undefined, unknown, boolean] = [undefined, undefined, false];
  // Time may have passed before a command begins.
  clock.in(777 * MS, () => {});
  perform(scenario, clock, { conduct, runCluster: runsOf(conduct) }).then(
    (made) => {
      [result, isSettled] = [made, true];
    },
    (reason) => {
      [error, isSettled] = [reason, true];
    },
  );
  const how = await clock.run(() => isSettled, ENDLESS_NS);
  return { scenario, clock, runs, how, result, error };
}

interface SimulatedRunners {
  readonly conduct: Conduct;
  readonly runCluster: RunCluster;
}

async function perform(
  scenario: CommandScenario,
  clock: SimulatedClock,
  { conduct, runCluster }: SimulatedRunners,
): Promise<CommandResult> {
  // Nothing of this host is opened.
  const provisions = {} as unknown as Provisions;
  const io: Pick<RunIo, 'version' | 'clock' | 'signal'> = { version: 'simulated', clock, signal: new AbortController().signal };
  const [procs, flows, rate] = [scenario.procs, scenario.flows, scenario.packetsPerSecond].map(String) as [string, string, string];
  switch (scenario.command) {
    case 'churn': {
      const slot = scenario.slot === undefined ? {} : { slot: String(scenario.slot) };
      return await runChurn(
        parseChurnOptions({ procs, flows, rate, ...slot }, MACHINE),
        { ...io, provisions, onChange: () => {} },
        conduct,
      );
    }
    case 'race': {
      const options = parseRaceOptions({ procs, flows, rate, duration: '150ms' }, MACHINE);
      return await runRace(options, { ...io, provisions, onStart: () => {} }, { conduct, runCluster });
    }
    case 'own-load': {
      const { runs } = parseCompareOptions({ procs, modes: 'hash,qm', measureLoad: true, blockTimeout: '40' }, MACHINE);
      return await measureOwnLoad(runs, { ...io, provisions }, conduct);
    }
    case 'scale': {
      const sizes = scenario.sizes.join(',');
      const packets = String(scenario.flows * 20);
      const options = parseScaleOptions({ procs: sizes, flows, rate, packets, blockTimeout: '5' }, MACHINE, [0, 1, 2, 3]);
      return await runScale(options, { ...io, provisions, onSize: () => {} }, runCluster);
    }
  }
}

function runOf(scenario: CommandScenario, groups: readonly Options[], clock: SimulatedClock): CommandRun {
  const [first] = groups;
  if (first?.source.kind !== 'lab') throw new TypeError('these commands are for the lab');
  const world = new World(worldOf(scenario, groups, first.source.packetsPerFlow), 0, { clock, unlinking: scenario.unlinking });
  return { world, lab: new SimulatedLab(world, first.source), options: groups };
}

/** Nothing happens in it but what the command does, and the faults of the scenario. */
function worldOf(scenario: CommandScenario, groups: readonly Options[], packetsPerFlow: number): Scenario {
  const { seed, flows, ringPackets, messageNs, lateMember, wakeNs, lingerNs, noticeNs, faults } = scenario;
  const procs = groups[0]?.procs ?? 0;
  const members = Array.from({ length: 2 * procs });
  return {
    seed,
    theme: 'quiet',
    source: 'lab',
    kernelRelease: '6.18.44',
    groups: groups.map(() => ({})),
    traits: groups.map(() => 'sound' as const),
    procs,
    traffic: {
      flows,
      kinds: [
        [6, 'tcp4'],
        [2, 'tcp6'],
        [1, 'vlan'],
      ],
      packetsPerFlow: [packetsPerFlow, packetsPerFlow],
      fromNs: 0,
      toNs: 100 * MS,
      moments: [],
      drawn: 0,
      backlogNs: 0,
      lateNs: 0,
      waiting: 0,
      symmetricQueues: true,
      symmetricProgram: true,
      strays: 0,
      outgoing: 0,
    },
    ringPackets,
    changesIntervalNs: 300 * MS,
    messageNs: members.map((_, member) => (member === lateMember ? LATE_NS : messageNs)),
    wakeNs: members.map(() => wakeNs),
    lingerNs,
    noticeNs,
    vanishing: 0,
    blindness: 0,
    startFaults: [],
    faults,
  };
}
