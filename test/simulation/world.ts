/** All of a simulated run beside the collector: kernel, processes, packets, and what goes wrong with them. */
import { MS, SimulatedClock } from './clock.ts';
import { SimulatedCrew } from './crew.ts';
import { Dice } from './dice.ts';
import { Kernel, type Unlinking } from './kernel.ts';
import { tellLie } from './lies.ts';
import type { SimulatedProcess } from './process.ts';
import { ADDED_MAX, type Fault, type Scenario, type StartFault } from './scenario.ts';
import type { HashTrait } from './steering.ts';
import { makeTraffic, type Packet, type Traffic } from './traffic.ts';

const STREAM = { traffic: 1, start: 2, modes: 3, blindness: 4, vanishing: 5, lanes: 10, pace: 1000 } as const;
const START_DELAY_MAX_NS = 10 * MS;

/** A look of the collector at the groups of this host. */
export interface Look {
  readonly ns: number;
  /** Sockets of others, by the group that they are in. */
  readonly foreign: readonly { readonly groupId: number; readonly inode: number }[];
}

/** Of a foreign socket in a group. */
export interface Visit {
  readonly groupId: number;
  readonly fromNs: number;
  untilNs: number;
}

/** What a world may have of another one, or do otherwise. */
export interface WorldParts {
  readonly clock?: SimulatedClock;
  readonly unlinking?: Unlinking;
}

export class World {
  readonly scenario: Scenario;
  readonly clock: SimulatedClock;
  readonly kernel: Kernel;
  readonly crew: SimulatedCrew;
  readonly traffic: Traffic;
  readonly abort = new AbortController();
  readonly looks: Look[] = [];
  /** Of each group the epochs after the first, and when a worker first heard of each. */
  readonly announced: readonly Map<number, number>[];
  readonly visits: Visit[] = [];
  /** What happened, when. */
  readonly events: { readonly ns: number; readonly what: string }[] = [];
  /** Faults that took effect. */
  readonly suffered: (Fault | StartFault)[] = [];
  /** What workers could not bear of their collector. */
  readonly defects: unknown[] = [];
  readonly #blindness: Dice;
  readonly #choked = new Set<number>();
  readonly #startDice: Dice;
  readonly #paceDice: Dice;
  begunNs: number | undefined;
  /** Packets of the lab that are out. */
  sent = 0;
  onAdd: () => void = () => {};

