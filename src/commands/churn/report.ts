/** Churn as a report. Decides nothing. */

import { type Document, findingsTitled, type Paragraph, paragraph, type Table } from '../../collector/report/document.ts';
import { grouped, percent, seconds } from '../../collector/words/english.ts';
import { labelOf } from '../../model/fanout.ts';
import { deploymentSections } from '../deployed-report.ts';
import type { ChurnEvent, ChurnResult } from './result.ts';

export function churnDocument(result: ChurnResult): Document {
  return {
    sections: [
      { blocks: [headline(result)] },
      { blocks: [events(result)] },
      { blocks: [paragraph(LEGEND, { tone: 'quiet' })] },
      ...churnBrief(result).sections,
      ...deploymentSections(result.deployment),
    ],
  };
}

/** Without the table: what --quiet leaves. */
export function churnBrief({ doubts, advice }: ChurnResult): Document {
  return { sections: [...findingsTitled('Doubts', doubts), ...findingsTitled('What it means', advice)] };
}

function headline({ group, events: all, host, source, durationMs, packetsPerSecond }: ChurnResult): Paragraph {
  const flows = Math.max(0, ...all.map((event) => event.flows));
  return paragraph(
    `Members of a group of ${group.procs} in mode ${labelOf(group)} killed and replaced under ${grouped(packetsPerSecond)} packets/s of ${grouped(flows)} flows, Linux ${host.kernel}, ${seconds(durationMs)}, seed ${source.seed ?? 'unknown'}`,
  );
}

const LEGEND =
  'moved: of the flows of members that were there before and after, those that went to another one. stayed: of all flows, those that stayed on their member. expected: by the code of the kernel. sent, lost: packets while it happened, and those that reached no process. took: until the group was whole again and known to be.';

const HEADINGS = ['change', 'moved', 'expected', 'of flows', 'stayed', 'expected', 'sent', 'lost', 'took', 'members by slot'] as const;

function events({ events: all }: ChurnResult): Table {
  return { kind: 'table', head: HEADINGS, rows: all.map(rowOf), left: [0, 9], isHeadStrong: true };
}

function rowOf(event: ChurnEvent): readonly string[] {
  return [
    changeText(event),
    percent(event.survivorsMovedShare),
    percent(event.expectedSurvivorsMovedShare),
    grouped(event.survivorsFlows),
    percent(event.stayedShare),
    percent(event.expectedStayedShare),
    grouped(event.packetsSent),
    grouped(event.packetsLost),
    `${event.tookMs} ms`,
    slotsText(event.slots),
  ];
}

function changeText({ kind, slot, member }: ChurnEvent): string {
  switch (kind) {
    case 'leave':
      return `slot ${slot} dies (member ${member})`;
    case 'join':
      return `member ${member} joins`;
    case 'link-flap':
      return 'link down, up';
  }
}

const SLOTS_SHOWN = 16;

function slotsText(slots: readonly number[]): string {
  const shown = slots.slice(0, SLOTS_SHOWN).join(' ');
  return slots.length > SLOTS_SHOWN ? `${shown} ...` : shown;
}
