/** What happens in the run of one seed: all of it decided beforehand, so that it can be shown and repeated. */

import type { FanoutMode } from '../../src/model/fanout.ts';
import type { RawOptions } from '../../src/options/table.ts';
import { MS } from './clock.ts';
import { Dice } from './dice.ts';
import type { HashTrait } from './steering.ts';
import type { FlowKind, TrafficPlan } from './traffic.ts';

export const LIES = [
  'garbage',
  'an empty frame',
  'a frame too long',
  'half a frame',
  'a batch cut short',
  'a batch of another member',
  'a batch of an epoch beyond counting',
  'a batch of an epoch that nobody announced',
  'a second hello',
  'armed again',
  'an unknown kind',
  'counters of the wrong shape',
  'finished, unasked',
  'observations told twice',
  'more judged than told',
  'a failure',
  'its end, in order',
  'an untimely joined',
] as const;
export type Lie = (typeof LIES)[number];

/** What happens from outside. Times are nanoseconds since the capture began. */
export type Fault = { readonly atNs: number } & (
  | { readonly kind: 'kill'; readonly member: number; readonly keptShare: number }
  | { readonly kind: 'stop'; readonly member: number; readonly forNs: number }
  | { readonly kind: 'hang-up'; readonly member: number }
  | { readonly kind: 'lie'; readonly member: number; readonly lie: Lie }
  | { readonly kind: 'choke'; readonly member: number }
  | { readonly kind: 'hold'; readonly forNs: number }
  | { readonly kind: 'step'; readonly byNs: number }
  /** A foreign socket is in the group for so long. */
  | { readonly kind: 'foreign'; readonly forNs: number }
  | { readonly kind: 'flap'; readonly forNs: number; readonly renames: boolean }
  | { readonly kind: 'remove' }
  | { readonly kind: 'signal' }
  /** A process is added on purpose. */
  | { readonly kind: 'add' }
);

/** What goes wrong before the capture. */
export type StartFault =
  | { readonly kind: 'kill'; readonly member: number; readonly atNs: number }
  | { readonly kind: 'stop'; readonly member: number; readonly atNs: number }
  | { readonly kind: 'lie'; readonly member: number; readonly atNs: number; readonly lie: Lie }
  | { readonly kind: 'foreign'; readonly atNs: number }
  | { readonly kind: 'hold'; readonly atNs: number; readonly forNs: number }
  | { readonly kind: 'signal'; readonly atNs: number }
  | { readonly kind: 'step'; readonly atNs: number; readonly byNs: number };

export interface Scenario {
  readonly seed: number;
  readonly theme: Theme;
  readonly source: 'live' | 'lab' | 'pcap';
  readonly kernelRelease: string;
  /** Of one group, or of several on the same packets. */
  readonly groups: readonly RawOptions[];
  readonly traits: readonly HashTrait[];
  readonly procs: number;
  readonly traffic: TrafficPlan;
  readonly ringPackets: number;
  readonly changesIntervalNs: number;
  /** Most that messages and threads take, by member. */
  readonly messageNs: readonly number[];
  readonly wakeNs: readonly number[];
  /** Most that a killed process keeps its sockets. */
  readonly lingerNs: number;
  /** Most that the collector takes to hear of the end of a process. */
  readonly noticeNs: number;
  /** Share of what the lab sends that is lost before any socket. */
  readonly vanishing: number;
  /** Share of looks at the kernel's packet sockets that fail; all of them without CONFIG_PACKET_DIAG. */
  readonly blindness: number;
  readonly startFaults: readonly StartFault[];
  readonly faults: readonly Fault[];
}

const THEMES = [
  [34, 'quiet'],
  [8, 'loss'],
  [8, 'link'],
  [8, 'foreign'],
  [9, 'death'],
  [6, 'hang'],
  [6, 'clock'],
  [8, 'lies'],
  [4, 'held'],
  [5, 'churn'],
  [4, 'together'],
  [5, 'start'],
  [12, 'mixed'],
] as const;
export type Theme = (typeof THEMES)[number][1];

const STREAM = { scenario: 0 } as const;

