/** RaceResult to text for people. Decides nothing. */

import { grouped, joinSections, paint, percent, type Style, seconds, table, wrap } from '../../collector/report/layout.ts';
import { advice } from '../../collector/report/parts.ts';
import { printable } from '../../collector/report/printable.ts';
import type { RaceResult } from './result.ts';

export function renderRace(result: RaceResult, style: Style): string {
  return joinSections([
    headline(result, style),
    starts(result, style),
    naive(result, style),
    orderly(result, style),
    meaning(result, style),
  ]);
}

/** Without the table: what --quiet leaves. */
export function renderRaceBrief(result: RaceResult, style: Style): string {
  return joinSections([orderly(result, style), meaning(result, style)]);
}

function headline({ procs, packetsPerSecond, host, source, durationMs }: RaceResult, style: Style): readonly string[] {
  const text = `${procs} processes start in mode hash under ${grouped(packetsPerSecond)} packets/s, Linux ${printable(host.kernel)}, ${seconds(durationMs)}, seed ${source.seed ?? 'unknown'}`;
  return wrap(text, '', style);
}

function starts({ naive: { flows, split, splitShare }, orderly }: RaceResult, style: Style): readonly string[] {
  const share = orderly.flows === 0 ? 0 : orderly.split / orderly.flows;
  const [heading = '', ...rows] = table(
    [
      ['start', 'flows', 'on several processes', ''],
      ['one after the other', grouped(flows), grouped(split), percent(splitShare)],
      ['in order', grouped(orderly.flows), grouped(orderly.split), percent(share)],
    ],
    [0],
  );
  return [paint(heading, 'bold', style), ...rows];
}

function naive({ naive: n }: RaceResult, style: Style): readonly string[] {
  const text = `One after the other: the group was complete after ${n.joinedAfterMs} ms; ${grouped(n.packetsSent)} packets were sent, ${grouped(n.copies)} came to more than one process, ${grouped(n.strayPackets)} came to one that does not have their flow any more, the last of them after ${n.lastStrayAfterMs} ms.`;
  return wrap(text, '', style);
}

/** That the start in order keeps flows together is what the other one is held against. */
function orderly({ orderly: { answer, reasons } }: RaceResult, style: Style): readonly string[] {
  return answer === 'yes' ? [] : [`In order: ${answer}`, ...reasons.flatMap((reason) => advice(reason, '  ', style))];
}

function meaning({ advice: all }: RaceResult, style: Style): readonly string[] {
  return ['What it means', ...all.flatMap((one) => advice(one, '  ', style))];
}
