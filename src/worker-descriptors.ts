/**
 * Descriptors that a worker is born with, behind the standard streams: it opens nothing that needs a privilege, nor need it reach the package.
 * What another user could want of it comes later, by `channel`.
 */

export const WORKER_DESCRIPTORS = {
  /** What starts it, and what that loads; its program and the addon, where the user that it runs as cannot reach their files. */
  starter: 3,
  node: 4,
  script: 5,
  addon: 6,
  /** By which packet sockets and steering programs come. */
  channel: 7,
  /** Connections to the collector, one for each group. Behind them as many places for packet sockets. */
  streams: 8,
} as const;

/** What a worker knows a packet socket by: the number that it gives it. */
export function socketPlace(group: number, groups: number): number {
  return WORKER_DESCRIPTORS.streams + groups + group;
}

/** What it knows a steering program by, which has no number of its own. */
export function programPlace(group: number, groups: number): number {
  return WORKER_DESCRIPTORS.streams + 2 * groups + group;
}

/** By which a descriptor of this process is opened once more. */
export function descriptorPath(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}