  /** @param interleaving another one has the same truth, told by messages that take other times */
  constructor(scenario: Scenario, interleaving = 0, { clock = new SimulatedClock(), unlinking }: WorldParts = {}) {
    this.scenario = scenario;
    this.clock = clock;
    const { seed } = scenario;
    this.announced = scenario.groups.map(() => new Map());
    this.#startDice = new Dice(seed, STREAM.start);
    this.#paceDice = new Dice(seed, STREAM.pace + interleaving);
    const modes = new Dice(seed, STREAM.modes);
    this.#blindness = new Dice(seed, STREAM.blindness);
    const key = modes.between(1, 2 ** 31);
    this.kernel = new Kernel(
      this.clock,
      (lane, mode, flags) => ({
        mode,
        rollsOver: (flags & 0x1000) !== 0,
        trait: scenario.traits[lane] ?? ('sound' satisfies HashTrait),
        key,
        dice: new Dice(seed, STREAM.lanes + lane),
        hasProgram: scenario.groups[lane]?.cbpfProgram !== 'none',
        turns: 0,
      }),
      unlinking,
    );
    this.traffic = makeTraffic(scenario.traffic, new Dice(seed, STREAM.traffic));
    this.crew = new SimulatedCrew(scenario.procs, this.clock, (index) => this.#processOf(index));
    this.crew.lingerNs = () => this.#dice().between(0, scenario.lingerNs);
    for (const fault of scenario.startFaults) this.clock.at(fault.atNs, () => this.#go(fault));
    if (scenario.source === 'live') this.#sendEarly(0);
  }

  trace(what: string): void {
    this.events.push({ ns: this.clock.nowNs, what });
  }

  /** Until the capture begins nothing depends on the interleaving. */
  #dice(): Dice {
    return this.begunNs === undefined ? this.#startDice : this.#paceDice;
  }

  #processOf(index: number) {
    const { messageNs, wakeNs, ringPackets, changesIntervalNs } = this.scenario;
    const dice = (): Dice => this.#dice();
    return {
      clock: this.clock,
      kernel: this.kernel,
      pace: {
        dice,
        messageNs: () => 20_000 + dice().skewed(this.#paced(messageNs[index])),
        wakeNs: () => 10_000 + dice().skewed(this.#paced(wakeNs[index])),
        noticeNs: () => Math.floor(dice().real() ** 2 * this.#paced(this.scenario.noticeNs)),
      },
      ringPackets,
      changesIntervalNs,
      isChoked: () => this.#choked.has(index),
      trace: (what: string) => this.trace(what),
      onDefect: (error: unknown) => this.defects.push(error),
      onEpoch: (lane: number, epoch: number) => this.#onEpoch(lane, epoch),
    };
  }

  /** A worker is slow when it captures. */
  #paced(ns = MS): number {
    return this.begunNs === undefined ? Math.min(ns, START_DELAY_MAX_NS) : ns;
  }

  #onEpoch(lane: number, epoch: number): void {
    const announced = this.announced[lane];
    if (announced === undefined || announced.has(epoch)) return;
    announced.set(epoch, this.clock.nowNs);
    this.trace(`epoch ${epoch} of group ${lane} is announced`);
  }

  // ---- packets

  /** Live traffic does not wait for anybody. */
  #sendEarly(i: number): void {
    const { packets } = this.traffic;
    const packet = packets[i % Math.max(1, packets.length)];
    if (packet === undefined) return;
    this.clock.in(1_100_000, () => {
      if (this.begunNs !== undefined) return;
      this.kernel.receive({ ...packet, id: -1 - i, rank: 1 + ((2 ** 21 + i) % (2 ** 22 - 1)) });
      this.#sendEarly(i + 7);
    });
  }

  /** From now on packets come as planned, and faults too. */
  begin(): void {
    this.begunNs = this.clock.nowNs;
    this.trace('the capture begins');
    for (const fault of this.scenario.faults) this.clock.at(this.begunNs + fault.atNs, () => this.#go(fault));
    if (this.scenario.source === 'live') this.sendAll(() => {});
  }

  sendAll(onSent: () => void): void {
    const { packets } = this.traffic;
    const begun = this.clock.nowNs;
    const vanishing = new Dice(this.scenario.seed, STREAM.vanishing);
    const next = (i: number): void => {
      const packet = packets[i];
      if (packet === undefined) return void this.clock.tell(this.clock.nowNs, onSent);
      // Of a live capture, what would have come before it began.
      if (packet.atNs < 0) return next(i + 1);
      this.clock.at(begun + packet.atNs, () => {
        if (this.#isStopped) return;
        this.sent += 1;
        if (!vanishing.chance(this.scenario.vanishing)) this.kernel.receive(packet);
        next(i + 1);
      });
    };
    next(0);
  }

  #isStopped = false;

  stopSending(): void {
    if (this.scenario.source !== 'live') this.#isStopped = true;
  }

  // ---- what goes wrong

  #go(fault: Fault | StartFault): void {
    if (this.#suffer(fault)) {
      this.suffered.push(fault);
      this.trace(JSON.stringify(fault));
    }
  }

  /** False if it came to nothing. */
  #suffer(fault: Fault | StartFault): boolean {
    const process = 'member' in fault ? this.crew.processes[fault.member] : undefined;
    if ('member' in fault && (process === undefined || process.isDead)) return false;
    switch (fault.kind) {
      case 'kill':
        process?.die('signal SIGKILL', false, this.#dice().between(0, this.scenario.lingerNs), 'keptShare' in fault ? fault.keptShare : 1);
        return true;
      case 'stop':
        process?.stop();
        if ('forNs' in fault) this.clock.in(fault.forNs, () => process?.resume());
        return true;
      case 'hang-up':
        for (const member of process?.members ?? []) member.hangUp();
        return true;
      case 'lie':
        return this.#lie(process, fault);
      case 'choke':
        this.#choked.add(fault.member);
        return true;
      case 'hold':
        this.clock.holdUntil(this.clock.nowNs + fault.forNs);
        return true;
      case 'step':
        this.clock.step({ atNs: this.clock.nowNs, byNs: fault.byNs });
        return true;
      case 'foreign':
        return this.#joinForeign('forNs' in fault ? fault.forNs : undefined);
      case 'flap':
        if (!this.kernel.isUp) return false;
        this.kernel.setDown();
        if (fault.renames) this.kernel.interfaceName = 'cap1';
        this.clock.in(fault.forNs, () => this.kernel.setUp());
        return true;
      case 'remove':
        this.kernel.remove();
        return true;
      case 'signal':
        this.clock.tell(this.clock.nowNs, () => this.abort.abort());
        return true;
      case 'add':
        this.clock.tell(this.clock.nowNs, () => this.onAdd());
        return true;
    }
  }

  #lie(process: SimulatedProcess | undefined, { lie }: Extract<Fault, { kind: 'lie' }> | Extract<StartFault, { kind: 'lie' }>): boolean {
    const member = process?.members[0];
    if (process === undefined || member === undefined) return false;
    let isTold = true;
    process.whenRunning(() => {
      isTold = tellLie(lie, process, member);
    });
    return isTold;
  }

