/** One seed after the other: what happened, what must hold of it, and how to see it again. */
import { FanoutError } from '../../src/errors.ts';
import { MS } from './clock.ts';
import { type CommandOutcome, makeCommandScenario, simulateCommand } from './commands.ts';
import { judgeCommand } from './oracle/commands.ts';
import { isTimeless, sameAnswer } from './oracle/interleavings.ts';
import { judgeOutcome } from './oracle/oracle.ts';
import { type Outcome, simulate } from './run.ts';
import { makeScenario } from './scenario.ts';
import type { World } from './world.ts';

/** The seeds of a test run, always the same. */
export const SEEDS = 3000;

/** Of commands, each a world or several. */
export const COMMAND_SEEDS = 48;

export interface Finding {
  readonly seed: number;
  /** Each begins with the name of the invariant. */
  readonly failures: readonly string[];
  readonly outcome: Outcome;
}

export async function checkSeed(seed: number): Promise<Finding> {
  const scenario = makeScenario(seed);
  const outcome = await simulate(scenario);
  const failures = [...judgeOutcome(outcome)];
  if (isTimeless(scenario)) failures.push(...sameAnswer(outcome, await simulate(scenario, 1)).map((what) => `interleaving: ${what}`));
  return { seed, failures, outcome };
}

export interface CommandFinding {
  readonly seed: number;
  /** Each begins with the name of the command. */
  readonly failures: readonly string[];
  readonly outcome: CommandOutcome;
}

export async function checkCommand(seed: number): Promise<CommandFinding> {
  const outcome = await simulateCommand(makeCommandScenario(seed));
  return { seed, failures: judgeCommand(outcome), outcome };
}

const FAILURES_SHOWN = 8;

export function describeCommand({ seed, failures, outcome }: CommandFinding): string {
  return [
    `seed ${seed} (npm run simulate -- --commands --seed ${seed})`,
    ...failures.slice(0, FAILURES_SHOWN).map((failure) => `  ${failure}`),
    `scenario ${JSON.stringify(outcome.scenario)}`,
    ...outcome.runs.flatMap(({ world }) => traceOf(world)),
    `result ${JSON.stringify(outcome.result)}`,
  ].join('\n');
}

/** All that somebody needs who wants to know why. */
export function describeFinding({ seed, failures, outcome }: Finding): string {
  const { scenario } = outcome;
  const { traffic, ...plan } = scenario;
  const rest = failures.length > FAILURES_SHOWN ? [`and ${failures.length - FAILURES_SHOWN} more`] : [];
  return [
    `seed ${seed} (npm run simulate -- --seed ${seed})`,
    ...failures.slice(0, FAILURES_SHOWN).map((failure) => `  ${failure}`),
    ...rest,
    `scenario ${JSON.stringify(plan)}`,
    `traffic ${JSON.stringify(traffic)}`,
    ...traceOf(outcome.world),
    ...answersOf(outcome),
  ].join('\n');
}

function traceOf(world: World): readonly string[] {
  const changes = [...world.kernel.groups.values()].flatMap((group) =>
    group.changes.map(({ ns, what }) => ({ ns, what: `group ${group.id}: ${what}` })),
  );
  const events = [...world.events, ...changes].sort((a, b) => a.ns - b.ns);
  return events.map(({ ns, what }) => `${(ns / MS).toFixed(3).padStart(10)} ms  ${what}`);
}

export function answersOf({ results, error, how, judgedNs }: Outcome): readonly string[] {
  if (results === undefined) return [error === undefined ? `no end (${how})` : String(error)];
  return results.map((result) => {
    if (result instanceof FanoutError) return result.message;
    const reasons = result.verdict.reasons.map(({ code, message }) => `${code}: ${message}`);
    return `${(judgedNs / MS).toFixed(3).padStart(10)} ms  ${result.verdict.answer}: ${reasons.join('; ')}`;
  });
}
