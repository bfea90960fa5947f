/** A race as a report. Decides nothing. */

import {
  type Document,
  findingBlock,
  findingsTitled,
  type Paragraph,
  paragraph,
  type Section,
  type Table,
} from '../../collector/report/document.ts';
import { grouped, percent, seconds } from '../../collector/words/english.ts';
import { labelOf } from '../../model/fanout.ts';
import type { RaceResult } from './result.ts';

export function raceDocument(result: RaceResult): Document {
  return {
    sections: [
      { blocks: [headline(result)] },
      { blocks: [starts(result)] },
      { blocks: [naive(result)] },
      ...orderly(result),
      ...findingsTitled('What it means', result.advice),
    ],
  };
}

/** Without the table: what --quiet leaves. */
export function raceBrief(result: RaceResult): Document {
  return { sections: [...orderly(result), ...findingsTitled('What it means', result.advice)] };
}

function headline({ group, procs, packetsPerSecond, host, source, durationMs }: RaceResult): Paragraph {
  return paragraph(
    `${procs} processes start in mode ${labelOf(group)} under ${grouped(packetsPerSecond)} packets/s, Linux ${host.kernel}, ${seconds(durationMs)}, seed ${source.seed ?? 'unknown'}`,
  );
}

function starts({ naive: { flows, split, splitShare }, orderly: inOrder }: RaceResult): Table {
  const share = inOrder.flows === 0 ? 0 : inOrder.split / inOrder.flows;
  return {
    kind: 'table',
    head: ['start', 'flows', 'on several processes', ''],
    rows: [
      ['one after the other', grouped(flows), grouped(split), percent(splitShare)],
      ['in order', grouped(inOrder.flows), grouped(inOrder.split), percent(share)],
    ],
    left: [0],
    isHeadStrong: true,
  };
}

function naive({ naive: n }: RaceResult): Paragraph {
  return paragraph(
    `One after the other: the group was complete after ${n.joinedAfterMs} ms; ${grouped(n.packetsSent)} packets were sent, ${grouped(n.copies)} came to more than one process, ${grouped(n.strayPackets)} came to one that does not have their flow any more, the last of them after ${n.lastStrayAfterMs} ms.`,
  );
}

/** That the start in order keeps flows together is what the other one is held against. */
function orderly({ orderly: { answer, reasons } }: RaceResult): readonly Section[] {
  return answer === 'yes' ? [] : [{ title: `In order: ${answer}`, blocks: reasons.map((reason) => findingBlock(reason)) }];
}
