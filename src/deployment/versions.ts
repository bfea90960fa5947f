/** Versions of the programs, as far as what a configuration means depends on them. Pure. */
import type { Version } from './reading.ts';

/** Where nothing tells another: the newest whose behaviour was read. */
export const ASSUMED = { suricata: '8.0.6', zeek: '8.1', arkime: '5.6' } as const;

export function assumed(program: keyof typeof ASSUMED): Version {
  return { text: ASSUMED[program], from: 'assumed' };
}

/** What the user says, else what the file does, else the newest. */
export function versionOf(program: keyof typeof ASSUMED, given: string | undefined, told?: Version): Version {
  if (given !== undefined) return { text: given, from: 'argument' };
  return told ?? assumed(program);
}

export function isBefore({ text }: Version, ...[major, minor = 0, patch = 0]: readonly [number, number?, number?]): boolean {
  const [ownMajor = 0, ownMinor = 0, ownPatch = 0] = text.split('.').map((part) => Number.parseInt(part, 10) || 0);
  if (ownMajor !== major) return ownMajor < major;
  return ownMinor !== minor ? ownMinor < minor : ownPatch < patch;
}
