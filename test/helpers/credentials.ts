/** What the kernel says every thread of a process may do. */
import { readdirSync, readFileSync } from 'node:fs';
import { childrenOf, commandLine } from './tool.ts';

export interface Credentials {
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  /** Of the sets inheritable, permitted, effective and ambient together. */
  readonly capabilities: bigint;
  readonly bounding: bigint;
  readonly noNewPrivileges: boolean;
  readonly hasFilter: boolean;
}

export interface ProcessCredentials {
  readonly pid: number;
  readonly name: string;
  readonly threads: readonly Credentials[];
}

/** A command and all that descends from it. */
export function credentialsOfTree(pid: number): readonly ProcessCredentials[] {
  return treeOf(pid).map((each) => ({ pid: each, name: nameOf(each), threads: threadsOf(each) }));
}

function treeOf(pid: number): readonly number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)];
}

/** A helper names itself; others are known by what they run. */
function nameOf(pid: number): string {
  const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  if (name === 'fanout-link' || name === 'fanout-report') return name;
  return commandLine(pid).includes('worker') ? 'worker' : 'collector';
}

function threadsOf(pid: number): readonly Credentials[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => parse(readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1')));
}

function parse(status: string): Credentials {
  const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
  const numbers = (name: string): number[] =>
    field(name)
      .split(/\s+/)
      .filter((text) => text !== '')
      .map(Number);
  const set = (name: string): bigint => BigInt(`0x${field(name)}`);
  return {
    uids: [...new Set(numbers('Uid'))],
    gids: [...new Set(numbers('Gid'))],
    groups: numbers('Groups'),
    capabilities: set('CapInh') | set('CapPrm') | set('CapEff') | set('CapAmb'),
    bounding: set('CapBnd'),
    noNewPrivileges: field('NoNewPrivs') === '1',
    hasFilter: field('Seccomp') === '2',
  };
}
