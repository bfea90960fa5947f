/** What must hold of a command's result, by what happened in its worlds. */
import type { ChurnResult } from '../../../src/commands/churn/result.ts';
import type { LoadSample, OwnLoad } from '../../../src/commands/compare/own-load-result.ts';
import type { RaceResult } from '../../../src/commands/race/result.ts';
import { isMeasured, type MeasuredSize, type ScaleResult } from '../../../src/commands/scale/result.ts';
import { MS } from '../clock.ts';
import type { CommandOutcome, CommandRun } from '../commands.ts';
import { pssKibibytes } from '../crew.ts';
import type { Delivery, FanoutGroupState, GroupChange } from '../kernel.ts';
import { DELIVERY_CPU_NS, rateOf, SEND_CPU_NS, type Sending } from '../lab.ts';
import { PACKET_CPU_NS } from '../process.ts';
import { slotOf } from '../steering.ts';
import type { Packet } from '../traffic.ts';

/** Each failure begins with the name of the command. */
export function judgeCommand(outcome: CommandOutcome): readonly string[] {
  const { command } = outcome.scenario;
  return [...endsOf(outcome), ...foundBy(outcome)].map((what) => `${command}: ${what}`);
}

function endsOf({ how, error, clock, runs }: CommandOutcome): readonly string[] {
  if (how !== 'over') return [`it hangs (${how})`];
  const failures: string[] = [];
  if (error !== undefined) failures.push(`it fails: ${error instanceof Error ? error.stack : error}`);
  if (clock.timers > 0) failures.push(`${clock.timers} timers are left`);
  if (runs.some(({ world }) => !world.crew.hasEnded)) failures.push('processes are left');
  for (const { world } of runs) failures.push(...world.defects.map((defect) => `a worker was broken: ${defect}`));
  return failures;
}

function foundBy(outcome: CommandOutcome): readonly string[] {
  const { result } = outcome;
  switch (result?.schema) {
    case undefined:
      return [];
    case 'fanout-cluster/churn@1':
      return [...timeIsTrue(result, outcome), ...changesAreTrue(result, outcome)];
    case 'fanout-cluster/race@1':
      return [...timeIsTrue(result, outcome), ...startsAreTrue(result, outcome)];
    case 'fanout-cluster/own-load@1':
      return loadIsTrue(result, outcome);
    case 'fanout-cluster/scale@1':
      return [...timeIsTrue(result, outcome), ...sizesAreTrue(result, outcome)];
  }
}

/** It was made in simulated time, and in no other. */
function timeIsTrue({ durationMs, startedAt }: ChurnResult | RaceResult | ScaleResult, { clock }: CommandOutcome): readonly string[] {
  return [...differs('startedAt', startedAt, '2027-01-15T08:00:00.000Z'), ...differs('durationMs', durationMs, Math.round(clock.nowMs()))];
}

// ---- churn

