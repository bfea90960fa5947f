/** Among how many rings a NIC spreads what it receives, as programs count them that have a thread for each. */
import { native } from '../addon/native.ts';
import { isSystemCallError } from '../errors.ts';

/** ETHTOOL_GRXRINGS; undefined where there is no such device, or its driver does not tell. */
export function receiveRings(device: string): number | undefined {
  try {
    return native.linkState(native.describeInterface(device).index)?.receiveRings;
  } catch (error) {
    if (isSystemCallError(error)) return undefined;
    throw error;
  }
}
