/** What is wrong with a capture file: why nothing of it can be used, else warnings. Pure. */

import type { CaptureSummary } from '../addon/capture-summary.ts';
import type { CaptureDamage, CapturePurpose, FurtherLinkTypes, LeftOut, ReadFault, UnusableCapture } from '../model/capture-file.ts';
import { areWorthTelling } from '../model/copies.ts';
import { definedOf } from '../model/defined.ts';
import { type Finding, finding } from '../model/finding.ts';
import type { CaptureArgs } from '../model/findings/capture.ts';

type Warning = Finding<keyof CaptureArgs | 'packets-twice'>;

/** Packets of which no frame could be made. */
export function packetsLeftOut({ leftOut: entries, leftOutOtherwise }: CaptureSummary): number {
  return entries.reduce((sum, { packets }) => sum + packets, leftOutOtherwise);
}

export function captureWarnings(
  name: string,
  summary: CaptureSummary,
  fault: ReadFault | undefined,
  purpose: CapturePurpose,
): readonly Warning[] {
  return [
    ...damaged(name, summary, fault),
    ...leftOut(name, summary),
    ...cutHeaders(name, summary, purpose),
    ...untimed(name, summary),
    ...twice(name, summary),
  ];
}

/** For a file of which not one packet can be used. */
export function unusableCapture(
  name: string,
  summary: CaptureSummary,
  fault: ReadFault | undefined,
  purpose: CapturePurpose,
): UnusableCapture {
  const { problem, records } = summary;
  const found = definedOf({ damage: damageOf(summary, fault) });
  if (records > 0) return { name, purpose, kind: 'all-left-out', records, leftOut: allLeftOut(summary), ...found };
  if (problem?.fault === 'foreign') return { name, purpose, kind: 'foreign', ...definedOf({ format: problem.foreign }) };
  if (problem?.fault === 'empty' && fault === undefined) return { name, purpose, kind: 'empty' };
  return { name, purpose, kind: 'no-packets', ...found };
}

function damaged(name: string, summary: CaptureSummary, fault: ReadFault | undefined): readonly Warning[] {
  const damage = damageOf(summary, fault);
  return damage === undefined ? [] : [finding('capture-damaged', { name, records: summary.records, ...damage })];
}

/** That a file is empty is no damage. */
function damageOf({ problem }: CaptureSummary, read: ReadFault | undefined): CaptureDamage | undefined {
  const isSound = problem === undefined || problem.fault === 'empty';
  if (isSound && read === undefined) return undefined;
  return { ...(read === undefined ? {} : { read }), ...(isSound ? {} : { problem }) };
}

function leftOut(name: string, summary: CaptureSummary): readonly Warning[] {
  return allLeftOut(summary).map((entry) => finding('packets-left-out', { name, ...entry }));
}

function allLeftOut({ leftOut: entries, leftOutOtherwise: packets }: CaptureSummary): readonly (LeftOut | FurtherLinkTypes)[] {
  return [...entries, ...(packets === 0 ? [] : [{ reason: 'further-link-types', packets } as const])];
}

function cutHeaders(name: string, { cutHeaders: cut, frames }: CaptureSummary, purpose: CapturePurpose): readonly Warning[] {
  return cut === 0 ? [] : [finding('packets-cut', { name, cut, frames, purpose })];
}

function untimed(name: string, { copiesAreUntold }: CaptureSummary): readonly Warning[] {
  return copiesAreUntold === undefined ? [] : [finding('no-time-stamps', { name })];
}

function twice(name: string, { copies }: CaptureSummary): readonly Warning[] {
  return copies === undefined || !areWorthTelling(copies) ? [] : [finding('packets-twice', { ...copies, file: name })];
}
