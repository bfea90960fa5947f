/** Which doubts about a run also make its figures doubtful. Pure. */
import type { WarningCode } from '../../model/reason.ts';
import type { Reason } from '../../model/run-result.ts';

/** Loss is measured, and a group of one proves nothing about flows: their figures hold all the same. Under these they do not. */
const SPOILING: readonly (WarningCode | 'interrupted')[] = [
  'no-traffic',
  'evidence-lost',
  'accounting-mismatch',
  'lost-member',
  'link-down',
  'interface-removed',
  'foreign-member',
  'other-group',
  'ended-early',
  'interrupted',
];

export function figureDoubts(doubts: readonly Reason[]): readonly Reason[] {
  return doubts.filter(({ code }) => SPOILING.some((spoiling) => spoiling === code));
}
