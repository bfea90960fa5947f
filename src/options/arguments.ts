/** What some options take: an interface, a filter, classes of traffic, CPUs, a kernel, the place of a report. Each refuses with a remedy. */
import { IDS_NAMES, type IdsName } from '../deployment/depth.ts';
import { FanoutError } from '../errors.ts';
import { parseCpuList } from '../model/cpu-list.ts';
import type { RunningGroupName } from '../model/fanout-group.ts';
import { isAtLeast, parseKernelRelease } from '../model/kernel-release.ts';
import { BUILTIN_NAMES, builtinPolicy, LAYERS, type SteeredLayer } from '../model/steering.ts';
import { classesSelectedBy } from '../traffic/classes.ts';
import { CBPF_TEXT_MAX, type CbpfInstruction, parseCbpf } from './cbpf.ts';
import type { Machine } from './machine.ts';
import { oneOf, usage } from './values.ts';

/** A path, or text that stands for one: it goes to open(2), which ends it at a NUL. */
export function parsePath(expected: string): (text: string, option: string) => string {
  return (text, option) => {
    if (text === '' || text.includes('\0')) throw usage(option, text, expected);
    return text;
  };
}

/**
 * What dev_valid_name() in net/core/dev.c accepts: no slash, colon or white space, not "." or "..". A name has 15 bytes at most, an alternative
 * name 127 (ALTIFNAMSIZ). Zeek's configurations put the name of its plugin before it.
 */
export function parseInterface(typed: string, option: string): string {
  const name = typed.replace(/^af_packet::/i, '');
  const isValid = Buffer.byteLength(name) <= 127 && /^[^\s/:\p{Cc}]+$/u.test(name) && name !== '.' && name !== '..';
  if (!isValid) throw usage(option, typed, 'the name of a network interface (1 to 127 bytes without "/", ":" and white space)');
  return name;
}

/** Longer expressions do not fit one command-line argument (MAX_ARG_STRLEN), and tcpdump takes them as one. */
const FILTER_BYTES_MAX = 128 * 1024 - 1;

export function parseFilter(filter: string, option: string): string {
  const flaw = flawOf(filter);
  if (flaw !== undefined)
    throw new FanoutError('BAD_FILTER', `${option}: ${flaw}`, `give a pcap filter, such as "tcp port 443", or leave ${option} out`);
  return filter;
}

function flawOf(filter: string): string | undefined {
  if (filter.trim() === '') return 'the expression is empty';
  if (filter.includes('\0')) return 'the expression has a NUL in it';
  const bytes = Buffer.byteLength(filter);
  return bytes > FILTER_BYTES_MAX ? `the expression has ${bytes} bytes, and ${FILTER_BYTES_MAX} are the most` : undefined;
}

/** More than there are classes and groups. Each may be a pattern that is tried on all of them, for each run of a comparison. */
const CLASS_NAMES_MAX = 256;

/** Each class once, in the order in which they are named. */
export function parseClasses(list: string, option: string): readonly string[] {
  const names = [...new Set(list.split(','))];
  if (names.length > CLASS_NAMES_MAX)
    throw new FanoutError(
      'USAGE',
      `${option}: ${names.length} names of traffic classes, and at most ${CLASS_NAMES_MAX} are taken`,
      'name groups instead, or use patterns such as "vlan*"; see fanout-cluster --traffic list',
    );
  const selected = names.flatMap((name) => {
    const classes = classesSelectedBy(name);
    if (classes.length === 0)
      throw new FanoutError(
        'USAGE',
        `${option}: no traffic class or group is called ${JSON.stringify(name)}`,
        'see fanout-cluster --traffic list; several are separated by commas, and a * stands for any part of a name',
      );
    return classes;
  });
  return [...new Set(selected)];
}

/** What steers modes cbpf and ebpf. */
export type SteeringProgram =
  /** Asked for: what an IDS gets that sets the mode and attaches no program. */
  | { readonly kind: 'none' }
  | { readonly kind: 'cbpf'; readonly file: string; readonly instructions: readonly CbpfInstruction[] }
  /** The built-in one by its name, a pinned program (on a BPF file system), or an object file. */
  | { readonly kind: 'ebpf'; readonly path: string };

/** A file of this name is "./none". */
const NO_PROGRAM = 'none';

