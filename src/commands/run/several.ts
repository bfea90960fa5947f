/** All groups of a deployment, one after the other. One that cannot be tested takes nothing from the others. */
import { availableParallelism, release } from 'node:os';
import type { RunCluster, RunIo } from '../../collector/run/io.ts';
import type { Openings, Provisioning, Provisions } from '../../collector/run/provisions.ts';
import { launchNow } from '../../collector/run/result-head.ts';
import { type ErrorCode, FanoutError } from '../../errors.ts';
import { groupNameOf } from '../../model/fanout.ts';
import type { Answer, RunResult } from '../../model/run-result.ts';
import type { Options } from '../../options/options.ts';
import type { Untested } from '../deployed/merge.ts';
import { endedBySignal, inTurn, reasonOf, resultsOf } from '../series.ts';
import { deviceOf, type LeftOutGroup, type SeveralResult } from './several-result.ts';

/** What a group got, or why it can have nothing. */
type Opened = Provisions | FanoutError;

/** Groups on one interface share what is got of it; all is got before the first of them begins. */
export function openingsOfAll(runs: readonly Options[], provisioning: Provisioning): Openings<readonly Opened[]> {
  const shares = [...sharing(runs).values()];
  const openings = shares.map((sharers) => provisioning({ runs: sharers }));
  const toEach = (opened: readonly Opened[]): readonly Opened[] =>
    runs.map((run) => opened[shares.findIndex((sharers) => sharers.includes(run))] as Opened);
  const ofEach = (opened: readonly Opened[]): readonly Opened[] =>
    shares.map(([first]) => opened[runs.indexOf(first as Options)] as Opened);
  return {
    open: async (rights) => {
      const opened: Opened[] = [];
      for (const one of openings) opened.push(await one.open(rights).catch(refusal));
      const [first] = opened;
      if (first instanceof FanoutError && opened.every((one) => one instanceof FanoutError)) throw first;
      return toEach(opened);
    },
    handOver: (opened) => {
      const parts = ofEach(opened).map((one, i): Part => {
        if (one instanceof FanoutError) return { refused: plain(one) };
        const { handover, descriptors } = (openings[i] as Openings<Provisions>).handOver(one);
        return { provisions: handover, descriptors };
      });
      return { handover: parts, descriptors: parts.flatMap((part) => ('refused' in part ? [] : part.descriptors)) };
    },
    takeOver: async (handed) => {
      const parts = handed as readonly Part[];
      const opened = openings.map(async (one, i): Promise<Opened> => {
        const part = parts[i] as Part;
        if ('refused' in part) return new FanoutError(part.refused.code, part.refused.message, part.refused.remedy);
        return one.takeOver(part.provisions);
      });
      return toEach(await Promise.all(opened));
    },
  };
}

/** As it is handed over to the program that replaces this one. */
type Part = { readonly refused: ReturnType<typeof plain> } | { readonly provisions: unknown; readonly descriptors: readonly number[] };

/** By where their packets come from. */
function sharing(runs: readonly Options[]): ReadonlyMap<string, readonly Options[]> {
  const shares = new Map<string, Options[]>();
  for (const run of runs) {
    const from = run.source.kind === 'live' ? run.source.interface : '';
    shares.set(from, [...(shares.get(from) ?? []), run]);
  }
  return shares;
}

function refusal(error: unknown): FanoutError {
  if (error instanceof FanoutError && error.code !== 'INTERRUPTED') return error;
  throw error;
}

function plain({ code, message, remedy }: FanoutError): { readonly code: ErrorCode; readonly message: string; readonly remedy: string } {
  return { code, message, remedy };
}

export interface SeveralIo extends RunIo {
  /** Called before each. */
  readonly onGroup: (options: Options, index: number) => void;
}

export interface Several {
  readonly groups: readonly Options[];
  /** For each of them. */
  readonly opened: readonly Opened[];
  /** Others of the same deployment. */
  readonly untested: readonly Untested[];
}

export async function runSeveral({ groups, opened, untested }: Several, io: SeveralIo, runCluster: RunCluster): Promise<SeveralResult> {
  const launch = launchNow(io);
  const items = groups.map((options, i) => ({ options, provisions: opened[i] }));
  const turns = await inTurn(
    items,
    io.signal,
    ({ options }, index) => io.onGroup(options, index),
    async ({ options, provisions }) => {
      if (provisions === undefined || provisions instanceof FanoutError) throw provisions ?? new TypeError('nothing was opened');
      return runCluster(options, { ...io, provisions });
    },
  );
  const runs = resultsOf(turns, 'before any group had been tested');
  const failed = items.flatMap(({ options }, i): readonly LeftOutGroup[] => {
    const turn = turns[i];
    if (turn?.kind === 'done') return [];
    const reason = turn === undefined ? endedBySignal('before-group-tested') : reasonOf(turn.error);
    return [{ interface: deviceOf(options), group: groupNameOf(options), reason }];
  });
  const before = untested.map(({ interface: device, error, isNoGroup, ...group }): LeftOutGroup => {
    return { interface: device, group, reason: reasonOf(error), ...(isNoGroup ? { isNoGroup } : {}) };
  });
  const leftOut = [...failed, ...before];
  return {
    schema: 'fanout-cluster/deployment@1',
    tool: { version: io.version },
    startedAt: launch.startedAt.toISOString(),
    durationMs: Math.round(io.clock.nowMs() - launch.begunMs),
    host: { kernel: release(), cpus: availableParallelism() },
    answer: answerOf(runs, leftOut),
    runs,
    leftOut,
  };
}

function answerOf(runs: readonly RunResult[], leftOut: readonly LeftOutGroup[]): Answer {
  if (runs.some(({ verdict }) => verdict.answer === 'no')) return 'no';
  return leftOut.every(({ isNoGroup }) => isNoGroup === true) && runs.every(({ verdict }) => verdict.answer === 'yes')
    ? 'yes'
    : 'inconclusive';
}
