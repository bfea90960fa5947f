/** What judges return, with the words that a report has. */
import * as bounds from '../../src/collector/verdict/bounds.ts';
import * as doubts from '../../src/collector/verdict/doubts.ts';
import * as verdict from '../../src/collector/verdict/judge.ts';
import { whyNoTraffic } from '../../src/collector/verdict/no-traffic.ts';
import * as order from '../../src/collector/verdict/order.ts';
import * as packets from '../../src/collector/verdict/packet-warnings.ts';
import { wordedJudgement } from '../../src/collector/words/judgement.ts';
import * as words from '../../src/collector/words/no-traffic.ts';
import { wordedReason } from '../../src/collector/words/say.ts';
import type { Evidence } from '../../src/model/evidence.ts';
import type { Finding } from '../../src/model/finding.ts';
import type { RunFacts } from '../../src/model/run-facts.ts';
import type { Reason } from '../../src/model/run-result.ts';

type Judge<Given extends readonly unknown[]> = (...given: Given) => readonly (Finding | Reason)[];

function withWords<Given extends readonly unknown[]>(judge: Judge<Given>): (...given: Given) => readonly Reason[] {
  return (...given) => judge(...given).map(wordedReason);
}

export const judge = (...given: Parameters<typeof verdict.judge>) => wordedJudgement(verdict.judge(...given));
export const findDoubts = withWords((evidence: Evidence, facts: RunFacts) =>
  doubts.findDoubts(evidence, facts, doubts.knownOf(evidence, facts)),
);
export const boundWarnings = withWords(bounds.boundWarnings);
export const copiesWarning = withWords(packets.copiesWarning);
export const largeWarning = withWords(packets.largeWarning);
export const orderWarnings = withWords(order.orderWarnings);

export const noTrafficText = (facts: RunFacts) => words.whyNoTraffic(whyNoTraffic(facts), facts.interface);