function changesAreTrue(result: ChurnResult, { scenario, runs }: CommandOutcome): readonly string[] {
  const [run] = runs;
  if (run === undefined || runs.length !== 1) return [`${runs.length} runs`];
  const { events, doubts } = result;
  // What happened on the way is in no event; unless it was the process whose turn it was, and then nothing is different.
  if (run.world.suffered.length > 0 && doubts.length > 0) {
    const isAnother = scenario.slot !== undefined && scenario.faults.some((fault) => 'member' in fault && fault.member !== scenario.slot);
    return isAnother && !doubts.some(({ code }) => code === 'lost-member') ? ['the process that was lost is not named'] : [];
  }
  const group = groupOf(run);
  const changes = changesOnPurpose(group, scenario.procs);
  const count = scenario.slot === undefined ? 2 * scenario.procs + 1 : 3;
  const failures = [...differs('events', events.length, count)];
  for (const [i, event] of events.entries()) {
    const [before, after] = [changes[i], changes[i + 1]];
    if (before === undefined || after === undefined) return [...failures, `the group has not changed ${i + 1} times`];
    const about = (what: string) => `${event.kind} (event ${i}): ${what}`;
    const moves = movesOf(run, group, before.members, after.members);
    failures.push(...differs(about('flows'), event.flows, moves.flows));
    failures.push(...differs(about('stayed'), event.stayed, moves.stayed));
    failures.push(...differs(about('flows of survivors'), event.survivorsFlows, moves.survivorsFlows));
    failures.push(...differs(about('moved'), event.survivorsMoved, moves.survivorsFlows - moves.stayed));
    if (scenario.unlinking === 'last-moves') failures.push(...differs(about('slots'), event.slots, after.members));
    const isSlow = event.tookMs > 1000;
    if (event.tookMs < 1 || isSlow) failures.push(about(`it took ${event.tookMs} ms`));
  }
  failures.push(...lossesAreTrue(result, run));
  // A kernel that does otherwise than af_packet.c is noticed as far as it makes a difference.
  const isForeseen = events.every(({ stayedShare, expectedStayedShare: p, flows }) => {
    return Math.abs(stayedShare - p) <= 5 * Math.sqrt((p * (1 - p)) / flows) + 1 / flows;
  });
  const doubted = doubts.map(({ code }) => code).filter((code, i, all) => all.indexOf(code) === i);
  return [...failures, ...differs('doubts', doubted, isForeseen ? [] : ['unexpected-share'])];
}

/** Memberships of the group, from the whole one on; while the link is down there is none. */
function changesOnPurpose({ changes }: FanoutGroupState, procs: number): readonly GroupChange[] {
  return changes.slice(procs - 1).filter(({ members }) => members.length > 0);
}

interface Moves {
  readonly flows: number;
  readonly stayed: number;
  readonly survivorsFlows: number;
}

/** By where the kernel steers each flow with these members in its slots. */
function movesOf({ world }: CommandRun, group: FanoutGroupState, before: readonly number[], after: readonly number[]): Moves {
  const moves = { flows: 0, stayed: 0, survivorsFlows: 0 };
  for (const packet of onePacketOfEach(world.traffic.packets)) {
    const [from, to] = [before, after].map((members) => members[slotOf(group.steering, packet, members.length)]);
    moves.flows += 1;
    if (from === to) moves.stayed += 1;
    if (from !== undefined && after.includes(from)) moves.survivorsFlows += 1;
  }
  return moves;
}

function onePacketOfEach(packets: readonly Packet[]): readonly Packet[] {
  return [...new Map(packets.map((packet) => [packet.flow?.index, packet])).values()];
}

/** A member that is killed may not have told of all that it had read. */
function lossesAreTrue({ events }: ChurnResult, run: CommandRun): readonly string[] {
  const { deliveries } = groupOf(run);
  const lost = run.lab.offered - deliveries.filter(({ isRead }) => isRead).length;
  const told = events.reduce((sum, { packetsLost }) => sum + packetsLost, 0);
  const killed = new Set(events.flatMap(({ kind, member }) => (kind === 'leave' ? [member] : [])));
  const untold = deliveries.filter(({ member, isRead }) => isRead && killed.has(member)).length;
  const isTrue = told >= lost && told <= lost + untold;
  return isTrue ? [] : [`${told} packets are told to be lost, and ${lost} were; at most ${untold} more were not told of`];
}

// ---- race

