/** Filters on system calls that kill a process instead of refusing the call. */

import { native } from '../addon/native.ts';
import { FanoutError } from '../errors.ts';

/**
 * Before anything is begun that such a filter would end without a word, and with a status of its own.
 * @throws NO_PRIVILEGE where a call that every command needs is deadly
 */
export function checkSystemCalls(): void {
  const deadly = native.deadlyCalls();
  if (deadly.length === 0) return;
  throw new FanoutError(
    'NO_PRIVILEGE',
    `a filter of system calls kills any process that calls ${deadly.map((call) => `${call}(2)`).join(', ')} (SIGSYS; Seccomp: 2 in /proc/self/status)`,
    'allow these: SystemCallFilter=@system-service in the unit, with SystemCallErrorNumber=EPERM so that others are refused, or the seccomp profile of the container',
  );
}

/** For a filter that refuses families of sockets, with the error of a kernel that lacks them. */
export const ALLOW_FAMILIES =
  'allow them: RestrictAddressFamilies=AF_PACKET AF_NETLINK AF_UNIX AF_INET in the unit, or the seccomp profile of the container';
