/** Does what was asked for, with the privileges that it needs, and says what there is afterwards. */
import { resolve } from 'node:path';
import { native } from '../../addon/native.ts';
import type { ProgramInfo } from '../../addon/steering.ts';
import { type Clock, dateOf } from '../../collector/group/clock.ts';
import type { OpeningRights } from '../../collector/run/provisions.ts';
import { isSystemCallError, unreachable } from '../../errors.ts';
import { loadedAt, programCalled, programOf } from '../../host/bpf-program.ts';
import { attachDissector, detachDissector, otherDissector, type PinnedDissector, pinnedDissectors } from '../../host/dissector-link.ts';
import { readFlowDissector } from '../../host/flow-dissector.ts';
import { type ForeignGroup, foreignGroups, steerableGroup, steerForeignGroup } from '../../host/foreign-groups.ts';
import { enterNamespace, INITIAL_NAMESPACE, namespaceInode, namespaceName } from '../../host/network-namespace.ts';
import { isBuiltin } from '../../host/steering.ts';
import { steeringObject } from '../../host/steering-object.ts';
import { refuseWithoutEffect } from '../../lab/dissector-use.ts';
import { contradictory } from '../../options/values.ts';
import { depthFor, markOf, policyFor } from './depth.ts';
import type { CureOptions, Task } from './options.ts';
import { proofOf } from './proof.ts';
import type { AttachedDissector, CuredGroup, CureResult, Did, KnownProgram, Namespace } from './result.ts';

export interface CureIo {
  readonly version: string;
  readonly clock: Pick<Clock, 'realtimeNs'>;
  readonly rights: Pick<OpeningRights, 'openSecret'>;
  /** Called before anything is attached. */
  readonly onAttach: (netns: Namespace) => void;
}

export async function runCure(options: CureOptions, io: CureIo): Promise<Omit<CureResult, 'verified'>> {
  if (options.netns !== undefined) enterNamespace(options.netns);
  const netns = namespaceHere(options.netns);
  const found = foreignGroups();
  const groups = found?.map(reported) ?? null;
  if (options.verify && options.task.kind === 'hash') checkProof(options, netns, groups ?? []);
  const did = await doIt(options, { netns, found }, io);
  const inForce = dissectorInForce();
  return {
    schema: 'fanout-cluster/cure@1',
    tool: { version: io.version },
    at: dateOf(io.clock).toISOString(),
    netns,
    did,
    ...(inForce === undefined ? {} : { inForce }),
    groups,
    proof: proofOf({ did, netns, groups: groups ?? [], interface: options.interface }),
  };
}

/** Before anything is done that could then not be proven. */
function checkProof({ interface: named }: CureOptions, netns: Namespace, groups: readonly CuredGroup[]): void {
  const { isTemplate } = proofOf({ did: { kind: 'nothing-attached' }, netns, groups, interface: named });
  if (isTemplate) throw contradictory('--verify cannot know where to capture: no group is here', 'name the interface: -i INTERFACE');
}

function namespaceHere(given: string | undefined): Namespace {
  const inode = namespaceInode();
  return { inode, name: namespaceName(inode) ?? null, given: given ?? null };
}

function reported({ owners, ...group }: ForeignGroup): CuredGroup {
  return { ...group, interface: group.interface ?? null, owners: owners.map(({ pid, comm }) => ({ pid, comm })) };
}

/** Where it is done. */
interface Place {
  readonly netns: Namespace;
  /** Fanout groups there, looked for once: it takes a walk through the open files of all processes. */
  readonly found: readonly ForeignGroup[] | undefined;
}

async function doIt(options: CureOptions, place: Place, io: CureIo): Promise<Did> {
  const { task } = options;
  switch (task.kind) {
    case 'hash':
      return task.undo ? detach() : attach(options, task, place, io);
    case 'group':
      return steer(options, task, place);
    case 'write':
      return await write(options, task.path, io);
    case 'advice':
      return { kind: 'advice', depth: depthFor(options, []) };
    case 'status':
      return status();
    default:
      return unreachable(task);
  }
}

