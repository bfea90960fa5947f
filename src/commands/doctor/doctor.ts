/** Judges what was read of an interface, and says it. Needs no privilege. */
import { sayMeets, sayNic, sayUnsaid } from '../../collector/words/doctor.ts';
import { wordedDeployment } from '../../collector/words/say.ts';
import { definedOf } from '../../model/defined.ts';
import { answerOf, examine, toldFacts } from '../../nic/examine.ts';
import type { NicFacts } from '../../nic/facts.ts';
import type { Meets, NicFinding, NicUnknown } from '../../nic/findings.ts';
import type { Samples } from '../../nic/hashing.ts';
import type { DoctorOptions } from './options.ts';
import type { DoctorFinding, DoctorResult, DoctorUnknown, MeetsResult } from './result.ts';

export interface Read {
  readonly facts: NicFacts;
  readonly kernel: string;
  readonly startedAt: string;
}

export function doctor(
  { mode, flags, procs, deployment }: Pick<DoctorOptions, 'mode' | 'flags' | 'procs' | 'deployment'>,
  { facts, kernel, startedAt }: Read,
  samples: Samples | undefined,
  version: string,
): DoctorResult {
  const members = definedOf({ procs });
  const examined = examine(facts, { mode, flags, ...members }, samples);
  return {
    schema: 'fanout-cluster/doctor@1',
    tool: { version },
    startedAt,
    host: { kernel },
    interface: facts.name,
    mode,
    flags,
    ...members,
    ...(deployment === undefined ? {} : { deployment: wordedDeployment(deployment) }),
    answer: answerOf(examined),
    meetings: examined.meetings.map(({ flow, place, directions, fragments }) => ({
      flow,
      place,
      directions: meetsResult(directions),
      fragments: meetsResult(fragments),
    })),
    facts: toldFacts(facts),
    findings: examined.findings.map((finding) => findingResult(finding, facts.name)),
    unknowns: examined.unknowns.map(unknownResult),
  };
}

function meetsResult(meets: Meets): MeetsResult {
  const text = sayMeets(meets);
  switch (meets.answer) {
    case 'together':
      return { answer: 'together', proof: meets.proof, text };
    case 'apart':
      return { answer: 'apart', proof: meets.proof, by: meets.by, ...meets.share, text };
    case 'unlabelled':
    case 'unknown':
      return { answer: meets.answer, text };
  }
}

function findingResult(finding: NicFinding, device: string): DoctorFinding {
  const { code, severity, args } = finding;
  const { message, remedy } = sayNic(finding, device);
  return { code, severity, message, ...(remedy === undefined ? {} : { remedy }), args };
}

function unknownResult({ fact, where, because, needs, isDecisive }: NicUnknown): DoctorUnknown {
  return { fact, where, why: sayUnsaid(because), ...(needs === undefined ? {} : { needs }), decisive: isDecisive };
}
