/** The release text of uname(2), such as "4.4.0-38-generic" or "6.18.4". */

export interface KernelRelease {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** The distribution's build after the dash, where it is a number: Ubuntu's fixes show only here. */
  readonly build: number;
}

export function parseKernelRelease(text: string): KernelRelease | undefined {
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?(?:-(\d+))?/.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch = '0', build = '0'] = match;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), build: Number(build) };
}

/** True if `release` is `major.minor.patch` or newer. */
export function isAtLeast(release: KernelRelease, major: number, minor: number, patch = 0): boolean {
  if (release.major !== major) return release.major > major;
  if (release.minor !== minor) return release.minor > minor;
  return release.patch >= patch;
}

/** True if `release` belongs to the stable branch `major.minor` and has at least its point release `patch`. */
export function isOnBranchFrom(release: KernelRelease, major: number, minor: number, patch: number): boolean {
  return release.major === major && release.minor === minor && release.patch >= patch;
}