function attach(options: CureOptions, { withoutFallback }: Extract<Task, { kind: 'hash' }>, { netns, found = [] }: Place, io: CureIo): Did {
  const inHash = found.filter(({ mode }) => mode === 'hash').map(reported);
  const depth = depthFor(options, inHash);
  refuseWithoutEffect();
  const onLoaded = (): void => io.onAttach(netns);
  const { did, dissector, hasContinue } = attachDissector({ layers: depth.layers, mark: markOf(depth), withoutFallback, onLoaded });
  return { kind: did, dissector: described(dissector), depth, hasFallback: hasContinue };
}

function detach(): Did {
  const dissector = detachDissector();
  if (dissector !== undefined) return { kind: 'detached', dissector: described(dissector) };
  const other = otherDissector();
  if (other !== undefined) throw other;
  return { kind: 'nothing-attached' };
}

function steer(options: CureOptions, { id, undo }: Extract<Task, { kind: 'group' }>, { found }: Place): Did {
  const foreign = steerableGroup(id, found);
  const group = reported(foreign);
  if (undo) {
    steerForeignGroup(foreign, { program: 'first' });
    return { kind: 'unsteered', group };
  }
  const depth = depthFor(options, [group]);
  const policy = policyFor(options.policy, depth);
  steerForeignGroup(foreign, { program: 'steer', policy, layers: depth.layers, mark: markOf(depth) });
  return { kind: 'steered', group, policy, depth };
}

async function write(options: CureOptions, path: string, { rights }: CureIo): Promise<Did> {
  const depth = depthFor(options, []);
  const policy = policyFor(options.policy, depth);
  const object = steeringObject(policy, depth.layers);
  await rights.openSecret(path).commit(object);
  return { kind: 'written', path: resolve(path), policy, depth };
}

function status(): Did {
  const pinned = pinnedDissectors()?.map(described);
  const here = dissectorInForce();
  const isListed = here === null || here === undefined || pinned?.some(({ program }) => program.id === here.program.id);
  const dissectors = pinned === undefined ? null : [...pinned, ...(isListed ? [] : [here])];
  return { kind: 'status', dissectors, programs: steeringPrograms() };
}

/** null: the kernel's own; undefined where only root may know. */
function dissectorInForce(): AttachedDissector | null | undefined {
  const there = readFlowDissector();
  if (there.kind === 'unknown') return undefined;
  if (there.kind === 'none') return null;
  const namespace = there.namespace === 'own' ? namespaceInode() : namespaceInode(INITIAL_NAMESPACE);
  const pinned = pinnedDissectors()?.find(({ program }) => program.id === there.programId);
  if (pinned !== undefined) return described(pinned);
  return { ...described({ pin: '', namespace, program: programCalled(there.programId) }), pin: null };
}

function described({ pin, namespace, program }: PinnedDissector): AttachedDissector {
  return {
    program: known(program),
    pin,
    namespace,
    namespaceName: namespaceName(namespace) ?? null,
    isOwn: isBuiltin('dissect', program.name),
  };
}

function known(program: ProgramInfo): KnownProgram {
  const { id, name, user } = program;
  return { id, name, user, since: loadedAt(program).toISOString() };
}

/** More than any host has. */
const PROGRAMS_MAX = 100_000;

/** Steering programs that are in some group, of whatever namespace; null where this user may not list programs. */
function steeringPrograms(): readonly KnownProgram[] | null {
  const found: KnownProgram[] = [];
  try {
    let id = native.programAfter(0);
    for (let seen = 0; id !== null && seen < PROGRAMS_MAX; seen += 1) {
      const program = programOf(id);
      if (program !== undefined && isBuiltin('steer', program.name)) found.push(known(program));
      id = native.programAfter(id);
    }
  } catch (error) {
    if (isSystemCallError(error)) return null;
    throw error;
  }
  return found;
}
