/** The Unix socket on which workers report: a fresh directory that only this user can enter, and a check of who connects. */
import { mkdtempSync, rmSync } from 'node:fs';
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
  const path = join(directory, 'collector.sock');
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
  const close = (): void => {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await listening(server, path);
  } catch (cause) {
    close();
    throw cannotListen(path, cause);
  }
  return { path, close };
}

// mkdtemp(3) makes the directory 0700. XDG_RUNTIME_DIR is the place for sockets where there is one, /run for root.
function makeDirectory(): string {
  const candidates = [process.env['XDG_RUNTIME_DIR'], process.geteuid?.() === 0 ? '/run' : undefined, tmpdir()];
  let cause: unknown;
  for (const base of candidates) {
    if (base === undefined || base === '') continue;
    try {
      return mkdtempSync(join(base, 'fanout-cluster-'));
    } catch (error) {
      cause = error;
    }
  }
  throw cannotListen(tmpdir(), cause);
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