function startsAreTrue({ naive, orderly }: RaceResult, { runs }: CommandOutcome): readonly string[] {
  const [first, second] = runs;
  if (first === undefined || second === undefined || runs.length !== 2) return [`${runs.length} runs`];
  const { copies, groups } = first.world.kernel;
  const judged = [...copies, ...[...groups.values()].flatMap(({ deliveries }) => deliveries)].filter(({ epoch }) => epoch >= 0);
  const byFlow = groupedByFlow(judged);
  const strays = [...byFlow.values()].map(straysIn);
  // Before any member has joined, the copy for the first is all there is of a packet.
  const sent = new Set(judged.map(({ packet }) => packet.id)).size;
  const failures = [
    ...differs('flows of the naive start', naive.flows, byFlow.size),
    ...differs('flows split by the naive start', naive.split, strays.filter((packets) => packets > 0).length),
    ...differs('stray packets', naive.strayPackets, sum(strays)),
    ...differs('packets sent', naive.packetsSent, sent),
    ...differs('copies', naive.copies, judged.length - sent),
  ];
  if (naive.split === 0 || naive.copies === 0) failures.push('the naive start splits no flow');
  const joins = groupOf(first).changes.slice(0, first.world.scenario.procs);
  const tookMs = ((joins.at(-1)?.ns ?? 0) - (joins[0]?.ns ?? 0)) / MS;
  // The first socket was bound before it joined, and messages take their time.
  if (naive.joinedAfterMs < tookMs || naive.joinedAfterMs > tookMs + 60)
    failures.push(`the group was complete after ${naive.joinedAfterMs} ms, and its members joined within ${tookMs} ms`);
  if (naive.lastStrayAfterMs > naive.joinedAfterMs) failures.push(`a packet strays ${naive.lastStrayAfterMs} ms after the first bind`);
  return [...failures, ...differs('the orderly start', [orderly.answer, orderly.split], ['yes', 0])];
}

function groupedByFlow(deliveries: readonly Delivery[]): ReadonlyMap<number, readonly Delivery[]> {
  const groups = new Map<number, Delivery[]>();
  for (const delivery of deliveries) {
    const flow = delivery.packet.flow?.index ?? -1;
    const group = groups.get(flow);
    if (group === undefined) groups.set(flow, [delivery]);
    else group.push(delivery);
  }
  return groups;
}

/** Packets of a flow on other members than the one that had the last of them. */
function straysIn(deliveries: readonly Delivery[]): number {
  const last = deliveries.reduce((a, b) => (b.stamp >= a.stamp ? b : a));
  return deliveries.filter(({ member }) => member !== last.member).length;
}

// ---- own load

function loadIsTrue(load: OwnLoad, { scenario, runs }: CommandOutcome): readonly string[] {
  const [one, all] = runs;
  if (one === undefined || all === undefined || runs.length !== 2) return [`${runs.length} runs`];
  const groups = all.options.length;
  const failures = [
    ...sampleIsTrue('one', load.one, one),
    ...sampleIsTrue('all', load.all, all),
    ...differs('procs', load.procs, scenario.procs),
    ...isAbout('a further group', load.perFurtherGroup.kernelNsPerPacket, DELIVERY_CPU_NS, 0.001),
    ...isAbout(
      'a further group',
      load.perFurtherGroup.workerNsPerPacket,
      workerNsOf(all) / (groups - 1) - workerNsOf(one) / (groups - 1),
      0.001,
    ),
  ];
  // The first is for warming up, the second is the sample.
  const trials = all.lab.sendings.slice(2);
  const drops = trials.map(({ dropsBefore }, i) => (trials[i + 1]?.dropsBefore ?? all.world.kernel.drops) - dropsBefore);
  const lossy = drops.findIndex((count) => count > 0);
  const free = lossy < 0 ? trials : trials.slice(0, lossy);
  failures.push(...isAbout('the rate without loss', load.lossFreeRate, Math.max(0, ...free.map(rateOf)), 0.01));
  const first = trials[lossy];
  if ((first === undefined) !== (load.lossRate === undefined)) failures.push(`a rate with loss: ${load.lossRate}`);
  else if (first !== undefined) failures.push(...isAbout('the rate with loss', load.lossRate ?? 0, rateOf(first), 0.01));
  // It goes on until a ring is full or the CPU is, and no further.
  const isSlow = (sending: Sending): boolean => rateOf(sending) < 0.9 * sending.asked;
  if (trials.slice(0, -1).some(isSlow)) failures.push('it goes on beyond the limit');
  const last = trials.at(-1);
  if (first === undefined && last !== undefined && !isSlow(last)) failures.push('it ends before the limit');
  return failures;
}