export function makeScenario(seed: number): Scenario {
  const dice = new Dice(seed, STREAM.scenario);
  const theme = dice.weighted<Theme>(THEMES);
  const source = sourceOf(theme, dice);
  const procs =
    theme === 'quiet' && dice.chance(0.04)
      ? 1
      : dice.weighted([
          [4, 2],
          [4, 3],
          [3, 4],
          [2, 5],
          [1, 8],
          [0.3, 16],
        ] as const);
  const durationMs = theme === 'hang' || theme === 'held' ? dice.between(900, 2600) : dice.between(60, 1100);
  const count = theme === 'together' ? dice.between(2, 3) : 1;
  const common = commonOf(theme, source, procs, durationMs, dice);
  const plans = Array.from({ length: count }, () => steeringOf(theme, dice));
  const slow = dice.chance(0.2) ? dice.between(0, procs - 1) : -1;
  const faults = faultsOf(theme, source, procs, durationMs, dice).sort((a, b) => a.atNs - b.atNs);
  const traffic = trafficOf(theme, source, durationMs, momentsOf(faults), dice);
  return {
    seed,
    theme,
    source,
    kernelRelease: dice.weighted([
      [6, '6.18.44'],
      [1, '4.4.0-21-generic'],
      [1, '5.10.100'],
      [1, '6.1.20'],
    ] as const),
    groups: plans.map(({ raw }) => ({ ...common, ...raw })),
    traits: plans.map(({ trait }) => trait),
    procs,
    traffic,
    ringPackets:
      theme === 'loss' || (theme === 'mixed' && dice.chance(0.3)) ? dice.pick([dice.between(3, 30), dice.between(20, 70)]) : 1 << 20,
    changesIntervalNs:
      dice.weighted([
        [1, 60],
        [2, 300],
        [1, 5000],
      ] as const) * MS,
    messageNs: Array.from({ length: procs + ADDED_MAX }, (_, member) =>
      member === slow ? dice.between(10, 150) * MS : dice.pick([1, 3, 8]) * MS,
    ),
    wakeNs: Array.from({ length: procs + ADDED_MAX }, (_, member) =>
      member === slow ? dice.between(5, 20) * MS : dice.pick([0.2, 1, 4]) * MS,
    ),
    lingerNs:
      dice.weighted([
        [2, 5],
        [2, 60],
        [1, 700],
      ] as const) * MS,
    noticeNs:
      dice.weighted([
        [3, 2],
        [1, 150],
      ] as const) * MS,
    vanishing: source !== 'live' && theme === 'loss' && dice.chance(0.2) ? 0.02 : 0,
    blindness: source !== 'live' || dice.chance(0.88) ? 0 : dice.pick([0.4, 0.8, 1]),
    startFaults: theme === 'start' ? startFaultsOf(procs, dice) : [],
    faults,
  };
}

/** Processes that a run may add. */
export const ADDED_MAX = 3;

function sourceOf(theme: Theme, dice: Dice): Scenario['source'] {
  if (theme === 'loss')
    return dice.weighted([
      [1, 'live'],
      [1, 'lab'],
      [0.3, 'pcap'],
    ] as const);
  if (theme === 'link' || theme === 'foreign' || theme === 'clock') return 'live';
  return dice.weighted([
    [5, 'live'],
    [3, 'lab'],
    [1, 'pcap'],
  ] as const);
}

/** What the groups of a run have in common. */
function commonOf(theme: Theme, source: Scenario['source'], procs: number, durationMs: number, dice: Dice): RawOptions {
  const tolerated = ['tunnel-outer-only', 'duplicated', 'fragment-v4', 'lb-by-design', 'rnd-by-design', 'hash-asymmetric'];
  return {
    ...(source === 'live' ? { interface: 'cap0', duration: `${durationMs}ms` } : {}),
    ...(source === 'pcap' ? { pcap: 'trace.pcap' } : {}),
    procs: `${procs}`,
    ...(dice.chance(0.1) ? { ignoreOutgoing: true } : {}),
    ...(theme !== 'together' && dice.chance(theme === 'foreign' ? 0.85 : 0.3) ? { groupId: `${dice.between(1, 60)}` } : {}),
    ...(source === 'live' ? limitsOf(dice) : {}),
    ...(theme === 'quiet' && dice.chance(0.1) ? { failFast: true } : {}),
    ...(dice.chance(0.08) ? { tolerate: tolerated.filter(() => dice.chance(0.6)) } : {}),
    workerTimeout: `${dice.between(500, 1200)}ms`,
    blockTimeout: `${dice.pick([1, 5, 10, 30])}`,
    maxLoss: dice.pick(['0', '1', '5', '30']),
    seed: '1',
  };
}

function limitsOf(dice: Dice): RawOptions {
  if (dice.chance(0.12)) return { maxFlows: `${dice.between(3, 40)}` };
  return dice.chance(0.05) ? { maxPackets: `${dice.between(50, 300)}` } : {};
}

