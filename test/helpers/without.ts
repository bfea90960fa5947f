/** Commands to run the tool by, so that it finds less than this host has: features of the kernel, file systems, the module behind a device. */
import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './tool.ts';

export type Feature =
  | 'fanout-args'
  | 'packet-diag'
  | 'seccomp'
  | 'bpf'
  | 'user-namespaces'
  /** All that can be made, as units and containers refuse them. */
  | 'namespaces'
  | `${AddressFamily}-family`
  /** Of calls, only those of systemd's @system-service. */
  | 'system-service-only'
  | 'deadly-system-service-only'
  | `deadly-${DeadlyCall}`;
export type AddressFamily = 'packet' | 'netlink' | 'unix' | 'inet';
/** System calls that end whoever makes them. */
export type DeadlyCall = 'bpf' | 'seccomp' | 'unshare' | 'memfd_create' | 'setgroups' | 'sendmsg';

/** @param directory gets the program, which anybody may run */
export function buildWithout(directory: string): (...features: readonly Feature[]) => readonly string[] {
  const program = join(directory, 'without');
  execFileSync('g++', ['-std=c++20', '-o', program, join(ROOT, 'test/helpers/without.cpp')]);
  chmodSync(program, 0o755);
  return (...features) => [program, ...features, '--'];
}

/** In a mount namespace of its own, after a line of shell. */
export function withMounts(line: string): readonly string[] {
  return ['unshare', '--mount', '--', 'sh', '-c', `${line} && exec "$@"`, 'sh'];
}
