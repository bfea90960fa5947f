/** BPF programs that the kernel has, by their numbers. */
import { closeSync } from 'node:fs';
import { uptime } from 'node:os';
import { native } from '../addon/native.ts';
import type { ProgramInfo } from '../addon/steering.ts';
import { isSystemCallError } from '../errors.ts';

/** undefined: it has gone, or may not be looked at. */
export function programOf(id: number): ProgramInfo | undefined {
  let descriptor: number;
  try {
    descriptor = native.openProgram(id);
  } catch (error) {
    if (isSystemCallError(error)) return undefined;
    throw error;
  }
  try {
    return native.programInfo(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** With nothing but its number where it may not be looked at. */
export function programCalled(id: number): ProgramInfo {
  return programOf(id) ?? { id, type: 0, user: 0, name: '', loadedNs: 0 };
}

/** The kernel counts from when it booted, sleep included, as uptime(1) does. */
export function loadedAt({ loadedNs }: ProgramInfo): Date {
  return new Date(Date.now() - uptime() * 1000 + loadedNs / 1e6);
}