export function parseCbpfProgram(file: string, option: string, machine: Pick<Machine, 'readText'>): SteeringProgram {
  if (file === NO_PROGRAM) return { kind: 'none' };
  try {
    return { kind: 'cbpf', file, instructions: parseCbpf(machine.readText(file, CBPF_TEXT_MAX + 1), file) };
  } catch (cause) {
    if (cause instanceof FanoutError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FanoutError(
      'BAD_PROGRAM',
      `${option}: cannot read ${file}: ${why}`,
      `name a readable text file of at most ${CBPF_TEXT_MAX} bytes`,
      { cause },
    );
  }
}

export function parseEbpfProgram(path: string, option: string): SteeringProgram {
  if (path === NO_PROGRAM) return { kind: 'none' };
  if (path === '') throw usage(option, '', 'a path');
  if (path.startsWith('builtin') && !path.endsWith('.o') && builtinPolicy(path) === undefined)
    throw usage(option, path, `${BUILTIN_NAMES.join(', ')}, or a path`);
  return { kind: 'ebpf', path };
}

/** Each once. */
export function parseIds(list: string, option: string): readonly IdsName[] {
  return [...new Set(list.toLowerCase().split(','))].map((name) => oneOf(option, name, IDS_NAMES));
}

export function parseLayers(list: string, option: string): readonly SteeredLayer[] {
  if (list === 'all') return LAYERS;
  return [...new Set(list.split(','))].map((name) => oneOf(option, name, LAYERS));
}

export type Pinning =
  | { readonly kind: 'none' }
  /** Member i on online CPU i modulo their number. */
  | { readonly kind: 'auto' }
  /** Member i on cpus[i modulo length]. */
  | { readonly kind: 'list'; readonly cpus: readonly number[] };

export function parsePin(pin: string | boolean | undefined, option: string, { onlineCpus }: Pick<Machine, 'onlineCpus'>): Pinning {
  if (pin === undefined || pin === false) return { kind: 'none' };
  if (pin === true || pin === 'auto') return { kind: 'auto' };
  const cpus = parseCpuList(pin);
  if (cpus === undefined) throw usage(option, pin, '"auto" or a list of CPUs, such as 0-3,8');
  const missing = cpus.filter((cpu) => !onlineCpus.includes(cpu));
  if (missing.length > 0) {
    const online = onlineCpus.length > 8 ? `${onlineCpus.slice(0, 8).join(', ')}, ...` : onlineCpus.join(', ');
    throw new FanoutError('USAGE', `${option}: CPU ${missing[0]} is not online`, `choose from ${online}`);
  }
  return { kind: 'list', cpus };
}

export type JsonOutput = { readonly kind: 'none' } | { readonly kind: 'stdout' } | { readonly kind: 'file'; readonly path: string };

export function parseJsonOutput(json: string | boolean | undefined, option: string): JsonOutput {
  if (json === undefined || json === false) return { kind: 'none' };
  if (json === true || json === '-') return { kind: 'stdout' };
  if (json === '' || json.includes('\0')) throw usage(option, json, 'the path of a file, or nothing for standard output');
  return { kind: 'file', path: json };
}

/** What `uname -r` prints on some kernel, or `uname -rv`: kept as typed, and known to be one that the model of the hash covers. */
export function parseKernel(typed: string, option: string): string {
  const release = parseKernelRelease(typed);
  if (release === undefined)
    throw new FanoutError(
      'USAGE',
      `${option} ${JSON.stringify(typed)} is no release of a kernel`,
      'give what `uname -r` prints there, such as 5.10.46 or 6.1; where that has no point release (5.10.0-30-amd64), with `uname -v` behind it: --kernel "$(uname -rv)"',
    );
  if (!isAtLeast(release, 4, 7))
    throw new FanoutError(
      'USAGE',
      `${option} ${typed}: kernels before 4.7 hash by other fields, or by the hash of the NIC, and are not modelled`,
      'run the lab on that kernel instead (fanout-cluster --pcap FILE), or predict for a kernel that it could be updated to',
    );
  return typed;
}

/** Of a program: up to three numbers, and what follows them on some builds does not count. */
export function parseVersion(typed: string, option: string): string {
  const version = /^(\d{1,4}(?:\.\d{1,4}){0,2})(?:[.+~-][\w.+~-]*)?$/.exec(typed)?.[1];
  if (version === undefined) throw usage(option, typed, 'a version such as 7.0.10');
  return version;
}

/** "99", or "99@sensor": a group that runs, and its network namespace. */
export function parseRunningGroup(typed: string, option: string): RunningGroupName {
  const [, digits = '', netns] = /^(\d{1,5})(?:@(.+))?$/s.exec(typed) ?? [];
  const id = Number(digits);
  if (digits === '' || id > 65535 || netns?.includes('\0') === true)
    throw usage(option, typed, 'the id of a running group, such as 99, or with its network namespace 99@sensor');
  return { id, ...(netns === undefined ? {} : { netns }) };
}
