/** What this host says of the interfaces that a deployment names, of its memory, CPUs and running groups. Reads only. */
import { native } from '../../addon/native.ts';
import type { HostFacts, InterfaceFacts } from '../../deployment/this-host.ts';
import { isSystemCallError } from '../../errors.ts';
import { describeGroups } from '../../host/described-groups.ts';
import { fanoutGroups } from '../../host/groups.ts';
import type { LintOptions } from './options.ts';

export function hostFacts({ cpus, memoryAvailable }: LintOptions, interfaces: readonly string[]): HostFacts {
  const links = interfaces.flatMap((name): readonly (readonly [string, InterfaceFacts])[] => {
    const facts = interfaceFacts(name);
    return facts === undefined ? [] : [[name, facts]];
  });
  return { cpus, memoryAvailable, interfaces: new Map(links), groups: runningGroups() };
}

/** Undefined: there is none of this name. */
function interfaceFacts(name: string): InterfaceFacts | undefined {
  try {
    const { index, up, promiscuous } = native.describeInterface(name);
    const link = native.linkState(index);
    const queues = link?.channels?.used ?? link?.receiveRings;
    return { index, isUp: up, isPromiscuous: promiscuous, offloads: link?.offloads ?? [], ...(queues === undefined ? {} : { queues }) };
  } catch (error) {
    if (isSystemCallError(error)) return undefined;
    throw error;
  }
}

function runningGroups(): HostFacts['groups'] {
  const groups = fanoutGroups();
  if (groups === undefined) return undefined;
  const described = new Map(describeGroups(() => true)?.map(({ id, description }) => [id, description]));
  return groups.map(({ id, ifindex }) => ({ id, ifindex, description: described.get(id) ?? '' }));
}