function steeringOf(theme: Theme, dice: Dice): { readonly raw: RawOptions; readonly trait: HashTrait } {
  const rollsOver = dice.chance(theme === 'loss' ? 0.3 : 0.08);
  const others = rollsOver ? 3 : 1;
  const mode = dice.weighted<FanoutMode>([
    [14, 'hash'],
    [1, 'lb'],
    [1, 'rnd'],
    [others, 'qm'],
    [others, 'cpu'],
    [others, 'cbpf'],
    [1, 'rollover'],
  ]);
  const trait = dice.weighted<HashTrait>([
    [10, 'sound'],
    [2, 'directed'],
    [2, 'directed-some'],
    [1, 'top-bit'],
    [1, 'label'],
    [2, 'scattered'],
  ]);
  const program = mode === 'cbpf' ? { cbpfProgram: dice.chance(0.2) ? 'none' : 'program.txt' } : {};
  return { trait, raw: { mode, ...program, ...(mode !== 'rollover' && rollsOver ? { rollover: true } : {}) } };
}

function momentsOf(faults: readonly Fault[]): readonly number[] {
  return faults.flatMap((fault) => ('forNs' in fault && fault.forNs < 1000 * MS ? [fault.atNs, fault.atNs + fault.forNs] : [fault.atNs]));
}

function trafficOf(theme: Theme, source: Scenario['source'], durationMs: number, moments: readonly number[], dice: Dice): TrafficPlan {
  const plain = [
    [6, 'tcp4'],
    [2, 'tcp6'],
    [1, 'vlan'],
  ] as const;
  const odd: readonly FlowKind[] = [
    'top-bit',
    'labelled',
    'mpls',
    'vxlan',
    'esp',
    'stale',
    'fragments',
    'gtpu-fragments',
    'vxlan-fragments',
    'copies',
    'twins',
    'errors',
    'one-way',
  ];
  const kinds: [number, FlowKind][] = plain.map(([weight, kind]) => [weight, kind]);
  if (dice.chance(0.7)) for (let i = dice.between(1, 4); i > 0; i -= 1) kinds.push([dice.pick([0.5, 2]), dice.pick(odd)]);
  if (dice.chance(0.05)) kinds.splice(0, 3);
  // Nearly nothing but flows whose directions go where they like.
  if (dice.chance(0.05)) kinds.splice(0, kinds.length, [9, dice.pick(['esp', 'vxlan'])], [1, 'tcp4']);
  if (kinds.length === 0) kinds.push([1, dice.pick(odd)]);
  const isLive = source === 'live';
  const isQuiet = theme === 'quiet' || theme === 'start';
  return {
    flows: dice.weighted([
      [1, 0],
      [2, 3],
      [4, 25],
      [5, 50],
      [3, 90],
    ] as const),
    kinds,
    packetsPerFlow: dice.pick([
      [2, 3],
      [2, 8],
      [4, 12],
    ] as const),
    fromNs: isLive ? -20 * MS : 0,
    toNs: isLive ? (durationMs + 120) * MS : dice.between(isQuiet ? 5 : durationMs >> 1, durationMs) * MS,
    moments,
    drawn: moments.length === 0 ? 0 : dice.pick([0, 0.4, 0.9]),
    backlogNs: 19 * MS,
    lateNs: 2 * MS,
    waiting: dice.pick([0, 0.1, 0.5]),
    symmetricQueues: dice.chance(0.6),
    symmetricProgram: dice.chance(0.6),
    strays: dice.chance(0.3) ? dice.between(1, 20) : 0,
    outgoing: theme === 'quiet' && dice.chance(0.1) ? 0.1 : 0,
  };
}

