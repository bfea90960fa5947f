/** A live interface as it must be for packets to be captured there. */

import { constants } from 'node:os';
import type { InterfaceInfo } from '../../addon/host.ts';
import { native } from '../../addon/native.ts';
import { FanoutError, isSystemCallError } from '../../errors.ts';
import { ALLOW_FAMILIES } from '../../host/system-calls.ts';
import type { FirstLayer } from '../../model/link.ts';
import { firstLayerOf, linkTypeText, remedyForLinkType } from './link-types.ts';

export interface LiveInterface extends InterfaceInfo {
  readonly first: FirstLayer;
}

/** @param name its own, or an alternative one */
export function checkLiveInterface(name: string): LiveInterface {
  const described = describe(name);
  const { up, hardwareType } = described;
  if (!up) throw new FanoutError('INTERFACE_DOWN', `interface ${name} is down`, `bring it up: ip link set ${name} up`);
  const first = firstLayerOf(hardwareType);
  if (first !== undefined) return { ...described, first };
  throw new FanoutError(
    'INTERFACE_UNSUITABLE',
    `interface ${name} has link type ${linkTypeText(hardwareType)}, and no flow can be read there: its packets begin neither with an Ethernet header nor with one of IP`,
    remedyForLinkType(hardwareType),
  );
}

export function describe(name: string): InterfaceInfo {
  try {
    return native.describeInterface(name);
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
    if (cause.errno === constants.errno.EAFNOSUPPORT)
      throw new FanoutError('NO_PRIVILEGE', `nobody can be asked about interface ${name} (${cause.message})`, ALLOW_FAMILIES, { cause });
    throw new FanoutError(
      'NO_SUCH_INTERFACE',
      `there is no interface ${name} in this network namespace${whatElse(name)}`,
      adviceFor(name),
      { cause },
    );
  }
}

/** Names that other programs take, or print. */
function whatElse(name: string): string {
  if (name === 'any') return '; "any" is the word of tcpdump for all of them, and a fanout group is on one';
  if (name.includes(',')) return '; a fanout group is on one interface';
  return '';
}

function adviceFor(name: string): string {
  const [first = '', ...others] = name.split(',');
  if (name === 'any') return 'name the interface that the IDS listens on; a packet is seen once on each that it crosses';
  if (others.length > 0) return `start one run for each (-i ${first}), or name the bridge or bond that joins them`;
  const shown = /^(.+)@/.exec(name)?.[1];
  return shown === undefined ? 'list the interfaces with: ip link' : `ip link shows NAME@PEER: use -i ${shown}`;
}
