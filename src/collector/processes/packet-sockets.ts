/** Packet sockets opened while that was allowed: with protocol 0 the kernel gives them nothing, until the worker that gets one binds it. */
import { closeSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { native } from '../../addon/native.ts';
import { FanoutError, isSystemCallError } from '../../errors.ts';
import { ALLOW_FAMILIES } from '../../host/system-calls.ts';
import type { FirstLayer } from '../../model/link.ts';

export class PacketSockets {
  #descriptors: number[];
  readonly #layer: FirstLayer;

  /** @param descriptors opened already */
  constructor(descriptors: readonly number[] = [], layer: FirstLayer = 'ethernet') {
    this.#descriptors = [...descriptors];
    this.#layer = layer;
  }

  /** Throws a FanoutError where this process may not. */
  static open(count: number, layer: FirstLayer): PacketSockets {
    const sockets = new PacketSockets([], layer);
    try {
      for (let i = 0; i < count; i += 1) sockets.#descriptors.push(openOne(layer));
    } catch (error) {
      sockets.close();
      throw error;
    }
    return sockets;
  }

  /** The caller's from now on. One that was not thought of before is opened where that is still allowed. */
  take(): number {
    return this.#descriptors.shift() ?? openOne(this.#layer);
  }

  /** As hasFanoutArgs() of the addon. Without a socket nothing is going to join a group. */
  get fanoutArgs(): boolean {
    const [first] = this.#descriptors;
    return first !== undefined && native.hasFanoutArgs(first);
  }

  get descriptors(): readonly number[] {
    return this.#descriptors;
  }

  close(): void {
    for (const descriptor of this.#descriptors) closeSync(descriptor);
    this.#descriptors = [];
  }
}

const E = constants.errno;

function openOne(layer: FirstLayer): number {
  try {
    return native.openPacketSocket(layer === 'network');
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
    throw socketError(cause.errno, cause.message, cause);
  }
}

/** A filter refuses with the error of its author's choice, and systemd's is the one of a kernel without. */
function noPacketSockets(message: string, filtered: boolean, cause: unknown): FanoutError {
  return filtered
    ? new FanoutError(
        'NO_PRIVILEGE',
        `${message}: a filter of system calls refuses packet sockets (Seccomp: 2 in /proc/self/status)`,
        `${ALLOW_FAMILIES}; if the filter is not the cause, the kernel lacks CONFIG_PACKET`,
        { cause },
      )
    : new FanoutError('TOOL_MISSING', `${message}: this kernel has no packet sockets`, 'use a kernel with CONFIG_PACKET', { cause });
}

function isFiltered(): boolean {
  return /^Seccomp:\s*2$/m.test(readFileSync('/proc/self/status', 'latin1'));
}

function socketError(errno: number, message: string, cause: unknown): FanoutError {
  if (errno === E.EPERM || errno === E.EACCES)
    return new FanoutError(
      'NO_PRIVILEGE',
      `this user may open no packet socket (${message})`,
      'packet sockets need CAP_NET_RAW: run with sudo (a container: --cap-add NET_RAW), or without --interface to use the lab',
      {
        cause,
      },
    );
  if (errno === E.EAFNOSUPPORT) return noPacketSockets(message, isFiltered(), cause);
  if (errno === E.EMFILE || errno === E.ENFILE)
    return new FanoutError('TOO_LARGE', message, 'no more files may be opened: raise the limit (ulimit -n), or use fewer --procs', {
      cause,
    });
  return new FanoutError('WORKER_FAILED', message, 'see the reason above, and start again; if it persists, try fewer --procs', { cause });
}
