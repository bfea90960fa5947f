/** Where packets come from: a live interface, or the lab with its own interface and traffic. */
import { readFileSync } from 'node:fs';
import { parseCpuList } from '../config/machine.ts';
import type { LabSource, LiveSource, Options } from '../config/options.ts';
import { FanoutError, isSystemCallError } from '../errors.ts';
import { createLabNetwork } from '../lab/network.ts';
import { generateTraffic } from '../lab/traffic.ts';
import type { SourceInfo } from '../model/run-result.ts';
import { type InterfaceInfo, native } from '../native.ts';
import type { Injector } from '../native-lab.ts';

export interface PacketSource {
  readonly info: SourceInfo;
  readonly interface: string;
  readonly ifindex: number;
  readonly loopback: boolean;
  /** Resolves when no more packets will come by themselves; never for live traffic. Rejects if sending failed. */
  readonly ended: Promise<void>;
  /** Makes ready what start() will send; takes a while in the lab, and nothing is sent yet. */
  prepare(): void;
  start(): void;
  /** Stops sending and waits until the last packet is out. */
  stop(): Promise<void>;
  /** Packets sent so far; undefined where nobody knows. */
  offered(): number | undefined;
  close(): Promise<void>;
}

export async function openSource(options: Options): Promise<PacketSource> {
  return options.source.kind === 'live' ? openLive(options.source) : openLab(options.source, options);
}

const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;

function openLive(source: LiveSource): PacketSource {
  const described = describe(source.interface);
  if (!described.up)
    throw new FanoutError('INTERFACE_DOWN', `interface ${source.interface} is down`, `bring it up: ip link set ${source.interface} up`);
  if (described.hardwareType !== ARPHRD_ETHER && described.hardwareType !== ARPHRD_LOOPBACK)
    throw new FanoutError(
      'INTERFACE_UNSUITABLE',
      `interface ${source.interface} has link type ${described.hardwareType} (ARPHRD_* in linux/if_arp.h), and only Ethernet is understood`,
      'choose the Ethernet interface that the IDS listens on',
    );
  return {
    info: { kind: 'live', interface: source.interface },
    interface: source.interface,
    ifindex: described.index,
    loopback: described.loopback,
    ended: new Promise(() => {}),
    prepare: () => {},
    start: () => {},
    stop: async () => {},
    offered: () => undefined,
    close: async () => {},
  };
}

function describe(name: string): InterfaceInfo {
  try {
    return native.describeInterface(name);
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
    throw new FanoutError(
      'NO_SUCH_INTERFACE',
      `there is no interface ${name} in this network namespace`,
      'list the interfaces with: ip link',
      {
        cause,
      },
    );
  }
}

async function openLab(source: LabSource, options: Options): Promise<PacketSource> {
  const network = await createLabNetwork({ addon: native, ...(source.injection === 'auto' ? {} : { injection: source.injection }) });
  const { traffic, flows, packetsPerFlow, packetsPerSecond, rounds } = source;
  const shape = {
    seed: options.seed,
    flows,
    packetsPerFlow,
    queues: network.queues,
    ...(traffic === undefined ? {} : { classes: traffic }),
  };
  const { promise: ended, resolve, reject } = settleable();
  let injector: Injector | undefined;
  let running: Promise<void> = Promise.resolve();
  const halt = (): Promise<void> => {
    injector?.stop();
    return running;
  };
  return {
    info: {
      kind: 'lab',
      interface: network.interface,
      injection: network.injection,
      seed: options.seed,
      ...(traffic === undefined ? {} : { traffic }),
    },
    interface: network.interface,
    ifindex: describe(network.interface).index,
    loopback: false,
    ended,
    prepare: () => {
      injector = network.createInjector(generateTraffic(shape));
    },
    start: () => {
      if (injector === undefined) throw new TypeError('the source was not prepared');
      // The sender's CPU is the one that receives. Should the scheduler move it, mode cpu would part flows in the lab that no NIC would.
      const pinned = options.mode === 'cpu' ? { cpu: firstAllowedCpu() } : {};
      const plan = { rounds: rounds === 'endless' ? 0 : rounds, packetsPerSecond, ...pinned };
      running = injector.run(plan).then(resolve, (cause: Error) => reject(sendingFailed(network.interface, cause)));
    },
    stop: halt,
    offered: () => injector?.counters.packets ?? 0,
    close: async () => {
      await halt();
      network.close();
    },
  };
}

function firstAllowedCpu(): number {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return parseCpuList(list)?.[0] ?? 0;
}

interface Settleable {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function settleable(): Settleable {
  let resolve = (): void => {};
  let reject = (_: Error): void => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // A failure is reported by whoever waits; if nobody does any more, it must not end the process.
  promise.catch(() => {});
  return { promise, resolve, reject };
}

function sendingFailed(interfaceName: string, cause: Error): FanoutError {
  return new FanoutError(
    'LAB_FAILED',
    `the lab could not send on ${interfaceName}: ${cause.message}`,
    'start again; if it persists, try --lab-interface veth',
    {
      cause,
    },
  );
}
