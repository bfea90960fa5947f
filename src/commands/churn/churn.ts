/** Members leave and come while traffic flows, and each flow is looked for before and after. */
import { IN_ORDER, type Stage } from '../../collector/run/conduct.ts';
import type { Observed } from '../../collector/run/io.ts';
import { headOf, launchNow } from '../../collector/run/result-head.ts';
import { boundWarnings } from '../../collector/verdict/bounds.ts';
import { worded, wordedReason } from '../../collector/words/say.ts';
import { FanoutError } from '../../errors.ts';
import { groupNameOf } from '../../model/fanout.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { ChurnEventKind } from '../../model/findings/churn.ts';
import { adviceOn, type Change, doubtsAbout, eventOf } from './churn-events.ts';
import type { RunChurn } from './io.ts';
import type { ChurnOptions } from './options.ts';
import { relinked, type Slots, withMember, withoutSlot } from './result.ts';

/** Traffic goes on for so long before a member is lost, and after the group is whole again. */
const LEAD_MS = 30;
/** Members report ten times a second: when no counter has moved for so long, all that was sent has arrived or is lost. */
const QUIET_MS = 220;
const TICK_MS = 5;
/** For the kernel to notice, for a process to boot, for the collector to say so. */
const CHANGE_TIMEOUT_MS = 20_000;

export const runChurn: RunChurn = async (options, io, conduct) => {
  const launch = launchNow(io);
  let observed: Observed | undefined;
  const changes: Change[] = [];
  let ended: Finding | undefined;
  const runIo = {
    ...io,
    onProgress: () => undefined,
    onObserved: (all: Observed) => {
      observed = all;
    },
  };
  const capture = async (stage: Stage) => {
    const script = new Script(options, stage, (change, done) => {
      changes.push(change);
      io.onChange(change, done);
    });
    ended = await script.play();
    return ['end-of-traffic'] as const;
  };
  const drive = { start: { ...IN_ORDER, opensInTurn: true }, capture, replacements: options.slots.length };
  const [result] = await conduct([options.run], runIo, drive);
  if (result === undefined || result instanceof FanoutError) throw result ?? new TypeError('a run ended without a result');
  if (observed === undefined) throw new TypeError('a run ended without handing over what it saw');
  const { flows, evidence, facts } = observed;
  const events = changes.map((change) => eventOf(change, flows, options.run));
  return {
    ...headOf('fanout-cluster/churn@1', io.version, launch, result.source, options.run.deployment),
    group: { ...groupNameOf(options.run), procs: options.run.procs },
    packetsPerSecond: options.packetsPerSecond,
    events,
    advice: adviceOn(events, options.run.procs).map(worded),
    doubts: [...doubtsAbout(events), ...boundWarnings(evidence, facts), ...(ended === undefined ? [] : [ended])].map(wordedReason),
  };
};

/** The group is not what the script made of it. */
class Intrusion extends Error {
  readonly finding: Finding;

  constructor(found: Finding) {
    super(found.code);
    this.finding = found;
  }
}

/** One change after the other; before and after each of them every flow is seen once more by a group that does not change. */
class Script {
  readonly #options: ChurnOptions;
  readonly #stage: Stage;
  readonly #onChange: (change: Change, done: number) => void;
  #slots: Slots;
  #done = 0;

  constructor(options: ChurnOptions, stage: Stage, onChange: (change: Change, done: number) => void) {
    this.#options = options;
    this.#stage = stage;
    this.#onChange = onChange;
    this.#slots = Array.from({ length: options.run.procs }, (_, member) => member);
  }

  /** Why it ended before all changes were made. */
  async play(): Promise<Finding | undefined> {
    try {
      await this.#playAll();
      const isComplete = this.#done === 2 * this.#options.slots.length + 1;
      return isComplete ? undefined : finding('interrupted', { when: 'before-all-changes' });
    } catch (error) {
      if (error instanceof Intrusion) return error.finding;
      throw error;
    }
  }

  async #playAll(): Promise<void> {
    await this.#round();
    for (const slot of this.#options.slots) {
      if (this.#stage.signal.aborted) return;
      await this.#change('leave', withoutSlot(this.#slots, slot), { slot, member: this.#slots[slot] as number }, () => this.#kill(slot));
      const slots = withMember(this.#slots, this.#lane.cluster.members.length);
      const added = { slot: slots.length - 1, member: slots.at(-1) as number };
      await this.#change('join', slots, added, async () => void (await this.#lane.add()));
      // Once is enough, and now it shows: later all members may be younger than those they came after.
      if (slot === this.#options.slots[0]) await this.#flap();
    }
  }

  async #flap(): Promise<void> {
    if (this.#stage.signal.aborted) return;
    // A frame cannot be sent while the link is down.
    await this.#change('link-flap', relinked(this.#slots), {}, () => this.#flapLink(), false);
  }

  /** Each member tells of it in its own time; whoever does so after the link is up again makes one more epoch. */
  async #flapLink(): Promise<void> {
    const members = this.#lane.cluster.members.filter(({ alive }) => alive);
    const before = members.map(({ counters }) => counters.linkErrors);
    await this.#stage.source.flapLink();
    const haveAllTold = (): boolean => members.every(({ alive, counters }, i) => !alive || counters.linkErrors > (before[i] ?? 0));
    for (let waitedMs = 0; waitedMs < CHANGE_TIMEOUT_MS && !haveAllTold(); waitedMs += TICK_MS) await this.#stage.clock.sleep(TICK_MS);
  }

  get #lane() {
    const [lane] = this.#stage.lanes;
    if (lane === undefined) throw new TypeError('there is no group');
    return lane;
  }