  #joinForeign(forNs: number | undefined): boolean {
    const [group] = this.kernel.groups.values();
    if (group === undefined || !this.kernel.isThere || group.slots.length === 0) return false;
    const socket = this.kernel.open(-1, Number.POSITIVE_INFINITY, 10);
    socket.accepts = true;
    if (this.kernel.join(socket, 0, group.id, modeNumberOf(group.steering.mode), group.flags, 0) < 0) return false;
    const visit: Visit = { groupId: group.id, fromNs: this.clock.nowNs, untilNs: Number.POSITIVE_INFINITY };
    this.visits.push(visit);
    if (forNs !== undefined) {
      this.clock.in(forNs, () => {
        this.kernel.close(socket);
        visit.untilNs = this.clock.nowNs;
      });
    }
    return true;
  }

  // ---- what the collector sees of this host

  groupsSeen() {
    const groups = this.kernel.list();
    const ours = new Set(
      this.crew.processes.flatMap(({ members }) => members.flatMap(({ socket }) => (socket === undefined ? [] : [socket.inode]))),
    );
    const foreign = groups.flatMap(({ id, inodes }) => inodes.filter((inode) => !ours.has(inode)).map((inode) => ({ groupId: id, inode })));
    if (this.#blindness.chance(this.scenario.blindness)) return undefined;
    this.looks.push({ ns: this.clock.nowNs, foreign });
    return groups;
  }

  /** As /proc/net/packet has it: sockets, but not their groups. */
  capturing(): readonly number[] {
    return this.kernel.list().flatMap(({ inodes }) => inodes);
  }

  ownersOf(inodes: readonly number[]): readonly string[] {
    return inodes.map((inode) => `suricata (pid ${inode - 40_000})`);
  }

  interfaceAt(ifindex: number): { readonly name: string; readonly up: boolean } | undefined {
    const { kernel } = this;
    return kernel.isThere && ifindex === kernel.ifindex ? { name: kernel.interfaceName, up: kernel.isUp } : undefined;
  }
}

export type { Packet };
export { ADDED_MAX };

function modeNumberOf(mode: string): number {
  return ['hash', 'lb', 'cpu', 'rollover', 'rnd', 'qm', 'cbpf', 'ebpf'].indexOf(mode);
}
