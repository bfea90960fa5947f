/** What a kernel says of itself, in uname(2) and where a distribution adds to it, such as "4.4.0-38-generic" or "6.18.4". */

export interface KernelRelease {
  readonly major: number;
  readonly minor: number;
  /** The point release; 0 where it does not tell. */
  readonly patch: number;
  /** The distribution's build after the dash, where it is a number: Ubuntu's fixes of 4.4 show only here. */
  readonly build: number;
  /**
   * What fixes it has cannot be told from its numbers: it is a vendor's branch with fixes of its own choice, or a distribution's that does
   * not say which point release it is made of.
   */
  readonly isVague: boolean;
}

/** As far as known; `release` and `version` are those of uname(2). */
export interface KernelIdentity {
  readonly release: string;
  /** Debian names the point release here: "#1 SMP Debian 5.10.218-1 (2024-06-01)". */
  readonly version?: string;
  /** /proc/version_signature of Ubuntu, which ends with the point release: "Ubuntu 5.15.0-91.101-generic 5.15.131". */
  readonly signature?: string;
}

/** Red Hat and its rebuilds, Oracle, and SUSE's enterprise branch: a base version, and fixes of all later ones. */
const VENDOR_BRANCHES = /\.el\d|el\d+uek|-150\d{3}\./;

export function parseKernelRelease(kernel: string | KernelIdentity): KernelRelease | undefined {
  const { release, version = '', signature = '' } = typeof kernel === 'string' ? identityIn(kernel) : kernel;
  const match = /^(\d+)\.(\d+)(?:\.(\d+))?(?:-(\d+))?/.exec(release);
  if (match === null) return undefined;
  const [, major = '', minor = '', patch, build = '0'] = match;
  const numbers = { major: Number(major), minor: Number(minor), build: Number(build) };
  if (VENDOR_BRANCHES.test(release)) return { ...numbers, patch: Number(patch ?? 0), isVague: true };
  const point =
    pointRelease(/\bDebian (\d+)\.(\d+)\.(\d+)/.exec(version), major, minor) ??
    pointRelease(/ (\d+)\.(\d+)\.(\d+)$/.exec(signature), major, minor);
  if (point !== undefined) return { ...numbers, patch: point, isVague: false };
  // "5.10.0-30-amd64" is any of 5.10; "5.10.0" and "5.10" are the first.
  return { ...numbers, patch: Number(patch ?? 0), isVague: Number(patch ?? 0) === 0 && match[4] !== undefined };
}

/** What was typed: a release, and whatever of the rest was copied with it. */
export function identityIn(text: string): KernelIdentity {
  const [release = '', ...rest] = text.trim().split(/\s+/);
  // All of /proc/version_signature.
  if (release === 'Ubuntu') return { release: rest[0] ?? '', signature: text.trim() };
  const more = rest.join(' ');
  return more === '' ? { release } : { release, version: more, signature: ` ${more}` };
}

export function releaseOf(kernel: string | KernelIdentity): string {
  return typeof kernel === 'string' ? identityIn(kernel).release : kernel.release;
}

/** As in messages: "5.10.0-30-amd64 (5.10.218)" where the release does not say which point release it is. */
export function kernelText(kernel: string | KernelIdentity): string {
  const release = releaseOf(kernel);
  const parsed = parseKernelRelease(kernel);
  if (parsed === undefined) return release;
  const point = `${parsed.major}.${parsed.minor}.${parsed.patch}`;
  return parsed.isVague || release === point || release.startsWith(`${point}-`) || release.startsWith(`${point}+`) || parsed.patch === 0
    ? release
    : `${release} (${point})`;
}

function pointRelease(match: RegExpExecArray | null, major: string, minor: string): number | undefined {
  return match?.[1] === major && match[2] === minor ? Number(match[3]) : undefined;
}

/** True if `release` is `major.minor.patch` or newer. */
export function isAtLeast(release: KernelRelease, major: number, minor: number, patch = 0): boolean {
  if (release.major !== major) return release.major > major;
  if (release.minor !== minor) return release.minor > minor;
  return release.patch >= patch;
}

/** A branch of stable releases, and the first of them with a fix. */
export type FixedIn = readonly [major: number, minor: number, patch: number];

/** Whether a change is in a release. */
export type Presence = 'yes' | 'no' | 'unknown';

/** Whether a release has what mainline has from `mainline` on, and stable branches from the given point releases on. */
export function has(release: KernelRelease, mainline: readonly [major: number, minor: number], stable: readonly FixedIn[]): Presence {
  if (isAtLeast(release, ...mainline)) return 'yes';
  const branch = stable.find(([major, minor]) => release.major === major && release.minor === minor);
  if (branch !== undefined && !release.isVague) return release.patch >= branch[2] ? 'yes' : 'no';
  // Somebody may have taken the change over.
  return release.isVague ? 'unknown' : 'no';
}
