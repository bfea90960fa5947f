/** What to do about a process that ended, by what is known of its end. Pure. */

/** Undefined where its end says nothing of the reason. */
export function remedyForEnd(end: string): string | undefined {
  // Node.js has no errno of a thread that could not be started: only what strerror(3) makes of it.
  if (/\bEAGAIN\b|pthread_create|uv_thread_create|Resource temporarily unavailable/.test(end))
    return 'no more processes or threads may be started: raise the limits (ulimit -u, pids.max of the control group), or use fewer --procs';
  if (/\bE[MN]FILE\b/.test(end)) return 'no more files may be opened: raise the limit (ulimit -n), or use fewer --procs';
  if (/\bENOMEM\b|out of memory|allocation failed/i.test(end))
    return 'there was no more memory for it: use fewer --procs or a smaller --ring-size, or raise its limit (ulimit -v, memory.max of the control group)';
  if (/\bSIGKILL\b/.test(end))
    return 'something killed it: usually the out-of-memory killer (see the kernel log); then use fewer --procs or a smaller --ring-size';
  if (/no sign of life/.test(end)) return 'it had no CPU, or hung: see what else runs on this host, or give it longer (--worker-timeout)';
  return undefined;
}
