/** The programs of this project, loaded with secret keys of their own (native/steering). */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { native } from '../addon/native.ts';
import { FanoutError, isSystemCallError, type SystemCallError } from '../errors.ts';
import { layerMask, POLICY_BIT, type SteeredLayer, type SteeringPolicy } from '../model/steering.ts';
import type { ObjectSettings } from './steering-object.ts';

export interface Steering {
  /** "first": all to the first member, as the kernel does where a group has no program. */
  readonly program: 'steer' | 'dissect' | 'first';
  readonly policy?: SteeringPolicy;
  readonly layers?: readonly SteeredLayer[];
  /** Of a dissector: for a kernel that cannot go on where it leaves a packet to it. */
  readonly hasNoFallback?: boolean;
  /** Behind the name that others see it by: at most four letters. */
  readonly mark?: string;
}

/** Names of all programs of this project, as the kernel lists them, begin so. */
export const PROGRAM_NAMES = { steer: 'fc_steer', dissect: 'fc_dissect', first: 'fc_first' } as const;

/** Whether a program of this name, as the kernel lists it, is of this project. */
export function isBuiltin(program: keyof typeof PROGRAM_NAMES, name: string): boolean {
  return name === PROGRAM_NAMES[program] || name.startsWith(`${PROGRAM_NAMES[program]}_`);
}

/**
 * A descriptor of it.
 * @param what how an error calls it
 */
export function loadSteering(what: string, { program, policy, layers = [], hasNoFallback = false, mark }: Steering): number {
  try {
    return native.loadSteering({
      program,
      name: `${PROGRAM_NAMES[program]}${mark === undefined ? '' : `_${mark}`}`,
      policy: (policy === 'ports' ? POLICY_BIT.ports : 0) | (hasNoFallback ? POLICY_BIT.noFallback : 0),
      layers: layerMask(layers),
    });
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
    throw refusal(what, cause);
  }
}

/** What steeringObject() made, without a loader of others. */
export function loadObjectOfOurs(what: string, { policy, layers, keys }: ObjectSettings): number {
  try {
    return native.loadSteering({ program: 'steer', name: PROGRAM_NAMES.steer, policy: Number(policy), layers, keys });
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
    throw refusal(what, cause);
  }
}

const E = constants.errno;

function refusal(what: string, cause: SystemCallError): FanoutError {
  if (cause.errno === E.ENOSYS) return withoutBpf(what, cause);
  if (cause.errno === E.EPERM)
    return new FanoutError(
      'PROGRAM_REFUSED',
      `${what}: this process may not load eBPF programs (${cause.message})${lockdown()}`,
      'run as root of the host (sudo): CAP_BPF, CAP_PERFMON and for a flow dissector CAP_NET_ADMIN are needed, before Linux 5.8 CAP_SYS_ADMIN, and no user namespace has them',
      { cause },
    );
  const verifier = 'verifier' in cause && typeof cause.verifier === 'string' ? `; the verifier says: ${cause.verifier}` : '';
  return new FanoutError(
    'PROGRAM_REFUSED',
    `${what}: the kernel refused the program (${cause.message})${verifier}`,
    'it needs Linux 5.10 or newer, and CAP_PERFMON beside CAP_BPF; use --mode hash, or name a program of your own',
    { cause },
  );
}

/** A kernel that was told to keep its integrity from root says so (kernel_lockdown(7)). */
function lockdown(): string {
  try {
    const state = /\[(\w+)\]/.exec(readFileSync('/sys/kernel/security/lockdown', 'latin1'))?.[1];
    return state === undefined || state === 'none' ? '' : `; this kernel is locked down (${state})`;
  } catch {
    return '';
  }
}

export function withoutBpf(what: string, cause?: unknown): FanoutError {
  return new FanoutError(
    'PROGRAM_REFUSED',
    `${what} cannot be loaded: this kernel has no eBPF (bpf: ENOSYS)`,
    'use a kernel with CONFIG_BPF_SYSCALL, or --mode cbpf, which needs none',
    { cause },
  );
}
