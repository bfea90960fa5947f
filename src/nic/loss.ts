/** Whether packets come at all, and which are lost before the group could get them. Pure. */
import { isTold, type NicFacts } from './facts.ts';
import { type NicFinding, nicFinding } from './findings.ts';
import { usesRps } from './places.ts';

export function lossFindings(facts: NicFacts): readonly NicFinding[] {
  const nicDrops = growingCounters(facts);
  return [...linkFindings(facts), ...nicFindings(facts, nicDrops), ...backlogFindings(facts)];
}

function linkFindings({ link }: NicFacts): readonly NicFinding[] {
  if (!isTold(link)) return [];
  if (!link.value.isUp) return [nicFinding('link-down', 'problem', {})];
  return link.value.hasCarrier ? [] : [nicFinding('no-carrier', 'problem', {})];
}

interface Counter {
  readonly name: string;
  readonly count: number;
}

function growingCounters({ losses }: NicFacts): readonly Counter[] {
  if (!isTold(losses)) return [];
  const { before, after } = losses.value;
  return Object.entries(after).flatMap(([name, value]) => {
    const count = value - (before[name] ?? value);
    return count > 0 ? [{ name, count }] : [];
  });
}

/** The kernel counts there what no protocol took, too. */
const ALSO_UNWANTED: ReadonlySet<string> = new Set(['rx_dropped', 'rx_nohandler', 'dropped']);

function nicFindings({ losses, rings }: NicFacts, counters: readonly Counter[]): readonly NicFinding[] {
  const isLoss = counters.some(({ name }) => !ALSO_UNWANTED.has(name));
  const isSmall = isTold(rings) && rings.value.rx < rings.value.rxMost;
  return [
    ...(counters.length > 0 && isTold(losses)
      ? [nicFinding('nic-drops', isLoss ? 'problem' : 'warning', { counters, ms: losses.value.ms })]
      : []),
    ...(isSmall ? [nicFinding('ring-small', isLoss ? 'warning' : 'note', { rx: rings.value.rx, most: rings.value.rxMost })] : []),
  ];
}

/** Where another CPU, or the other end of a veth pair, puts packets into a backlog. */
function backlogFindings(facts: NicFacts): readonly NicFinding[] {
  const { softnet, backlogMax, kind } = facts;
  const hasBacklog = usesRps(facts) || (isTold(kind) && kind.value === 'veth');
  const backlog = isTold(backlogMax) ? backlogMax.value : null;
  const rows = isTold(softnet)
    ? softnet.value.after.flatMap(({ cpu, dropped, flowLimited }) => {
        const before = softnet.value.before.find((row) => row.cpu === cpu);
        const count = before === undefined ? 0 : since(before.dropped, dropped) + since(before.flowLimited, flowLimited);
        return count > 0 ? [{ cpu, count }] : [];
      })
    : [];
  const ms = isTold(softnet) ? softnet.value.ms : 0;
  return [
    ...(rows.length > 0 ? [nicFinding('softnet-drops', hasBacklog ? 'problem' : 'warning', { rows, ms, backlog })] : []),
    ...(rows.length === 0 && hasBacklog && backlog !== null && backlog <= BACKLOG_DEFAULT
      ? [nicFinding('backlog-small', 'warning', { backlog })]
      : []),
  ];
}

/** Of 32 bits, which begin again at 0. */
function since(before: number, after: number): number {
  return (after - before) >>> 0;
}

/** Of every kernel, and soon full at 10 Gbit/s. */
const BACKLOG_DEFAULT = 1000;
