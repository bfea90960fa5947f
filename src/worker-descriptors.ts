/** Descriptors that a worker is born with, behind the standard streams: it opens nothing that needs a privilege, nor need it reach the package. */

export const WORKER_DESCRIPTORS = {
  /** Its program and the addon, where the user that it runs as cannot reach their files. */
  script: 3,
  addon: 4,
  /** Packet sockets, one for each group; in process 0 followed by as many spare ones, and as many steering programs. */
  sockets: 5,
} as const;

/** By which a descriptor of this process is opened once more. */
export function descriptorPath(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}
