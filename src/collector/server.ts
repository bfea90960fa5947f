/** The Unix sockets on which workers report, one for each group: a fresh directory that only this user can enter, and a check of who connects. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FanoutError } from '../errors.ts';
import { native } from '../native.ts';
import { socketPathOf } from '../protocol/framing.ts';

export interface WorkerServer {
  close(): void;
}

/** A Socket of node:net owns a libuv handle whose descriptor is not part of its types. */
function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof fd === 'number' ? fd : -1;
}

/**
 * Where the sockets will be: a directory of its own that does not exist yet. Workers are started with this path before anything is made, so
 * that there is somebody to tidy up whenever this process is killed.
 */
export function chooseSocketDirectory(groups: number): string {
  let cause: unknown;
  const uid = process.geteuid?.();
  // sudo(8) takes the variable away, but not the directory.
  for (const base of [process.env['XDG_RUNTIME_DIR'], `/run/user/${uid}`, uid === 0 ? '/run' : undefined, tmpdir()]) {
    if (base === undefined || base === '') continue;
    const directory = join(base, `${PREFIX}${process.pid}-${randomBytes(4).toString('hex')}`);
    try {
      accessSync(base, constants.W_OK | constants.X_OK);
      const longest = socketPathOf(directory, groups) + UNREADY;
      if (Buffer.byteLength(longest) > PATH_BYTES_MAX) throw new Error(`${base} is too long for a socket`);
      return directory;
    } catch (error) {
      cause = error;
    }
  }
  throw cannotListen(tmpdir(), cause);
}

/** Listens in the chosen directory, and hands over each connection with the pid that the kernel vouches for (SO_PEERCRED). */
export async function listen(
  directory: string,
  groups: number,
  onPeer: (group: number, socket: Socket, pid: number) => void,
): Promise<WorkerServer> {
  const servers = Array.from({ length: groups }, (_, group) =>
    createServer((socket) => {
      let pid: number;
      try {
        pid = native.peerCredentials(descriptorOf(socket)).pid;
      } catch {
        socket.destroy();
        return;
      }
      onPeer(group, socket, pid);
    }),
  );
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const close = (): void => {
    for (const server of servers) server.close();
    process.removeListener('exit', remove);
    remove();
  };
  // A second signal, or a defect, ends the process without another word.
  process.on('exit', remove);
  try {
    mkdirSync(directory, { mode: 0o700 });
    sweep(dirname(directory));
    for (const [group, server] of servers.entries()) {
      const path = socketPathOf(directory, group);
      await listening(server, path + UNREADY);
      // It appears under its name only when whoever finds it can connect.
      renameSync(path + UNREADY, path);
    }
  } catch (cause) {
    close();
    throw cannotListen(directory, cause);
  }
  return { close };
}

const PREFIX = 'fanout-cluster-';
const UNREADY = '-';
/** sun_path of unix(7), without its NUL. A longer one would be cut off silently. */
const PATH_BYTES_MAX = 107;

const STALE_MS = 60_000;

/**
 * Removes what runs left here that were killed together with all their workers. A process id says nothing where another process namespace
 * uses the directory too; no run needs its socket for as long as that, though.
 */
function sweep(base: string): void {
  for (const name of readdirSync(base)) {
    const owner = /^fanout-cluster-(\d+)-\w+$/.exec(name)?.[1];
    if (owner === undefined || isRunning(Number(owner))) continue;
    const path = join(base, name);
    try {
      const { uid, mtimeMs } = statSync(path);
      if (uid === process.geteuid?.() && Date.now() - mtimeMs > STALE_MS) rmSync(path, { recursive: true, force: true });
    } catch {
      // Another run sweeps here too.
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function cannotListen(where: string, cause: unknown): FanoutError {
  return new FanoutError(
    'WORKER_FAILED',
    `cannot create the workers' socket in ${where}: ${(cause as Error).message}`,
    'set XDG_RUNTIME_DIR or TMPDIR to a writable directory with a short path (a socket path holds 107 bytes)',
    { cause },
  );
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}
