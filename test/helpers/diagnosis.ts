/** What the diagnosis of a run in mode hash on a current kernel knows, and its causes in words; tests change what they are about. */
import { type DiagnosisContext, diagnose } from '../../src/collector/verdict/diagnose.ts';
import { findHashBugs } from '../../src/collector/verdict/hash-bugs.ts';
import { worded } from '../../src/collector/words/say.ts';
import type { CauseCode } from '../../src/model/cause.ts';
import type { CauseResult } from '../../src/model/run-result.ts';
import { stackOf } from './evidence.ts';

export function context(change: Partial<DiagnosisContext> = {}): DiagnosisContext {
  const { groups = [], kernel = '6.18.44' } = change;
  const stacks = [...new Set(groups.map(({ stack }) => stack))].map((stack) => stackOf(stack, [], groups));
  const hash = findHashBugs({ kernel, procs: 4, groups, stacks });
  const dissector = { kind: 'none', asked: 'both' } as const;
  return {
    interface: 'fan0',
    mode: 'hash',
    flags: [],
    programMissing: false,
    rolledOver: 0,
    outgoing: 0,
    dissector,
    hash,
    ...change,
    kernel,
    groups,
  };
}

export function wordedCauses(of: DiagnosisContext, tolerated: readonly CauseCode[] = []): readonly CauseResult[] {
  return diagnose(of, tolerated).map(worded);
}
