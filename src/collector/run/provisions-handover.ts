/** What is handed on of provisions when this program is replaced by itself, and how it is read again. */
import type { CbpfInstruction } from '../../addon/capture.ts';
import type { DescribedGroup } from '../../host/described-groups.ts';
import type { LabDissector } from '../../host/dissector-link.ts';
import type { LabNetworkHandover } from '../../lab/network.ts';
import type { FlowDissector } from '../../model/flow-dissector.ts';
import { type KernelDesign, PPPOE_READINGS } from '../../model/kernel-model.ts';
import { parseInstructions } from '../../protocol/schema.ts';
import { array, exactly, flag, MalformedMessage, natural, optional, record, shown, text } from '../../protocol/values.ts';

export interface ProvisionsHandover {
  readonly sockets: readonly number[];
  readonly network?: LabNetworkHandover;
  readonly linkChannel?: number;
  readonly filters: readonly (readonly [string, readonly CbpfInstruction[]])[];
  readonly programs: readonly (readonly [string, number])[];
  /** Programs that the kernel refused, and why. */
  readonly refused: readonly (readonly [string, { readonly message: string; readonly remedy: string }])[];
  readonly groups?: readonly DescribedGroup[];
  readonly capturers?: string;
  readonly fanoutArgs: boolean;
  /** Without the one that is attached for a run. */
  readonly dissector: FlowDissector;
  readonly labDissector?: LabDissector;
  readonly askedDesign?: KernelDesign;
}

/** @param value decoded from JSON */
export function parseProvisions(value: unknown): ProvisionsHandover {
  const handed = record(value, 'provisions');
  const network = optional(handed['network'], parseNetwork);
  const linkChannel = optional(handed['linkChannel'], natural);
  const groups = optional(handed['groups'], (list) => array(list, 'groups').map(parseGroup));
  const capturers = optional(handed['capturers'], text);
  const labDissector = optional(handed['labDissector'], parseLabDissector);
  const askedDesign = optional(handed['askedDesign'], parseDesign);
  return {
    sockets: descriptorsIn(handed['sockets']),
    ...(network === undefined ? {} : { network }),
    ...(linkChannel === undefined ? {} : { linkChannel }),
    filters: pairsIn(handed['filters'], parseInstructions),
    programs: pairsIn(handed['programs'], natural),
    refused: pairsIn(handed['refused'], parseRefusal),
    ...(groups === undefined ? {} : { groups }),
    ...(capturers === undefined ? {} : { capturers }),
    fanoutArgs: flag(handed['fanoutArgs']),
    dissector: parseDissector(handed['dissector']),
    ...(labDissector === undefined ? {} : { labDissector }),
    ...(askedDesign === undefined ? {} : { askedDesign }),
  };
}

function descriptorsIn(value: unknown): readonly number[] {
  return array(value, 'descriptors').map(natural);
}

function pairsIn<T>(value: unknown, parse: (value: unknown) => T): readonly (readonly [string, T])[] {
  return array(value, 'pairs').map((pair) => {
    const [name, what] = exactly(array(pair, 'pair'), 2, 'pair');
    return [text(name), parse(what)];
  });
}

function parseRefusal(value: unknown): { readonly message: string; readonly remedy: string } {
  const { message, remedy } = record(value, 'refusal');
  return { message: text(message), remedy: text(remedy) };
}

function parseNetwork(value: unknown): LabNetworkHandover {
  const { injection, descriptors } = record(value, 'network');
  if (injection !== 'tap' && injection !== 'veth') throw new MalformedMessage(`no network is a ${shown(injection)}`);
  return { injection, descriptors: descriptorsIn(descriptors) };
}

function parseGroup(value: unknown): DescribedGroup {
  const { id, description, reassembles: given } = record(value, 'group');
  const reassembles = optional(given, flag);
  return { id: natural(id), description: text(description), ...(reassembles === undefined ? {} : { reassembles }) };
}

function parseDissector(value: unknown): FlowDissector {
  const { kind, programId, namespace, asked, isBuiltin } = record(value, 'dissector');
  if (kind === 'unknown') return { kind };
  if (kind === 'none' && (asked === 'both' || asked === 'own')) return { kind, asked };
  if (kind === 'attached' && (namespace === 'own' || namespace === 'initial'))
    return { kind, programId: natural(programId), namespace, isBuiltin: flag(isBuiltin) };
  throw new MalformedMessage(`no flow dissector is ${shown(kind)}`);
}

function parseLabDissector(value: unknown): LabDissector {
  const { link, programId } = record(value, 'dissector of the lab');
  return { link: natural(link), programId: natural(programId) };
}

function parseDesign(value: unknown): KernelDesign {
  const { portsWithAddresses, readsHsr, pppoe } = record(value, 'design');
  const reading = PPPOE_READINGS.find((known) => known === pppoe);
  if (reading === undefined) throw new MalformedMessage(`no reading of PPPoE is ${shown(pppoe)}`);
  return { portsWithAddresses: flag(portsWithAddresses), readsHsr: flag(readsHsr), pppoe: reading };
}
