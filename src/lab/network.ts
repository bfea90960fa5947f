/** The interface on which the lab's traffic is captured, and the way into it. To be made inside the lab's namespace only. */

import { existsSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { execa } from 'execa';
import type { FrameSet, Injector, InjectorAddon } from '../addon/injector.ts';
import type { Tap, TapAddon } from '../addon/tap.ts';
import { FanoutError, firstLineOf, isSystemCallError } from '../errors.ts';
import { ALLOW_FAMILIES } from '../host/system-calls.ts';
import { searchedIn, toolEnvironment } from '../host/tools.ts';

export type Injection = 'tap' | 'veth';

interface Sending {
  readonly addon: TapAddon & InjectorAddon;
  /** Packet sockets for what sends on a veth, one for each injector; by default they open their own. */
  readonly senderSocket?: () => number;
}

export interface LabNetworkOptions extends Sending {
  /** Receive queues of the TAP. A veth has one. */
  readonly queues?: number;
  /** Of the IP packets. The largest lets every frame of a capture pass. */
  readonly mtu?: number | 'largest';
  /** By default a TAP where one may be opened, else a veth pair. */
  readonly injection?: Injection;
}

export interface LabNetwork {
  /** The one to capture on. */
  readonly interface: string;
  readonly injection: Injection;
  /** Receive queues that a frame may be given to. */
  readonly queues: number;
  /** Frames sent by it arrive on `interface`. On a veth the frames' queues are ignored. */
  createInjector(frames?: FrameSet): Injector;
  /** For the program that replaces this one. */
  readonly handover: LabNetworkHandover;
  /** Takes the interface away, unless an injector is running; then another network can be made in this namespace. */
  close(): Promise<void>;
}

export interface LabNetworkHandover {
  readonly injection: Injection;
  /** They must stay open, and belong to the network. */
  readonly descriptors: readonly number[];
}

export const CAPTURE_INTERFACE = 'cap0';
const SENDING_INTERFACE = 'gen0';

/** ETH_MAX_MTU, from which tun_net_init() takes the Ethernet header. */
const VETH_MTU_MAX = 65535;
const TAP_MTU_MAX = VETH_MTU_MAX - 14;

/** Makes the interface and sets it up so that nothing but the lab's own frames ever appears on it. */
export async function createLabNetwork({ queues = 1, mtu = 1500, injection, ...sending }: LabNetworkOptions): Promise<LabNetwork> {
  const { addon } = sending;
  disableIpv6();
  const tap = injection === 'veth' ? undefined : openTap(addon, queues, injection === 'tap');
  try {
    await configure(
      tap === undefined ? vethCommands(mtu === 'largest' ? VETH_MTU_MAX : mtu) : tapCommands(mtu === 'largest' ? TAP_MTU_MAX : mtu),
    );
  } catch (error) {
    tap?.close();
    throw error;
  }
  return tap === undefined ? vethNetwork(sending) : tapNetwork(sending, tap);
}

/** What another program made, of which this one is the continuation. */
export function adoptLabNetwork(sending: Sending, { injection, descriptors }: LabNetworkHandover): LabNetwork {
  return injection === 'veth' ? vethNetwork(sending) : tapNetwork(sending, new sending.addon.Tap({ descriptors }));
}

function tapNetwork({ addon }: Sending, tap: Tap): LabNetwork {
  return {
    interface: CAPTURE_INTERFACE,
    injection: 'tap',
    queues: tap.queues,
    createInjector: (frames) => new addon.Injector({ ...frames, tap }),
    handover: { injection: 'tap', descriptors: tap.descriptors },
    close: async () => tap.close(),
  };
}

function vethNetwork({ addon, senderSocket }: Sending): LabNetwork {
  return {
    interface: CAPTURE_INTERFACE,
    injection: 'veth',
    queues: 1,
    createInjector: (frames) =>
      new addon.Injector({
        ...frames,
        interface: SENDING_INTERFACE,
        ...(senderSocket === undefined ? {} : { socket: senderSocket() }),
      }),
    handover: { injection: 'veth', descriptors: [] },
    // Somebody may have deleted it during the run, which is for the run to report. Else it goes away with the namespace.
    close: () => configure([`link delete dev ${SENDING_INTERFACE}`]).catch(() => undefined),
  };
}

const { ENOENT, EPERM, ENXIO, EACCES, ENODEV } = constants.errno;
const MAY_NOT_OPEN = new Set([EPERM, ENOENT, ENXIO, EACCES, ENODEV]);

/** Nothing if there is no TAP to be had here and `required` is not set. */
function openTap(addon: LabNetworkOptions['addon'], queues: number, required: boolean): Tap | undefined {
  try {
    return new addon.Tap({ name: CAPTURE_INTERFACE, queues });
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
    if (!required && MAY_NOT_OPEN.has(cause.errno)) return undefined;
    const remedy =
      'run as root where /dev/net/tun exists (modprobe tun) and may be opened (its permissions; in a container its devices); without --nic a veth pair does';
    throw new FanoutError('LAB_FAILED', `cannot make a TAP with ${queues} queues (${cause.message})`, remedy, { cause });
  }
}

const IPV6_DEFAULTS = '/proc/sys/net/ipv6/conf/default';
/** There with IPv6, also in a /proc of processes alone, which has no /proc/sys. */
const IPV6_ADDRESSES = '/proc/self/net/if_inet6';

/** Before the interface exists, so that it is born without: no router solicitation, no listener report, no address detection. */
function disableIpv6(): void {
  try {
    writeFileSync(`${IPV6_DEFAULTS}/disable_ipv6`, '1');
  } catch {
    // No IPv6 in this kernel, or /proc/sys is read-only or not there: without a link-local address (addrgenmode none) IPv6 stays silent, too.
  }
}

/**
 * No ARP, no address; and the addresses that IPv6 would make up are not made, where the kernel has IPv6. In a command of its own: of one
 * message to the kernel the flags come first (do_setlink), and an interface that is up has its address already.
 */
function quiet(name: string, mtu: number): readonly string[] {
  const addresses = existsSync(IPV6_ADDRESSES) ? ' addrgenmode none' : '';
  return [`link set dev ${name}${addresses} arp off mtu ${mtu}`, `link set dev ${name} up`];
}

function tapCommands(mtu: number): readonly string[] {
  return quiet(CAPTURE_INTERFACE, mtu);
}

function vethCommands(mtu: number): readonly string[] {
  const pair = `link add name ${SENDING_INTERFACE} type veth peer name ${CAPTURE_INTERFACE}`;
  return [pair, ...quiet(SENDING_INTERFACE, mtu), ...quiet(CAPTURE_INTERFACE, mtu)];
}

/** All commands in one process, which stops at the first that fails. */
async function configure(commands: readonly string[]): Promise<void> {
  const environment = toolEnvironment();
  const ip = await execa('ip', ['-batch', '-'], { ...environment, input: `${commands.join('\n')}\n`, reject: false });
  if (!ip.failed) return;
  if (ip.code === 'ENOENT') {
    const remedy = 'install iproute2, and see that ip is found there';
    throw new FanoutError('TOOL_MISSING', `ip was not found in ${searchedIn(environment)}`, remedy, { cause: ip });
  }
  const said = firstLineOf(ip.stderr === '' ? ip.shortMessage : ip.stderr);
  if (said.startsWith('BusyBox'))
    throw new FanoutError(
      'TOOL_MISSING',
      "ip is BusyBox's, which lacks -batch",
      'install iproute2 (Alpine: apk add iproute2) and see that PATH leads to its ip first',
      { cause: ip },
    );
  if (said.includes('Operation not permitted'))
    throw new FanoutError(
      'NO_PRIVILEGE',
      `ip may not set up the lab's interfaces (${said})`,
      'give CAP_NET_ADMIN (a container: --cap-add NET_ADMIN)',
      { cause: ip },
    );
  if (said.includes('Address family not supported'))
    throw new FanoutError('NO_PRIVILEGE', `ip may open no netlink socket (${said}): a filter of system calls refuses it`, ALLOW_FAMILIES, {
      cause: ip,
    });
  const remedy = 'start the lab again; if it persists, see that the kernel has CONFIG_VETH or CONFIG_TUN and that ip is from iproute2';
  throw new FanoutError('LAB_FAILED', `ip could not set up the lab's interfaces (${said})`, remedy, { cause: ip });
}