  /** Every flow, seen by a group that does not change meanwhile. */
  async #round(): Promise<void> {
    const { source } = this.#stage;
    await this.#begun();
    const missing = (source.offered() ?? 0) - this.#arrived();
    await source.send({ rounds: 1, packetsPerSecond: this.#options.packetsPerSecond });
    await this.#settled(missing);
  }

  /** A member that had not heard of the epoch would tell nothing of what comes now. */
  async #begun(): Promise<void> {
    const { watch, cluster } = this.#lane;
    const { clock } = this.#stage;
    const knowAll = (): boolean => cluster.members.every(({ alive, counters }) => !alive || counters.epoch === watch.epoch);
    for (let waitedMs = 0; waitedMs < CHANGE_TIMEOUT_MS && !knowAll(); waitedMs += TICK_MS) await clock.sleep(TICK_MS);
    while (clock.realtimeNs() <= watch.epochFromNs) await clock.sleep(1);
  }

  /** Waits until all that was sent has been counted but for these, or nothing has moved for a while. */
  async #settled(missing: number): Promise<void> {
    const offered = this.#stage.source.offered() ?? 0;
    for (let [quietMs, seen] = [0, -1]; quietMs < QUIET_MS && this.#arrived() + missing < offered; quietMs += TICK_MS) {
      await this.#stage.clock.sleep(TICK_MS);
      const now = this.#arrived();
      if (now !== seen) quietMs = 0;
      seen = now;
    }
  }

  async #kill(slot: number): Promise<void> {
    const member = this.#lane.cluster.members[this.#slots[slot] as number];
    if (member === undefined) throw new RangeError(`slot ${slot}`);
    this.#stage.crew.kill(member.index);
  }

  async #change(
    kind: ChurnEventKind,
    slots: Slots,
    about: { readonly slot?: number; readonly member?: number },
    cause: () => Promise<void>,
    underTraffic = true,
  ): Promise<void> {
    const { source } = this.#stage;
    const before = { epoch: this.#lane.watch.epoch, slots: this.#slots };
    const sentBefore = source.offered() ?? 0;
    const arrivedBefore = this.#arrived();
    const traffic = underTraffic ? source.send({ rounds: 'endless', packetsPerSecond: this.#options.packetsPerSecond }) : Promise.resolve();
    // Should sending fail in the meantime, it is awaited below.
    traffic.catch(() => {});
    if (underTraffic) await this.#stage.clock.sleep(LEAD_MS);
    const begunMs = this.#stage.clock.nowMs();
    await cause();
    await this.#nextEpoch(before.epoch, begunMs);
    const tookMs = this.#stage.clock.nowMs() - begunMs;
    if (underTraffic) await this.#stage.clock.sleep(LEAD_MS);
    await source.stop();
    await traffic;
    await this.#settled(sentBefore - arrivedBefore);
    const packetsSent = (source.offered() ?? 0) - sentBefore;
    const packetsLost = packetsSent - (this.#arrived() - arrivedBefore);
    this.#slots = slots;
    const whole = this.#lane.watch.epoch;
    if (kind !== 'link-flap') this.#checkUndisturbed(before.epoch + 1);
    await this.#round();
    this.#checkUndisturbed(whole);
    const after = { epoch: this.#lane.watch.epoch, slots };
    this.#done += 1;
    this.#onChange({ kind, ...about, before, after, packetsSent, packetsLost, tookMs }, this.#done);
  }

  /** What others do to the group in the meantime would be taken for what the kernel did. */
  #checkUndisturbed(epoch: number): void {
    const { cluster, watch } = this.#lane;
    const lost = this.#slots.map((index) => cluster.members[index]).find((member) => member?.alive !== true);
    if (lost !== undefined) {
      const { index, pid, end } = lost;
      throw new Intrusion(finding('lost-member', { index, pid, end }));
    }
    if (watch.epoch !== epoch) {
      const change = watch.epochReason;
      throw new Intrusion(finding('disturbed', change === undefined ? {} : { change }));
    }
  }

  /** Told by a member that lives, or was told by one before it was lost; what a full ring dropped did not arrive either. */
  #arrived(): number {
    return this.#lane.cluster.members.reduce((sum, { alive, counters }) => sum + (alive ? counters.packets : counters.captured), 0);
  }

  async #nextEpoch(epoch: number, sinceMs: number): Promise<void> {
    const { watch } = this.#lane;
    while (watch.epoch === epoch || !watch.isWhole) {
      if (this.#stage.clock.nowMs() - sinceMs > CHANGE_TIMEOUT_MS)
        throw new FanoutError(
          'WORKER_FAILED',
          `the group was not whole again within ${CHANGE_TIMEOUT_MS / 1000} s after a change`,
          'the host may be overloaded: try fewer --procs or a lower --rate',
        );
      await this.#stage.clock.sleep(1);
    }
  }
}
