/** What a host says of an interface, in a few words each. Pure. */
import { listed } from '../../collector/words/english.ts';
import type { Growing, NicFacts, SoftnetRow } from '../../nic/facts.ts';

type ValueOf<F> = Extract<F, { readonly value: unknown }>['value'];
type Texts = { readonly [Id in Exclude<keyof NicFacts, 'name' | 'hashFields'>]: (value: ValueOf<NicFacts[Id]>) => string };

const NONE = 'none';
const list = (names: readonly (string | number)[], most?: number): string => (names.length === 0 ? NONE : listed(names.map(String), most));
const onOff = (value: boolean): string => (value ? 'on' : 'off');
const switchedOn = (all: Readonly<Record<string, boolean>>): string =>
  list(
    Object.entries(all)
      .filter(([, isOn]) => isOn)
      .map(([name]) => name),
    6,
  );

/** Others change nothing of what is received. */
const OF_RECEIVING: ReadonlySet<string> = new Set([
  'generic-receive-offload',
  'large-receive-offload',
  'rx-gro-hw',
  'rx-gro-list',
  'rx-udp-gro-forwarding',
  'receive-hashing',
  'ntuple-filters',
  'rx-vlan-offload',
]);

const TEXTS: Texts = {
  driver: ({ name, version, bus }) => [name, version, bus].filter((part) => part !== '').join(', '),
  kind: (kind) => kind ?? 'hardware or loopback',
  link: ({ isUp, hasCarrier, mtu, promiscuity }) =>
    `${isUp ? 'up' : 'down'}, ${hasCarrier ? 'carrier' : 'no carrier'}, MTU ${mtu}, promiscuity ${promiscuity}`,
  uppers: (names) => list(names),
  lowers: (names) => list(names),
  master: (master) => master ?? NONE,
  bond: (bond) => (bond === null ? NONE : `${bond.mode}, ${bond.hashPolicy}`),
  queues: ({ used, most }) => (most === null ? `${used}` : `${used} of ${most}`),
  rss: ({ hashFunction, key, table, inputTransform }) =>
    [
      hashFunction ?? 'function not shown',
      key === null ? 'key not shown' : `key ${key.length > KEY_SHOWN ? `${key.slice(0, KEY_SHOWN)}...` : key}`,
      table === null ? 'table not shown' : `${table.length} entries over ${new Set(table).size} queues`,
      ...(inputTransform === null ? [] : [`transform ${inputTransform}`]),
    ].join(', '),
  steeringRules: (count) => String(count),
  features: (all) => switchedOn(Object.fromEntries(Object.entries(all).filter(([name]) => OF_RECEIVING.has(name)))),
  privateFlags: switchedOn,
  rings: ({ rx, rxMost }) => `${rx} of ${rxMost}`,
  coalescing: ({ adaptiveRx, rxUsecs }) => `adaptive-rx ${onOff(adaptiveRx)}, rx-usecs ${rxUsecs}`,
  rps: (queues) => {
    const on = queues.filter(({ rpsCpus }) => rpsCpus.length > 0);
    return on.length === 0 ? 'off' : list(on.map(({ queue, rpsCpus }) => `queue ${queue} to CPU ${list(rpsCpus)}`));
  },
  rfsEntries: (count) => (count === 0 ? 'off' : String(count)),
  threadedNapi: onOff,
  irqs: (irqs) => list(irqs.map(({ name, cpus, effective }) => `${name} on CPU ${list(effective ?? cpus)}`)),
  irqbalance: (isRunning) => (isRunning ? 'running' : 'not running'),
  numaNode: (node) => (node < 0 ? NONE : String(node)),
  cpus: ({ online, isolated }) => `${online.length} online${isolated.length === 0 ? '' : `, isolated ${list(isolated)}`}`,
  losses: grownText,
  softnet: (counters) => softnetText(counters),
  backlogMax: (count) => String(count),
  xdp: (xdp) => (xdp === null ? NONE : `program ${xdp.programId}, ${xdp.mode}`),
  ingress: (kinds) => list(kinds),
  flowDissector: (dissector) =>
    dissector === null ? "the kernel's own" : `program ${dissector.programId}${dissector.isBuiltin ? ' of fanout-cluster' : ''}`,
  groups: (groups) => list(groups.map(({ id, mode, members }) => `${id} (${mode}, ${members})`)),
};

const KEY_SHOWN = 11;

function grownText({ before, after, ms }: Growing<Readonly<Record<string, number>>>): string {
  const grown = Object.entries(after).flatMap(([name, value]) => {
    const count = value - (before[name] ?? value);
    return count > 0 ? [`${name} +${count}`] : [];
  });
  return `${grown.length === 0 ? 'nothing' : listed(grown)} within ${ms} ms`;
}

function softnetText({ before, after, ms }: Growing<readonly SoftnetRow[]>): string {
  const sum = (rows: readonly SoftnetRow[]): number => rows.reduce((all, { dropped, flowLimited }) => all + dropped + flowLimited, 0);
  return `${sum(after) - sum(before)} dropped within ${ms} ms`;
}

/** @param id its name in NicFacts */
export function factText(id: string, value: unknown): string {
  if (id.startsWith('hashFields.')) return value === '' ? NONE : String(value);
  const text: ((value: never) => string) | undefined = TEXTS[id as keyof Texts];
  return text === undefined ? JSON.stringify(value) : text(value as never);
}
