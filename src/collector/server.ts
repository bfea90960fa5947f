/** The Unix socket on which workers report: a fresh directory that only this user can enter, and a check of who connects. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FanoutError } from '../errors.ts';
import { native } from '../native.ts';

export interface WorkerServer {
  readonly path: string;
  close(): void;
}

/** A Socket of node:net owns a libuv handle whose descriptor is not part of its types. */
function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof fd === 'number' ? fd : -1;
}

/** Listens, and hands over each connection with the pid that the kernel vouches for (SO_PEERCRED). */
export async function listen(onPeer: (socket: Socket, pid: number) => void): Promise<WorkerServer> {
  const directory = makeDirectory();
  const path = join(directory, SOCKET_NAME);
  const server = createServer((socket) => {
    let pid: number;
    try {
      pid = native.peerCredentials(descriptorOf(socket)).pid;
    } catch {
      socket.destroy();
      return;
    }
    onPeer(socket, pid);
  });
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const close = (): void => {
    server.close();
    process.removeListener('exit', remove);
    remove();
  };
  // A second signal, or a defect, ends the process without another word.
  process.on('exit', remove);
  try {
    await listening(server, path);
  } catch (cause) {
    close();
    throw cannotListen(path, cause);
  }
  return { path, close };
}

const PREFIX = 'fanout-cluster-';
const SOCKET_NAME = 'collector.sock';
/** sun_path of unix(7), without its NUL. A longer one would be cut off silently. */
const PATH_BYTES_MAX = 107;

// mkdtemp(3) makes the directory 0700. XDG_RUNTIME_DIR is the place for sockets where there is one, /run for root.
function makeDirectory(): string {
  const candidates = [process.env['XDG_RUNTIME_DIR'], process.geteuid?.() === 0 ? '/run' : undefined, tmpdir()];
  let cause: unknown;
  for (const base of candidates) {
    if (base === undefined || base === '') continue;
    try {
      const template = join(base, `${PREFIX}${process.pid}-`);
      if (Buffer.byteLength(join(`${template}XXXXXX`, SOCKET_NAME)) > PATH_BYTES_MAX) throw new Error(`${base} is too long for a socket`);
      const directory = mkdtempSync(template);
      sweep(base);
      return directory;
    } catch (error) {
      cause = error;
    }
  }
  throw cannotListen(tmpdir(), cause);
}

const STALE_MS = 60_000;

/**
 * Removes what runs left here that were killed together with all their workers. A process id says nothing where another process namespace
 * uses the directory too; no run needs its socket for as long as that, though.
 */
function sweep(base: string): void {
  for (const name of readdirSync(base)) {
    const owner = /^fanout-cluster-(\d+)-\w{6}$/.exec(name)?.[1];
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
