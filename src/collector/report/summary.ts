/** The first line of a report: the answer with how many flows of how many, and why, in a few words. Pure. */
import { CAUSES, isCauseCode } from '../../model/cause.ts';
import { labelOf } from '../../model/fanout.ts';
import { DISTURBANCES, REASONS, WARNINGS } from '../../model/reason.ts';
import type { CauseResult, Reason, RunResult } from '../../model/run-result.ts';
import { grouped, percent } from '../words/english.ts';
import { remedyInShort } from '../words/in-short.ts';

export function summaryOf(result: RunResult): string {
  switch (result.verdict.answer) {
    case 'yes':
      return yesText(result);
    case 'no':
      return noText(result);
    case 'inconclusive':
      return `Inconclusive: ${reasonsInShort(result.verdict.reasons)}. This run does not show whether mode ${labelOf(result.group)} keeps flows together.`;
  }
}

function yesText(result: RunResult): string {
  const { flows } = result;
  const split = flows.split + flows.asymmetric + flows.duplicated;
  // Harmless and tolerated violations do not make a NO, but they happened.
  const exceptions = split === 0 ? '' : `, except for ${grouped(split)} that ${split === 1 ? 'does' : 'do'} not count`;
  const but = reservations(result);
  const answer = but.length === 0 ? 'Yes' : `Yes, but ${inShort(but)}`;
  return `${answer}: mode ${labelOf(result.group)} kept both directions of every flow together${exceptions}.`;
}

/** What a reader of the first line alone must not miss. */
function reservations(result: RunResult): readonly string[] {
  const causes = result.causes.filter((cause) => weighs(cause, result)).map((cause) => causeText(cause, result));
  return [...causes, ...result.warnings.filter(isCatch).map(({ code }) => `${phraseOf(code)} (${code})`)];
}

/** Mode hash treats what this host sends like what it receives: there is nothing to do about it. */
function isCatch({ code, remedy }: Reason): boolean {
  return code !== 'outgoing-packets' || remedy !== undefined;
}

/** Of so large a part of the flows even what does no harm is worth a word in the first line. */
const WEIGHTY_SHARE = 0.1;

function weighs({ flows, tolerated }: CauseResult, { flows: { total } }: RunResult): boolean {
  return tolerated === true || flows >= WEIGHTY_SHARE * total;
}

function causeText({ code, flows, tolerated }: CauseResult, { flows: { total }, balance, members }: RunResult): string {
  const of = `${grouped(flows)} of ${grouped(total)} flows`;
  if (tolerated === true) return `${of} were split, which was tolerated (${code})`;
  if (code !== 'no-spread') return `${of} were subject to what does no harm (${code})`;
  const busiest = members.length === 0 ? 0 : balance.maxOverMean / members.length;
  return `${of} do not spread, and ${percent(busiest)} of the packets were on one worker (${code})`;
}

function noText(result: RunResult): string {
  const { verdict, flows, group } = result;
  const decisive = decisiveCauses(result);
  const count = decisive.reduce((sum, cause) => sum + cause.flows, 0);
  const of = `${grouped(count)} of ${grouped(flows.total)} ${flows.total === 1 ? 'flow' : 'flows'}`;
  const why = reasonsInShort(decisive.length > 0 ? decisive : verdict.reasons, 'cause');
  const isCopied = decisive.length > 0 && decisive.every(({ code }) => code === 'duplicated');
  const remedy = remedyOf(result);
  const todo = remedy === undefined ? '' : ` ${remedy}.`;
  return isCopied
    ? `No: ${labelOf(group)} had the packets of ${of} on several processes: ${why}.${todo}`
    : `No: ${labelOf(group)} split ${of}: ${why}.${todo}`;
}

/** Those that make the answer NO, the gravest first. */
function decisiveCauses({ causes }: RunResult): RunResult['causes'] {
  return causes.filter(({ harmless, tolerated, flows }) => !harmless && tolerated !== true && flows > 0);
}

/** What to do first about a NO; undefined where a few words do not say it. */
export function remedyOf(result: RunResult): string | undefined {
  const [first] = decisiveCauses(result);
  return first === undefined ? undefined : remedyInShort(first);
}

/** The first one in words, and how many others there are. */
function reasonsInShort([first, ...others]: readonly Pick<Reason, 'code'>[], noun = 'reason'): string {
  if (first === undefined) return 'nothing is known';
  const more = others.length === 0 ? '' : `, and ${others.length} more ${noun}${others.length === 1 ? '' : 's'}`;
  return `${phraseOf(first.code)} (${first.code})${more}`;
}

const PHRASES_SHOWN = 2;

function inShort(phrases: readonly string[]): string {
  const shown = phrases.slice(0, PHRASES_SHOWN).join('; ');
  return phrases.length > PHRASES_SHOWN ? `${shown}; and ${phrases.length - PHRASES_SHOWN} more` : shown;
}

const PHRASES: Readonly<Record<string, string>> = { ...REASONS, ...DISTURBANCES, ...WARNINGS };

/** What the code of a cause, a reason or a warning stands for. */
export function phraseOf(code: string): string {
  return isCauseCode(code) ? CAUSES[code].short : (PHRASES[code] ?? 'see below');
}
