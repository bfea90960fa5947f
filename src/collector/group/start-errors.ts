/** Turns what the kernel answered to a worker that was setting itself up into an error the operator can act on. */
import { constants } from 'node:os';
import { FanoutError } from '../../errors.ts';
import type { WorkerMessage } from '../../protocol/schema.ts';
import { remedyForEnd } from '../words/ends.ts';
import type { Member, MemberState } from './member.ts';

type Failure = Extract<WorkerMessage, { kind: 'failed' }>;

const E = constants.errno;

/** The error of a worker that ended, or was given up, before the group was complete. */
export function lostAtStart(member: Member, state: MemberState, why: string): FanoutError {
  return new FanoutError('WORKER_FAILED', `worker ${member.index} (pid ${member.pid}) ended while ${state}: ${why}`, remedyFor(why));
}

function remedyFor(why: string): string {
  return remedyForEnd(why) ?? 'see the reason above, and start again; if it persists, try fewer --procs';
}

export function startError(failure: Failure, member: Member, interfaceName: string): FanoutError {
  const { call, errno } = failure;
  const who = `worker ${member.index} (pid ${member.pid})`;
  const what = `${who}: ${failure.message}`;
  if (call === 'setsockopt(PACKET_FANOUT)') return joinError(what, errno, interfaceName);
  if (call === 'setsockopt(PACKET_FANOUT_DATA)')
    return new FanoutError(
      'PROGRAM_REFUSED',
      what,
      'check the steering program: cBPF must pass the kernel, eBPF must be a pinned program of type socket_filter',
    );
  if (call === 'setsockopt(PACKET_RX_RING)' || call === 'mmap')
    return new FanoutError(
      'RING_REFUSED',
      what,
      'the kernel could not give the ring memory: try a smaller --ring-size, a smaller --block-size or fewer --procs',
    );
  if (call === 'setsockopt(SO_ATTACH_FILTER)')
    return new FanoutError(
      'BAD_FILTER',
      what,
      'the kernel refused the filter program (longer than net.core.optmem_max allows?): simplify --filter',
    );
  if ((call === 'bind(AF_PACKET)' || call === 'setsockopt(PACKET_ADD_MEMBERSHIP)') && (errno === E.ENODEV || errno === E.ENXIO))
    return new FanoutError(
      'NO_SUCH_INTERFACE',
      `${what}: ${interfaceName} vanished during the start`,
      'check the interface and start again',
    );
  if (call === 'sched_setaffinity')
    return new FanoutError(
      'USAGE',
      `${what}: cannot run on CPU ${member.cpu}`,
      'name CPUs that exist and that this process may use (taskset -p) in --pin',
    );
  return new FanoutError('WORKER_FAILED', what, 'see the system call and its error above');
}

function joinError(what: string, errno: number, interfaceName: string): FanoutError {
  switch (errno) {
    case E.ENOSPC:
      return new FanoutError(
        'GROUP_REFUSED',
        `${what}: the group is full`,
        'another program has joined it: leave --group-id out, or use fewer --procs',
      );
    case E.EALREADY:
      return new FanoutError(
        'GROUP_REFUSED',
        `${what}: the socket is in a group already`,
        'this is a defect of the program: please report it',
      );
    case E.ENOPROTOOPT:
      return new FanoutError(
        'GROUP_REFUSED',
        `${what}: this kernel has no packet fanout`,
        'packet fanout needs Linux 3.1 with CONFIG_PACKET',
      );
    case E.EINVAL:
      return new FanoutError(
        'GROUP_REFUSED',
        `${what}: the kernel gives this one answer to several mistakes`,
        `another program may hold this group id with another mode, flags or interface (try another --group-id), ${interfaceName} may be down (before Linux 6.13), or this kernel may not know the mode`,
      );
    default:
      return new FanoutError('GROUP_REFUSED', what, 'see the error above');
  }
}
