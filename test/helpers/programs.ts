/** Small programs for tests that need a process of their own: bundled to plain JavaScript, which every node runs. */
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface TemporaryDirectory {
  readonly path: string;
  /** Makes a file of these bytes in it, and gives its path. */
  fileOf(bytes: Uint8Array): string;
  remove(): void;
}

export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'fanout-test-'));
  let files = 0;
  return {
    path,
    fileOf: (bytes) => {
      files += 1;
      const file = join(path, `file-${files}`);
      writeFileSync(file, bytes);
      return file;
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** The user that a run started by root becomes. */
export const NOBODY = { uid: 65534, gid: 65534 } as const;

/** For XDG_RUNTIME_DIR, and reachable for whoever a run becomes. */
export function makeRuntimeDirectory(path: string): void {
  mkdirSync(path, { mode: 0o700 });
  chmodSync(dirname(path), 0o755);
  if (process.getuid?.() === 0) chownSync(path, NOBODY.uid, NOBODY.gid);
}

/** `source` may import "src/...". */
export async function bundle(source: string, outfile: string): Promise<void> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const contents = source.replaceAll("'src/", `'${root}src/`);
  // Some bundled packages call require() for node's own modules.
  const banner = { js: "import { createRequire as bundledRequire } from 'node:module'; const require = bundledRequire(import.meta.url);" };
  await build({ stdin: { contents, resolveDir: root, loader: 'ts' }, bundle: true, platform: 'node', format: 'esm', outfile, banner });
}

export interface Ended {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly onStdout?: (text: string, pid: number | undefined) => void;
}

export function runProgram(
  command: string,
  args: readonly string[],
  { env = process.env, uid, onStdout }: RunOptions = {},
): Promise<Ended> {
  const identity = uid === undefined ? {} : { uid, gid: uid };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...identity });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    onStdout?.(stdout, child.pid);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ pid: child.pid, code, signal, stdout, stderr }));
  });
}