function sampleIsTrue(name: string, { groups, kernelNsPerPacket, workerNsPerPacket }: LoadSample, run: CommandRun): readonly string[] {
  return [
    ...differs(`groups of ${name}`, groups, run.options.length),
    ...isAbout(`kernel time of ${name}`, kernelNsPerPacket, SEND_CPU_NS + DELIVERY_CPU_NS * groups, 0.001),
    ...isAbout(`worker time of ${name}`, workerNsPerPacket, workerNsOf(run), 0.001),
  ];
}

/** For each packet of the sample: what a ring dropped costs its process nothing. */
function workerNsOf({ world, lab, options }: CommandRun): number {
  const [, sample, next] = lab.sendings;
  if (sample === undefined) return Number.NaN;
  const drops = (next?.dropsBefore ?? world.kernel.drops) - sample.dropsBefore;
  return ((sample.packets * options.length - drops) * PACKET_CPU_NS) / sample.packets;
}

// ---- scale

function sizesAreTrue({ sizes, plan }: ScaleResult, { scenario, runs }: CommandOutcome): readonly string[] {
  const procs = sizes.map((size) => size.procs);
  const failures = [...differs('sizes', procs, scenario.sizes)];
  for (const [i, size] of sizes.entries()) {
    const run = runs[i];
    if (run === undefined || !isMeasured(size)) return [...failures, `size ${i} was not measured`];
    failures.push(
      ...differs(`packets of size ${i}`, size.offered, plan.packets),
      ...sizeIsTrue(size, run).map((what) => `size ${i}: ${what}`),
    );
  }
  return failures;
}

function sizeIsTrue(size: MeasuredSize, { world, lab, options }: CommandRun): readonly string[] {
  const { deliveries } = [...world.kernel.groups.values()][0] ?? { deliveries: [] };
  const landed = deliveries.filter(({ fate }) => fate === 'ringed');
  const byMember = Array.from({ length: size.procs }, (_, member) => landed.filter((one) => one.member === member).length);
  const packetNs = SEND_CPU_NS + DELIVERY_CPU_NS;
  const pssBytes = Math.round(sum(byMember.map((_, index) => pssKibibytes(index) * 1024)) / size.procs);
  const ring = options[0]?.ring ?? { blockBytes: 0, blockCount: 0 };
  const { drops } = world.kernel;
  const asked = lab.sendings[0]?.asked ?? 0;
  return [
    ...differs('offered', size.offered, lab.offered),
    ...differs('lost', size.lost, drops),
    ...isAbout('loss', size.lossPercent, (drops / lab.offered) * 100, 0.001),
    ...isAbout('rate', size.packetsPerSecond, Math.min(asked, 1e9 / packetNs), 0.01),
    ...isAbout('CPU time of the processes', size.cpuNsPerPacket, PACKET_CPU_NS, 0.001),
    ...isAbout('CPU time of the sender', size.senderNsPerPacket ?? Number.NaN, packetNs, 0.03),
    ...differs('members used', size.membersUsed, byMember.filter((packets) => packets > 0).length),
    ...isAbout('balance', size.maxOverMean, (Math.max(...byMember) * size.procs) / sum(byMember), 0.001),
    ...differs('memory', size.memory, {
      processBytes: pssBytes,
      processesRead: size.procs,
      totalBytes: pssBytes * size.procs,
      ringBytes: ring.blockBytes * ring.blockCount * size.procs,
    }),
  ];
}

// ---- comparing

function groupOf({ world }: CommandRun): FanoutGroupState {
  const [group] = world.kernel.groups.values();
  if (group === undefined) throw new TypeError('there was no group');
  return group;
}

function differs(what: string, told: unknown, truth: unknown): readonly string[] {
  const [a, b] = [told, truth].map((value) => JSON.stringify(value));
  return a === b ? [] : [`${what}: ${a}, and it is ${b}`];
}

function isAbout(what: string, told: number, truth: number, tolerance: number): readonly string[] {
  return Math.abs(told - truth) <= Math.abs(truth) * tolerance ? [] : [`${what}: ${told}, and it is ${truth}`];
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