function faultsOf(theme: Theme, source: Scenario['source'], procs: number, durationMs: number, dice: Dice): Fault[] {
  // Some come when the run has ended already, or while it ends; and many within a moment of another.
  let lastNs = 0;
  const at = (): number => {
    const apartNs = dice.pick([12, 120]) * MS;
    const isNear = dice.chance(0.4) && lastNs > 0;
    lastNs = isNear ? Math.max(0, lastNs + dice.between(-apartNs, apartNs)) : dice.between(0, (durationMs + 40) * 1000) * 1000;
    return lastNs;
  };
  const member = (): number => dice.between(0, procs - 1);
  const isLive = source === 'live';
  const kill = (): Fault => ({ kind: 'kill', member: member(), atNs: at(), keptShare: dice.real() });
  const flap = (): Fault => ({ kind: 'flap', atNs: at(), forNs: dice.skewed(400 * MS) + 10_000, renames: dice.chance(0.1) });
  const foreign = (): Fault => ({ kind: 'foreign', atNs: at(), forNs: dice.pick([50, 150, 400, 3000]) * MS });
  const step = (): Fault => ({ kind: 'step', atNs: at(), byNs: (dice.chance(0.7) ? -1 : 1) * dice.pick([1, 15, 40, 130, 700, 5000]) * MS });
  const lie = (): Fault => ({ kind: 'lie', member: member(), atNs: at(), lie: dice.pick(LIES) });
  const stop = (): Fault => ({ kind: 'stop', member: member(), atNs: at(), forNs: dice.pick([100, 400, 5000]) * MS });
  const hold = (): Fault => ({ kind: 'hold', atNs: at(), forNs: dice.pick([30, 200, 600, 3000]) * MS });
  const several = (make: () => Fault, most: number): Fault[] => Array.from({ length: dice.between(1, most) }, make);
  switch (theme) {
    case 'quiet':
    case 'start':
      return [];
    case 'together':
      return dice.chance(0.6) ? [] : several(dice.pick(isLive ? [kill, lie, flap, step, stop] : [kill, lie, stop]), 2);
    case 'loss':
      return dice.chance(0.5)
        ? [{ ...stop(), forNs: 100 * MS } as Fault]
        : dice.chance(0.3)
          ? [{ kind: 'choke', member: member(), atNs: at() }]
          : [];
    case 'link':
      return [
        ...several(flap, 3),
        ...(dice.chance(0.15) ? [{ kind: 'remove', atNs: at() } as const] : []),
        ...(dice.chance(0.4) ? [kill()] : []),
      ];
    case 'foreign':
      return [...several(foreign, 2), ...(dice.chance(0.5) ? several(kill, 2) : [])];
    case 'death':
      return dice.chance(0.5) ? oneAfterAnother(procs, at(), dice.pick([3, 60, 200]) * MS, dice) : several(kill, 3);
    case 'hang':
      return [...several(stop, 2), ...(dice.chance(0.3) ? [{ kind: 'hang-up', member: member(), atNs: at() } as const] : [])];
    case 'clock': {
      const others = dice.chance(0.7) ? several(dice.pick([kill, foreign, flap]), 2) : [];
      // Set in the moment in which the group changes.
      const meanwhile = others.map((other): Fault => ({ ...step(), atNs: other.atNs + dice.between(0, 10 * MS) }));
      return [...several(step, 2), ...others, ...meanwhile.filter(() => dice.chance(0.5))];
    }
    case 'lies':
      return [...several(lie, 2), ...(dice.chance(0.2) ? [kill()] : [])];
    case 'held':
      return [...several(hold, 3), ...(dice.chance(0.3) ? [kill()] : [])];
    case 'churn':
      return [
        ...several(kill, ADDED_MAX).flatMap((killed): Fault[] => [killed, { kind: 'add', atNs: killed.atNs + dice.skewed(200 * MS) }]),
        ...(dice.chance(0.5) ? [dice.pick(isLive ? [kill, flap, foreign, step] : [kill, hold])()] : []),
      ];
    case 'mixed': {
      const live = [flap, foreign, step];
      const makers = [kill, lie, stop, hold, ...(isLive ? live : [])];
      return Array.from({ length: dice.between(1, 5) }, () => dice.pick(makers)());
    }
  }
}

/** Several members within so long. */
function oneAfterAnother(procs: number, atNs: number, withinNs: number, dice: Dice): Fault[] {
  return Array.from({ length: procs }, (_, member) => member)
    .filter(() => dice.chance(0.6))
    .map((member) => ({ kind: 'kill', member, atNs: atNs + dice.between(0, withinNs), keptShare: dice.real() }));
}

function startFaultsOf(procs: number, dice: Dice): StartFault[] {
  const at = (): number => dice.between(0, 60) * MS;
  const member = (): number => dice.between(0, procs - 1);
  const makers: readonly (() => StartFault)[] = [
    () => ({ kind: 'kill', member: member(), atNs: at() }),
    () => ({ kind: 'stop', member: member(), atNs: at() }),
    () => ({ kind: 'lie', member: member(), atNs: at(), lie: dice.pick(LIES) }),
    () => ({ kind: 'foreign', atNs: at() }),
    () => ({ kind: 'hold', atNs: at(), forNs: dice.pick([50, 500, 3000]) * MS }),
    () => ({ kind: 'signal', atNs: at() }),
    () => ({ kind: 'step', atNs: at(), byNs: dice.pick([-5000, -30, 30, 5000]) * MS }),
  ];
  return Array.from({ length: dice.between(1, 2) }, () => dice.pick(makers)());
}
