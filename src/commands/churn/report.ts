/** ChurnResult to text for people. Decides nothing. */

import { grouped, joinSections, paint, percent, type Style, seconds, table, wrap } from '../../collector/report/layout.ts';
import { advice } from '../../collector/report/parts.ts';
import { printable } from '../../collector/report/printable.ts';
import type { ChurnEvent, ChurnResult } from './result.ts';

type Section = (result: ChurnResult, style: Style) => readonly string[];

const SECTIONS: readonly Section[] = [headline, events, legend, doubts, meaning];

export function renderChurn(result: ChurnResult, style: Style): string {
  return joinSections(SECTIONS.map((section) => section(result, style)));
}

/** Without the table: what --quiet leaves. */
export function renderChurnBrief(result: ChurnResult, style: Style): string {
  return joinSections([doubts(result, style), meaning(result, style)]);
}

function headline({ group, events: all, host, source, durationMs, packetsPerSecond }: ChurnResult, style: Style): readonly string[] {
  const label = ['hash', ...group.flags].join('+');
  const flows = Math.max(0, ...all.map((event) => event.flows));
  const text = `Members of a group of ${group.procs} in mode ${label} killed and replaced under ${grouped(packetsPerSecond)} packets/s of ${grouped(flows)} flows, Linux ${printable(host.kernel)}, ${seconds(durationMs)}, seed ${source.seed ?? 'unknown'}`;
  return wrap(text, '', style);
}

const HEADINGS = ['change', 'moved', 'expected', 'of flows', 'stayed', 'expected', 'sent', 'lost', 'took', 'members by slot'] as const;

function events({ events: all }: ChurnResult, style: Style): readonly string[] {
  const [heading = '', ...rows] = table([HEADINGS, ...all.map(rowOf)], [0, 9]);
  return [paint(heading, 'bold', style), ...rows];
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

function legend(_: ChurnResult, style: Style): readonly string[] {
  return wrap(
    'moved: of the flows of members that were there before and after, those that went to another one. stayed: of all flows, those that stayed on their member. expected: by the code of the kernel. sent, lost: packets while it happened, and those that reached no process. took: until the group was whole again and known to be.',
    '',
    style,
  ).map((line) => paint(line, 'dim', style));
}

function doubts({ doubts: all }: ChurnResult, style: Style): readonly string[] {
  return all.length === 0 ? [] : ['Doubts', ...all.flatMap((doubt) => advice(doubt, '  ', style))];
}

function meaning({ advice: all }: ChurnResult, style: Style): readonly string[] {
  return all.length === 0 ? [] : ['What it means', ...all.flatMap((one) => advice(one, '  ', style))];
}
