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
      `there is no interface ${name} in this network namespace`,
      'list the interfaces with: ip link',
      { cause },
    );
  }
}
