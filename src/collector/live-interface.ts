/** A live interface as it must be for packets to be captured there. */
import { FanoutError, isSystemCallError } from '../errors.ts';
import { type InterfaceInfo, native } from '../native.ts';

const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;

export function checkLiveInterface(name: string): InterfaceInfo {
  const described = describe(name);
  if (!described.up) throw new FanoutError('INTERFACE_DOWN', `interface ${name} is down`, `bring it up: ip link set ${name} up`);
  if (described.hardwareType !== ARPHRD_ETHER && described.hardwareType !== ARPHRD_LOOPBACK)
    throw new FanoutError(
      'INTERFACE_UNSUITABLE',
      `interface ${name} has link type ${described.hardwareType} (ARPHRD_* in linux/if_arp.h), and only Ethernet is understood`,
      'choose the Ethernet interface that the IDS listens on',
    );
  return described;
}

export function describe(name: string): InterfaceInfo {
  try {
    return native.describeInterface(name);
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
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
