/** With what environment, and in which directory, other programs are started: ip, tcpdump, bpftool. */
import { privilegeOf, readCredentials } from './privileges.ts';

/** Where a system has its own programs, and nobody but root puts any. */
export const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** For execa. Root starts none that a caller's PATH leads to, and none in an environment that a caller chose. */
export function toolEnvironment(): { readonly env: Readonly<Record<string, string>>; readonly extendEnv: boolean; readonly cwd: string } {
  const isRoot = privilegeOf(readCredentials(), process.env).kind === 'root';
  // The current directory may have been deleted.
  const cwd = '/';
  return isRoot ? { env: { PATH: SYSTEM_PATH }, extendEnv: false, cwd } : { env: {}, extendEnv: true, cwd };
}

/** For messages that say where a program was looked for. */
export function searchedIn({ env }: ReturnType<typeof toolEnvironment>): string {
  return env['PATH'] ?? 'PATH';
}
