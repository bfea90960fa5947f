/** The lab of a simulated world: a sender that is asked for rounds at a rate, and a link that is taken down and up. */
import type { PacketSource, SendPlan } from '../../src/collector/source/sources.ts';
import type { LabSource } from '../../src/options/options.ts';
import type { FlowTruth } from '../../src/traffic/traffic.ts';
import { MS } from './clock.ts';
import type { Flow } from './traffic.ts';
import type { World } from './world.ts';

/** CPU time of the sender for a packet, on the CPU that also receives it, and for each group that gets it. */
export const SEND_CPU_NS = 23_300;
export const DELIVERY_CPU_NS = 7700;
/** As the sending thread names itself (native/lab/inject.cpp). */
const SENDER_NAME = 'lab-inject';
const LINK_DOWN_NS = 2 * MS;

/** What was sent by one plan. */
export interface Sending {
  readonly asked: number;
  readonly fromNs: number;
  untilNs: number;
  packets: number;
  /** In full rings, before it began. */
  readonly dropsBefore: number;
}

export class SimulatedLab {
  readonly #world: World;
  readonly #source: LabSource;
  readonly #packetNs: number;
  readonly sendings: Sending[] = [];
  offered = 0;
  #isSending = false;
  #isStopped = false;
  #running = Promise.resolve();

  constructor(world: World, source: LabSource) {
    this.#world = world;
    this.#source = source;
    this.#packetNs = SEND_CPU_NS + DELIVERY_CPU_NS * world.scenario.groups.length;
  }

  get cpuNs(): number {
    return this.offered * this.#packetNs;
  }

  /** Of the process, which does nothing else that takes time; of the thread, while there is one. */
  readonly cpu = {
    processCpuNs: (): number => this.cpuNs,
    threadCpuNs: (name: string): number | undefined => (name === SENDER_NAME && this.#isSending ? this.cpuNs : undefined),
  };

  readonly send = (plan: SendPlan): Promise<void> => {
    this.#running = this.#send(plan);
    return this.#running;
  };

  #send({ rounds, packetsPerSecond }: SendPlan): Promise<void> {
    const { clock, kernel, traffic } = this.#world;
    const { packets } = traffic;
    const count = rounds === 'endless' ? Number.POSITIVE_INFINITY : rounds * packets.length;
    // Nobody can be faster than the CPU.
    const intervalNs = packetsPerSecond === 0 ? this.#packetNs : Math.max(this.#packetNs, Math.round(1e9 / packetsPerSecond));
    const sending = { asked: packetsPerSecond, fromNs: clock.nowNs, untilNs: clock.nowNs, packets: 0, dropsBefore: kernel.drops };
    this.sendings.push(sending);
    this.#isSending = true;
    this.#isStopped = false;
    return new Promise((resolve) => {
      const next = (): void => {
        sending.untilNs = clock.nowNs;
        const packet = packets[sending.packets % packets.length];
        if (packet === undefined || this.#isStopped || sending.packets >= count) {
          this.#isSending = false;
          return void clock.tell(clock.nowNs, resolve);
        }
        sending.packets += 1;
        this.offered += 1;
        kernel.receive({ ...packet, id: this.offered });
        clock.in(intervalNs, next);
      };
      next();
    });
  }

  /** As fast as the link helper does it; who waits hears of it later. */
  #flapLink(): Promise<void> {
    const { clock, kernel } = this.#world;
    kernel.setDown();
    return new Promise((resolve) => {
      clock.in(LINK_DOWN_NS, () => {
        kernel.setUp();
        clock.tell(clock.nowNs, resolve);
      });
    });
  }

  get source(): PacketSource {
    const { kernel, scenario, traffic } = this.#world;
    const { rounds, packetsPerSecond } = this.#source;
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    return {
      info: { kind: 'lab', interface: kernel.interfaceName, seed: scenario.seed },
      interface: kernel.interfaceName,
      ifindex: kernel.ifindex,
      loopback: false,
      ended,
      prepare: () => {},
      start: () => void this.send({ rounds, packetsPerSecond }).then(end),
      send: this.send,
      flapLink: () => this.#flapLink(),
      stop: () => {
        this.#isStopped = true;
        return this.#running;
      },
      offered: () => this.offered,
      offeredPerSecond: () => {
        const last = this.sendings.at(-1);
        return last === undefined ? undefined : Math.round(rateOf(last));
      },
      truth: () => traffic.flows.map((flow) => this.#truthOf(flow)),
      warnings: () => [],
      close: async () => {},
    };
  }

  /** Of one round. */
  #truthOf({ index, stack }: Flow): FlowTruth {
    const own = this.#world.traffic.packets.filter(({ flow }) => flow?.index === index);
    const forward = own.filter(({ direction }) => direction === 0);
    const bytes = (packets: typeof own): number => packets.reduce((sum, packet) => sum + packet.bytes, 0);
    const both = { forward: forward.length, reverse: own.length - forward.length };
    const all = { forward: bytes(forward), reverse: bytes(own) - bytes(forward) };
    return { id: index, class: 'simulated', stack, stacks: [stack], initiator: 'forward', packets: both, bytes: all };
  }
}

/** Packets a second. */
export function rateOf({ packets, fromNs, untilNs }: Sending): number {
  return untilNs === fromNs ? 0 : (packets * 1e9) / (untilNs - fromNs);
}
