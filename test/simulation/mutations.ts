/**
 * Faults on purpose, each an exact replacement of text that occurs once: `npm run mutate` makes them one at a time, and the simulation, or
 * else a unit test of the collector, must notice. mutations.md has the table of what noticed which.
 */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

function of(file: string, ...mutations: readonly (readonly [name: string, find: string, replace: string])[]): readonly Mutation[] {
  return mutations.map(([name, find, replace]) => ({ name, file, find, replace }));
}

const JUDGE = of(
  'src/collector/verdict/judge.ts',
  [
    'doubts outrank a NO',
    "against.length > 0 ? 'no' : doubts.length > 0 ? 'inconclusive' : 'yes'",
    "doubts.length > 0 ? 'inconclusive' : against.length > 0 ? 'no' : 'yes'",
  ],
  ['a NO although others may have moved the flows', "excuse !== undefined ? 'inconclusive' : ", ''],
  ['others may have done what a mode does by design', 'code !== designOf(facts) && ', ''],
  ['the flag ignore-outgoing is believed', 'if (came === 0 && !isOld) return [];', 'if (!isOld) return [];'],
  ['doubts are dropped', "doubts.length > 0 ? 'inconclusive' : 'yes'", "'yes'"],
  ['harmless causes make a NO', 'return !harmless && tolerated !== true;', 'return tolerated !== true;'],
  ['tolerated causes make a NO', 'return !harmless && tolerated !== true;', 'return !harmless;'],
  ['a mode by design is a NO without traffic', 'facts.procs > 1 && facts.packets.captured > 0', 'true'],
  [
    'a mode by design is no NO',
    'if (design === undefined || !wasTested) return proven;',
    'if (design !== undefined || !wasTested) return proven;',
  ],
  ['a spread is judged whoever left', 'if (!wasConstant) return [];', ''],
  [
    'a tolerated design is no doubt',
    'if (design === undefined || !facts.tolerated.includes(design)) return [];',
    'if (design !== undefined) return [];',
  ],
  ['luck counts', 'const sound = withoutLuck(evidence, lucky);', 'const sound = evidence;'],
  ['turns may differ', 'if (!isClosed || most - least <= 1) return [];', 'if (!isClosed || most - least <= 0) return [];'],
  ['a stack is a YES whatever was lost', "answer === 'yes' && (isDoubtful || lucky", "answer === 'yes' && (lucky"],
  ['one packet is proof', 'weighs(cause) && isMoreThanIsolated(cause)', 'weighs(cause)'],
  ['one packet is no doubt', '    ...alone,\n', ''],
  ['a stack is violated by one packet', 'weighing.filter((group) => !isAlone(group))', 'weighing'],
  [
    'a stack is violated by causes that do not count',
    'context.groups.filter((group) => counts(causeOf(group, context), facts))',
    'context.groups',
  ],
);

const RECOMMEND = of(
  'src/commands/compare/recommend.ts',
  ['an interrupted comparison recommends', 'if (extent.interrupted) return', 'if (false) return'],
  ['a flag that was not tested is switched off', 'return stacks.some(', 'return !stacks.some('],
);

const WORDS = of(
  'src/collector/verdict/examples.ts',
  ['the first violations instead of examples', 'while (left > 0) {', 'while (left < 0) {'],
  ['harmless examples come first', 'causes.length + 1 + place', '-1 - place'],
);

const EXAMPLES = of('native/core/evidence/evidence.cpp', [
  'violations are listed by key alone',
  'return x.rank != y.rank ? x.rank < y.rank : is_smaller(x.violation.key, y.violation.key);',
  'return is_smaller(x.violation.key, y.violation.key);',
]);

const NO_TRAFFIC = of(
  'src/collector/verdict/no-traffic.ts',
  ['XDP is not looked at', 'if (after.xdp !== undefined) return', 'if (after.xdp === undefined) return'],
  [
    'a flag that left nothing out is blamed',
    "sent === 0 ? mirroredTo(link) : { kind: 'ignores-outgoing', sent }",
    "{ kind: 'ignores-outgoing', sent }",
  ],
);

const ISOLATED = of(
  'src/collector/verdict/isolated.ts',
  ['one packet proves nothing in the lab either', "return source === 'live' && onOnePacket", 'return onOnePacket'],
  ['what the kernel did is taken for a sender', 'onOnePacket && IS_SHAPED_BY_SENDERS[cause];', 'onOnePacket;'],
  ['many packets prove nothing', 'onOnePacket && IS_SHAPED_BY_SENDERS[cause];', 'IS_SHAPED_BY_SENDERS[cause];'],
  ['isolated flows hide the others of their cause', 'return flows > isolated;', 'return isolated === 0;'],
);

const BOUNDS = of(
  'src/collector/verdict/bounds.ts',
  ['a full table is no doubt', "...(facts.stop === 'longest' ? [] : endedEarly(facts))", ''],
  ['flows that are not judged are no doubt', 'return [...unjudgedDoubt(evidence), ', 'return ['],
);

const DOUBTS = of(
  'src/collector/verdict/doubts.ts',
  ['one process is enough', "if (facts.procs === 1) return finding('one-process', {});", ''],
  ['few flows are enough', 'if (isConfident(spread)) return undefined;', 'return undefined;'],
  ['live loss is no doubt', 'if (seen === 0 || ((dropped + overflowed) / seen) * 100 <= limit) return [];', 'if (limit >= 0) return [];'],
  ['the lab may lose packets', "const limit = source === 'live' ? maxLossPercent : 0;", 'const limit = maxLossPercent;'],
  ['overflow is no loss', '((dropped + overflowed) / seen) * 100 <= limit', '(dropped / seen) * 100 <= limit'],
  ['a lost member is no doubt', 'return lost.length === 0 ? [] : [', 'return lost.length >= 0 ? [] : ['],
  ['a disturbance is no doubt', '    ...facts.disturbances,\n', ''],
  ['rolling over is no doubt', "mode === 'rollover' || !flags.includes('rollover') || packets === 0 ? []", 'packets >= 0 ? []'],
  ['missing packets are explained', "missing > 0 && members.some(({ end }) => end !== 'gone')", 'missing > 0'],
  ['lost members explain nothing', "missing > 0 && members.some(({ end }) => end !== 'gone')", 'missing < 0'],
  ['contradictions are no doubt', '...(contradictions.length > 0 ? [', '...(contradictions.length < 0 ? ['],
  ['no two-way flow is too few', 'if (flows.twoWay === 0) return noTwoWayFlows(evidence, facts);', ''],
  [
    'one member is several',
    'return isOnOneMember(spread) ? oneMember(evidence, facts, unspread) : tooFewFlows(evidence, facts);',
    'return tooFewFlows(evidence, facts);',
  ],
  [
    'a stack is proven by several epochs',
    "return isOneEpoch && isConfident([twoWayByMember]) ? 'yes' : 'inconclusive';",
    "return isConfident([twoWayByMember]) ? 'yes' : 'inconclusive';",
  ],
);

const CONFIDENCE = of(
  'src/collector/verdict/confidence.ts',
  [
    'shares are not squared',
    'sum(flowsByMember.map((count) => count * count)) / (flows * flows)',
    'sum(flowsByMember.map((count) => count)) / (flows * flows)',
  ],
  ['a weaker limit', 'export const FALSE_PASS_LIMIT = 1e-6;', 'export const FALSE_PASS_LIMIT = 1e-4;'],
  ['a stronger limit', 'export const FALSE_PASS_LIMIT = 1e-6;', 'export const FALSE_PASS_LIMIT = 1e-8;'],
  ['without flows nothing is by chance', 'return flows === 0 ? 1 : ', 'return flows === 0 ? 0.5 : '],
  [
    'epochs are pooled',
    'return sum(epochs.map((flowsByMember) => sum(flowsByMember) * Math.log(meetingProbability(flowsByMember)))) + 0;',
    'return sum(pooled(epochs)) * Math.log(meetingProbability(pooled(epochs))) + 0;',
  ],
  [
    'one flow less',
    'sum(flowsByMember) * Math.log(meetingProbability(flowsByMember))',
    '(sum(flowsByMember) - 1) * Math.log(meetingProbability(flowsByMember))',
  ],
);

const DIAGNOSE = of(
  'src/collector/verdict/diagnose.ts',
  ['ESP is a tunnel', '!traits.oneKernelKey && traits.onlyIndexDiffers', 'false'],
  ['fragments hide the tunnel', "fragments !== 'none' && !wholeKeysDiffer", "fragments !== 'none'"],
  [
    'copies of one key count as copies',
    "traits.kind === 'duplicated' && !(mode === 'hash' && traits.oneKernelKey)",
    "traits.kind === 'duplicated'",
  ],
  ['copies are never copies', "traits.kind === 'duplicated' && !(mode === 'hash' && traits.oneKernelKey)", 'false'],
  ['what this host sent is anything else', "{ code: 'sent-tagged', holds: (traits) => !traits.oneKernelKey && traits.sentTagged },", ''],
  ['fragments are unexplained', "{ code: 'fragment-v4', holds: isSplitByFragments },", ''],
  ['lb is rnd', "{ code: 'lb-by-design', holds: (_, { mode }) => mode === 'lb' },", ''],
  ['stale octets are unexplained', 'holds: (traits) => !traits.oneKernelKey && traits.staleIpv6', 'holds: () => false'],
  [
    'frames of a tunnel without IP are unexplained',
    "{ code: 'tunnel-payload-types', holds: (traits) => !traits.oneKernelKey && carriesNoFlow(traits.stack) },",
    '',
  ],
  ['tunnels are unexplained', "{ code: 'tunnel-outer-only', holds: isSplitByWrapping },", ''],
  ['an asymmetric hash is unexplained', "{ code: 'hash-asymmetric', holds: (traits) => traits.oneKernelKey },", ''],
  ['every cause is harmless', 'harmless: CAUSES[code].harmless,', 'harmless: true,'],
  ['no cause is harmless', 'harmless: CAUSES[code].harmless,', 'harmless: false,'],
  [
    'rollover is never the cause',
    "{ code: 'rollover-under-load', holds: (traits, context) => context.mode === 'hash' && rolled(context) && traits.oneKernelKey },",
    '',
  ],
  [
    'rollover and steering are told apart',
    "{ code: 'unexplained', holds: (_, context) => context.mode !== 'hash' && rolled(context) },",
    '',
  ],
  ['queues are not looked at', "{ code: 'rss-asymmetric', holds: (_, { mode }) => mode === 'qm' || mode === 'cpu' },", ''],
);

const EPOCHS = of(
  'src/collector/group/epochs.ts',
  [
    'only the last epoch ends',
    'for (const epoch of this.#list) if (epoch.endNs === null || since < epoch.endNs) epoch.endNs = since;',
    'for (const epoch of this.#list.slice(-1)) if (epoch.endNs === null || since < epoch.endNs) epoch.endNs = since;',
  ],
  [
    'the first of several ends counts',
    'if (epoch.endNs === null || since < epoch.endNs) epoch.endNs = since;',
    'if (epoch.endNs === null) epoch.endNs = since;',
  ],
  ['the latest of several ends counts', 'epoch.endNs === null || since < epoch.endNs)', 'epoch.endNs === null || since > epoch.endNs)'],
  ['epochs do not end', 'if (epoch.endNs === null || since < epoch.endNs) epoch.endNs = since;', 'void epoch;'],
  ['a clock set back leaves ended epochs', 'if (epoch.endNs !== null && since < epoch.endNs) epoch.endNs = since;', 'void epoch;'],
  ['ends count from zero', 'return ns > this.#startNs ? ns - this.#startNs : 0n;', 'return ns;'],
);

const WATCH = of(
  'src/collector/group/watch.ts',
  [
    'nobody is suspected beside a group that nobody can list',
    'for (const inode of sockets ?? []) if (!ours.has(inode)) this.#suspects.add(inode);',
    '',
  ],
  ['a closed group is open to others', 'if (this.#closed && ', 'if (!this.#closed && '],
  ['nothing is said where nothing can be looked at', 'if (sockets === undefined) this.#isBlind = true;', ''],
  ['no backlog', 'const BACKLOG_NS = 20_000_000n;', 'const BACKLOG_NS = 0n;'],
  ['epochs begin at once', 'const EPOCH_GRACE_NS = 50_000_000n;', 'const EPOCH_GRACE_NS = 0n;'],
  ['a loss ends nothing', 'this.#epochs?.end(this.#lastGoodNs(member) - BACKLOG_NS);\n    this.#leaving', 'this.#leaving'],
  [
    'a loss ends evidence when it is noticed',
    'this.#epochs?.end(this.#lastGoodNs(member) - BACKLOG_NS);\n    this.#leaving',
    'this.#epochs?.end(this.#clock.realtimeNs() - BACKLOG_NS);\n    this.#leaving',
  ],
  ['nobody is leaving', 'this.#leaving.add(member.index);', ''],
  ['epochs begin while the link is down', 'return !this.#linkDown && this.#leaving.size === 0', 'return this.#leaving.size === 0'],
  ['epochs begin while the group is changed', ' && this.#changing === 0;', ';'],
  ['a link error ends nothing', 'if (member.alive) this.#epochs?.end(this.#lastGoodNs(member) - BACKLOG_NS);', 'void member;'],
  [
    'a link error is no disturbance',
    "this.#linkDownNote = this.#disturb(finding('link-down', { interface: this.#source.interface }));",
    "this.#linkDownNote = finding('link-down', { interface: this.#source.interface });",
  ],
  ['a link never comes up again', 'if (!now.up) return;', 'return;'],
  ['a link is up at once', 'if (!now.up) return;', ''],
  ['a removed interface is forgotten', 'if (now === undefined) return this.#onRemoved();', 'if (now === undefined) return;'],
  [
    'a foreign member ends evidence when it is seen',
    'this.#epochs?.end(goodNs - BACKLOG_NS);',
    'this.#epochs?.end(checkedNs - BACKLOG_NS);',
  ],
  ['a foreign member ends nothing', 'this.#epochs?.end(goodNs - BACKLOG_NS);', ''],
  [
    'a foreign member that leaves is not noticed',
    'const isSame = fresh.length === 0 && foreign.length === this.#foreign.length;',
    'const isSame = fresh.length === 0;',
  ],
  ['a foreign member is no disturbance', "this.#disturb(finding('foreign-member', ", "(finding('foreign-member', "],
  ['no last look', '    else if (!this.#checkGroup() && this.#hasLooked) this.#epochs?.end(this.#groupGoodNs - BACKLOG_NS);\n', ''],
  ['a last look that failed is one', '!this.#checkGroup() && this.#hasLooked', '!this.#checkGroup() && false'],
  [
    'no look while it runs',
    '    if (this.#linkDown) this.#checkLink();\n    else this.#checkGroup();\n    this.#checkStalled',
    '    if (this.#linkDown) this.#checkLink();\n    this.#checkStalled',
  ],
  ['a clock set back is not noticed', 'if (step === undefined) return;', 'return;'],
  ['looks are told in the old time', 'this.#groupGoodNs -= step.backNs;', ''],
  ['signs of life are told in the old time', 'return this.#clockSteps.inNewTime(aliveNs, counters.epoch);', 'return aliveNs;'],
  ['silence is blamed at once', 'if (suspects.includes(member)) this', 'if (suspects !== undefined) this'],
  ['silence is never blamed', 'if (suspects.includes(member)) this', 'if (suspects === undefined) this'],
  [
    'a run does not end in time',
    "now - this.#capturingSinceMs >= limits.durationMs) return this.#stop?.('time');",
    "now - this.#capturingSinceMs >= limits.durationMs * 100) return this.#stop?.('time');",
  ],
  ['flows are no limit', 'tally.twoWay >= limits.twoWayFlows)', 'tally.twoWay >= limits.twoWayFlows * 1000)'],
  ['packets are no limit', 'this.#captured() >= limits.packets)', 'this.#captured() >= limits.packets * 1000)'],
  ['the first sight of a violation ends a run', 'now - this.#violatedSinceMs < FAIL_FAST_DELAY_MS || ', ''],
  ['a run goes on after its violation', "if (groups.some((group) => !this.#mayBeIsolated(group))) this.#stop?.('violation');", ''],
  ['one packet ends a run', 'groups.some((group) => !this.#mayBeIsolated(group))', 'groups.length > 0'],
  ['a run goes on without members', "if (this.#members.every((m) => !m.alive)) this.#stop?.('members-lost');", ''],
  [
    'nothing settles',
    'for (let quietMs = 0; seen < offered && quietMs < QUIET_MS; ) {',
    'for (let quietMs = QUIET_MS; seen < offered && quietMs < QUIET_MS; ) {',
  ],
);

const CLOCK_STEPS = of(
  'src/collector/group/clock-steps.ts',
  ['steps are small', 'const STEP_NS = 5_000_000n;', 'const STEP_NS = 2_000_000_000n;'],
  ['steps are of all epochs', '(step.epoch > epoch ? told - step.backNs : told)', '(step.epoch < epoch ? told - step.backNs : told)'],
);

const CLUSTER = of(
  'src/collector/group/cluster.ts',
  ['malformed observations are passed over', 'if (taken < 0) throw new', 'if (taken < 0) void new'],
  [
    'observations are taken in any state',
    'if (!isReporting(member)) throw new MalformedMessage(`observations while',
    'if (!isReporting(member)) void new MalformedMessage(`observations while',
  ],
  ['epochs that nobody announced', 'this.#flowMap.ingest(bytes, member.index, this.#epoch)', 'this.#flowMap.ingest(bytes, member.index)'],
  [
    'an end that was not asked for',
    "if (!isReporting(member) || (counters.finished && !member.may('finished')))",
    'if (!isReporting(member))',
  ],
  [
    'a future sign of life',
    'else member.aliveNs = earlier(counters.aliveNs, this.#clock.realtimeNs());',
    'else member.aliveNs = counters.aliveNs;',
  ],
  [
    'a sign of life with a link error',
    'if (counters.linkErrors > linkErrors) this.#events.onLinkError(member);\n    else ',
    'if (counters.linkErrors > linkErrors) this.#events.onLinkError(member);\n    ',
  ],
  ['link errors are not told', 'if (counters.linkErrors > linkErrors) this.#events.onLinkError(member);\n    else ', ''],
  ['anybody joins', 'const asked = this.#asked?.member === member ? this.#asked : undefined;', 'const asked = this.#asked;'],
  ['whoever hangs up is forgotten', "this.abandon(member, 'closed its connection')", 'undefined'],
  ['a process that ends is forgotten', 'if (member.alive) this.#lose(member, exit.end);', ''],
  ['the end of a process is not told', 'if (this.#departing.delete(member.index)) this.#events.onDeparted(member);', ''],
  ['whoever leaves in order may leave early', 'exit.orderly && this.#isLeaving)', 'exit.orderly)'],
  ['members that were lost are left alone', '    this.#crew.kill(member.index);\n    if (wasStarting)', '    if (wasStarting)'],
  [
    'a new epoch is told to all',
    "this.#broadcast({ kind: 'epoch', epoch, fromNs }, isReporting);",
    "this.#broadcast({ kind: 'epoch', epoch, fromNs }, () => true);",
  ],
  ['nobody is waited for', '    await this.#waitFor(settled, new Deadline(this.#clock, timeoutMs));\n', ''],
  [
    'whoever does not finish is forgotten',
    "if (member.state === 'finishing') this.#lose(member, `did not",
    "if (member.state === 'lost') this.#lose(member, `did not",
  ],
  ['connections are left open', 'for (const connection of this.#connections.values()) connection.destroy();', ''],
  ['whoever does not leave stays', 'for (const { index } of this.members) this.#crew.kill(index);', ''],
  ['timers are left', 'for (const callOff of this.#hangUps) callOff();', ''],
  ['a failure while it captures is passed over', 'else this.#lose(member, `${failure.step', 'else void (`${failure.step'],
  [
    "the failure of one that was added is everybody's",
    'member !== undefined && this.#isStarted ? this.#failures.get(member) : this.#failures.values().next().value;',
    'this.#failures.values().next().value;',
  ],
  ['whoever could not be added stays', '      this.abandon(member, (error as Error).message);\n', ''],
);

const MEMBER = of(
  'src/collector/group/member.ts',
  ['a member may finish unasked', "capturing: ['finishing', 'gone', 'lost'],", "capturing: ['finishing', 'finished', 'gone', 'lost'],"],
  ['the lost are alive', "return this.#state !== 'gone' && this.#state !== 'lost';", "return this.#state !== 'gone';"],
);

const DEADLINE = of(
  'src/collector/group/deadline.ts',
  ['no last look', 'if (missedMs >= LAST_LOOK_MS) {', 'if (missedMs > 1e9) {'],
  ['deadlines are not extended', '} else if (isLast) expire();\n        else wait(now + LAST_LOOK_MS, true);', '} else expire();'],
);

const ACCOUNTING = of(
  'src/collector/verdict/accounting.ts',
  ['what was not read counts as captured', '(counters.finished ? counters.packets : counters.captured)', 'counters.packets'],
  [
    'stray pieces count as judged',
    "total('judged') - untracked.packets - unjudgedPackets - unjoinedFragments - unmatchedErrors",
    "total('judged') - untracked.packets - unjudgedPackets - unmatchedErrors",
  ],
  [
    'stray errors count as judged',
    "total('judged') - untracked.packets - unjudgedPackets - unjoinedFragments - unmatchedErrors",
    "total('judged') - untracked.packets - unjudgedPackets - unjoinedFragments",
  ],
  ['stray pieces are ignored for no reason', 'ignore(LATER_FRAGMENT, unjoinedFragments);', ''],
  ['drops are not counted', "dropped: total('drops'),", 'dropped: 0,'],
  ['overflow is not counted', "overflowed: total('overflowed') + untracked.packets + unjudgedPackets,", 'overflowed: untracked.packets,'],
  ['more than was judged may be told', 'return finished && told !== judged ?', 'return finished && told < judged ?'],
  ['less than was judged may be told', 'return finished && told !== judged ?', 'return finished && told > judged ?'],
  ['whoever was lost contradicts itself', 'return finished && told !== judged ?', 'return told !== judged ?'],
);

const GROUP_SAFETY = of(
  'src/collector/group/group-safety.ts',
  [
    'nobody is foreign',
    'return group?.inodes.filter((inode) => !ours.has(inode)) ?? [];',
    'return group?.inodes.filter((inode) => inode < 0 && !ours.has(inode)) ?? [];',
  ],
  [
    'a foreign member at the start is let in',
    'if (foreign.length === 0) return;\n  const owners',
    'if (foreign.length >= 0) return;\n  const owners',
  ],
  ['all groups are ours', 'find(({ id }) => id === groupId);\n  const ours', 'find(({ id }) => id > 0);\n  const ours'],
);

const LANE = of(
  'src/collector/run/lane.ts',
  [
    'anybody may join',
    'membersMax: groupId === undefined || procs > LEGACY_MEMBERS_MAX ? procs : 0,',
    'membersMax: procs > LEGACY_MEMBERS_MAX ? procs : 0,',
  ],
  ["a full group is nobody's fault", '      this.#confirm();\n      throw error;', '      throw error;'],
  ['a clock set back at the end', 'untilNs === 0n ? timeoutMs : timeoutMs + READ_UNTIL_MAX_MS', 'timeoutMs'],
  ['nothing settles before the end', '    await this.watch.settled();\n', ''],
  ['no last look at the end', '    this.watch.conclude();\n', ''],
  ['timers of a run are left', '    this.watch.end();\n', ''],
  [
    'an added member changes nothing',
    '    await this.watch.through(async () => {\n',
    '    await (async (change: () => Promise<string>) => void (await change()))(async () => {\n',
  ],
);

const CONDUCT = of(
  'src/collector/run/conduct.ts',
  ['packets count at once', 'const startNs = clock.realtimeNs() + GRACE_NS;', 'const startNs = clock.realtimeNs() - 1_000_000_000n;'],
  [
    'groups end when they hear of it',
    'const untilNs = lanes.length > 1 && source.offered() === undefined ? clock.realtimeNs() + NOTICE_NS : 0n;',
    'const untilNs = 0n;',
  ],
  [
    'members are left when it has ended',
    'await Promise.all(lanes.map((lane) => lane.close()));',
    'await Promise.all(lanes.slice(1).map((lane) => lane.close()));',
  ],
  ['no filter opens', 'await interruptible(Promise.all(complete.map((lane) => lane.arm())), signal);', ''],
);

const NATIVE_JUDGE = of(
  'native/core/evidence/judge.hpp',
  ['directions may be apart', 'if (two_way && !forward.meets(reverse)) return FlowVerdict::asymmetric;', ''],
  [
    'a direction may be split',
    'if (is_split(forward) || is_split(reverse)) return FlowVerdict::split;',
    'if (is_split(forward) && is_split(reverse)) return FlowVerdict::split;',
  ],
  ['all splits are copies', 'return members_ > 1 &&\n           std::all_of(', 'return members_ > 1 ||\n           std::all_of('],
  ['no splits are copies', 'return members_ > 1 &&\n           std::all_of(', 'return members_ > 99 &&\n           std::all_of('],
  ['epochs are compared', 'sightings[i].epoch == epoch; ++i)', 'epoch == epoch; ++i)'],
  ['the last packet decides what is late', 's.first_ns < windows[epoch].end_ns) where', 's.last_ns < windows[epoch].end_ns) where'],
  ['the best epoch decides', 'worst = std::max(worst, verdict);', 'worst = verdict;'],
  ['copies may differ', 'more - fewer <= more / 4', 'more - fewer <= more'],
  ['several packets are one', 'if (where[d][i].packets != 1) continue;', ''],
  ['a packet in each of two epochs is one', 'return violated == 1 && is_mended;', 'return violated >= 1 && is_mended;'],
);

const NATIVE_EVIDENCE = of(
  'native/core/evidence/evidence.cpp',
  [
    'what is late counts',
    'return s.where.epoch >= windows.size() || s.where.first_ns >= windows[s.where.epoch].end_ns;',
    'return s.where.epoch >= windows.size();',
  ],
  [
    'every split key is one',
    'std::get<1>(x) == std::get<1>(y) &&\n                  std::get<2>(x) != std::get<2>(y);',
    'std::get<2>(x) != std::get<2>(y);',
  ],
  ['no split key is one', 'std::get<1>(x) == std::get<1>(y) &&\n                  std::get<2>(x) != std::get<2>(y);', 'false;'],
  [
    'kept flows count twice',
    '++evidence_.two_way_by_epoch_and_member[k.epoch][k.member];',
    'evidence_.two_way_by_epoch_and_member[k.epoch][k.member] += 2;',
  ],
  ['violations are not listed', 'if (is_violation(verdict)) add_violation(key, verdict, sights);', ''],
  [
    'wrappings of a group have no bound',
    'if (group.by_wrapping.size() > wrappings_max) group.by_wrapping.erase(std::prev(group.by_wrapping.end()));',
    '',
  ],
  [
    'the smallest wrapping makes room',
    'group.by_wrapping.erase(std::prev(group.by_wrapping.end()))',
    'group.by_wrapping.erase(group.by_wrapping.begin())',
  ],
  ['tags never differ', 's.tags_differ = tags == tag_digest::various;', ''],
  [
    'later pieces tell of their datagram',
    'if (chosen(s)) all = tag_digest::join(all, whole_key_of(s));',
    'if (chosen(s)) all = all == whole_key_of(s) || all == tag_digest::unknown ? whole_key_of(s) : tag_digest::various;',
  ],
  [
    'an index is never all',
    'return std::any_of(sights.begin(), sights.end(), has_index) &&',
    'return false && std::any_of(sights.begin(), sights.end(), has_index) &&',
  ],
  ['what was sent is forgotten', 'if ((sight.marks & mark_sent_tagged) != 0) s.sent_tagged = true;', ''],
  ['one direction is two', 'is_two_way = seen[0] && seen[1];', 'is_two_way = seen[0] || seen[1];'],
  ['stacks that tell nothing keep their places', '(tells || packed < *silent_.rbegin())', '(packed < *silent_.rbegin())'],
  ['what has no place is judged', 'if (own == nullptr && tells) {', 'if (own == nullptr && tells && packets == 0) {'],
);

const NATIVE_FLOW_MAP = of(
  'native/core/evidence/flow_map.cpp',
  ['members are taken for one', '(!fresh && r.member[d] != member))', 'false)'],
  ['epochs are taken for one', 'if (r.epoch != epoch || r.kernel_key', 'if (r.kernel_key'],
  ['first is last', 'std::min(r.first[d], ticks(o.first_ns));', 'std::max(r.first[d], ticks(o.first_ns));'],
  ['ends are rounded up', 'w.end_ns = from_ticks(ticks(w.end_ns));', 'w.end_ns = from_ticks(ticks(w.end_ns) + 2000);'],
  ['errors are packets of the flow', 'auto& list = (m.marks & mark_icmp_error) != 0 ? out.errors : out.own;', 'auto& list = out.own;'],
  [
    'packets are counted once',
    'r.packets[d] = saturated(std::uint64_t{r.packets[d]} + o.packets);',
    'r.packets[d] = saturated(o.packets);',
  ],
  ['two-way flows are not counted while it runs', 'if ((gained & state_two_way) != 0) ++tally_.two_way;', ''],
  ['violations are not counted while it runs', 'if ((gained & state_violated) != 0) ++tally_.violated;', ''],
  ['any epoch is taken', 'reader.epoch() > std::min(newest_epoch, epoch_max)', 'reader.epoch() > epoch_max'],
  ['any member is taken', 'if (!reader.ok() || reader.member() != member || ', 'if (!reader.ok() || '],
  ['kernel keys without end', 'if ((r.further >> place & further_sights_max) == further_sights_max) {', 'if (false) {'],
  ['a sender chooses digests', 'b = seeded_mix(words[2], words[3], seed_)', 'b = mix(words[2], words[3])'],
  ['a first piece without room is forgotten', 'if (o.datagram != 0) fragments_.lose_first(ticks(o.first_ns));', ''],
  [
    'one key of a replay is one packet',
    'seen->where.content = shared ? 0 : in_file->where.content;',
    'seen->where.content = in_file->where.content;',
  ],
  ['copies of a replay are never dealt out', 'if (shared && repeated) return;', ''],
  ['a replay is judged by its own time', 'seen->where.timeless = true;', ''],
  ['the file of a replay is not asked', 'else if (basis.file != nullptr && on_several_members(out.own))', 'else if (false)'],
  ['what is told is not counted', 'for (const Pending& p : pending_) tally_.told_by_member[member] += p.observation.packets;', ''],
);

const HASH_BUGS = of(
  'src/collector/verdict/hash-bugs.ts',
  [
    'bug A is never told by its fields',
    '(traits.tagsDiffer && onlyTagsDiffer) || directed.has(traits.stack)',
    'directed.has(traits.stack)',
  ],
  ['bugs A and B exclude each other', 'onlyTagsDiffer: onlyTagsDiffer || both,', 'onlyTagsDiffer,'],
  ['one failure is a pattern', 'return failed >= NARROW_FAILURES_MIN && ', 'return '],
);

const KERNELS = of(
  'src/model/kernel-release.ts',
  ['a vendor has what its numbers say', 'if (VENDOR_BRANCHES.test(release)) return', 'if (false) return'],
  ['Debian does not name its point release', 'pointRelease(/\\bDebian ', 'pointRelease(/\\bNobody '],
);

const NATIVE_DISSECT = of(
  'native/core/packet/dissect.cpp',
  ['what is sent is hashed as if received', 'if (begins_alike) [[likely]]\n    return out;', 'return out;'],
  ['the network header is behind the Ethernet header', 'walk.at = from.network_at;', 'walk.at = ETH_HLEN;'],
  ['bug C ends nothing', 'if (walk.model.bug_c && label != 0) [[unlikely]]\n    walk.stop_kernel();', ''],
  ['a sender chooses kernel keys', 'seeded_mix(seeded_mix(low1, low2, walk.seed), ', 'seeded_mix(mix(low1, low2), '],
  ['every kernel sorts ports', 'are_sorted ? walk.kernel.ports : sorted(walk.kernel.ports)', 'sorted(walk.kernel.ports)'],
);

const NATIVE_FRAGMENTS = of(
  'native/core/evidence/fragment_store.cpp',
  ['pieces are joined across epochs', 'return {piece.datagram, piece.epoch};', 'return {piece.datagram, 0};'],
  ['pieces are never joined', 'if (nearest == to || away(*nearest) > lifetime) return end;', 'return end;'],
);

const NATIVE_REPEATS = of(
  'native/core/evidence/repeats.cpp',
  ['what is alike is a copy at any time', 'e->content == content && apart <= content::apart_max_ns', 'e->content == content'],
  ['copies come in the order of time', 'e->time_ns > time_ns ? e->time_ns - time_ns : time_ns - e->time_ns', 'time_ns - e->time_ns'],
);

const READERS = of(
  'src/collector/verdict/readers.ts',
  ['what is around a layer makes no difference', "layers[i - 1] ?? ''", "''"],
  ['who opens the innermost layer sees the flow', 'return readers.filter((reader) => openers.includes(reader));', 'return openers;'],
  ['the flow itself must be opened, too', 'layers.slice(0, -1).reduce', 'layers.reduce'],
);

const STACK_LAYERS = of(
  'src/collector/verdict/stack-layers.ts',
  ['IP in a tunnel is no flow', '(?:\\/(?!ipv4|ipv6)[^/.]+)*$/.test(stack)', '(?:\\/[^/.]+)*$/.test(stack)'],
  ['every tunnel ends at its outer addresses', 'HIDING.includes(layer) || ENDS_AT_OUTER_ADDRESSES.includes(layer)', 'layer !== stack'],
);

const BRIEF = of(
  'src/commands/run/report.ts',
  ['--quiet hides other causes', "...namedInShort('Other causes', others), ", ''],
  ['--quiet hides warnings', ", ...namedInShort('Warnings', warned)", ''],
);

const FLOW_MEMORY = of('src/options/flow-memory.ts', [
  'each worker has all the memory',
  'WORKER_FLOWS_TOGETHER) / caches;',
  'WORKER_FLOWS_TOGETHER);',
]);

const NATIVE_CACHE = of(
  'native/core/worker/flow_cache.cpp',
  ['tags of further packets are forgotten', 'if ((c.tags | packet.tags) != tag_digest::none)', 'if (false)'],
  ['kernel keys are one in the cache', 'return r.kernel_key == packet.kernel_key && ', 'return '],
);

const NATIVE_CACHE_HASH = of('native/core/worker/flow_cache.hpp', [
  'a sender chooses places in the cache',
  'seeded_mix(packet.flow_hash + packet.kernel_key, packet.stack.packed(), seed)',
  '(seed.value == 0 ? 0 : mix(packet.flow_hash + packet.kernel_key, packet.stack.packed()))',
]);

const NATIVE_GRE = of(
  'native/core/packet/strip_gre.cpp',
  ['source routes are not skipped', 'if ((flags & routing) != 0 && !skip_routes(walk)) return Follows::nothing;', ''],
  [
    'the kernel looks behind a source route',
    'header == nullptr || (flags & routing) != 0) walk.stop_kernel();',
    'header == nullptr) walk.stop_kernel();',
  ],
  ['GRE of any version', '(flags & version) > 1 || ', ''],
  ['a keepalive of EoIP carries a frame', 'rest == nullptr || load16(rest) == 0', 'rest == nullptr'],
);

const NATIVE_DATAGRAM = of(
  'native/core/packet/strip_datagram.cpp',
  [
    'the kernel reads what is in UDP',
    'Follows strip_datagram(Walk& walk) noexcept {\n  walk.stop_kernel();',
    'Follows strip_datagram(Walk& walk) noexcept {',
  ],
  ['reserved bits close VXLAN', '(load8(payload.begin) & has_identifier) == 0', 'load8(payload.begin) != has_identifier'],
  ['a port is proof', 'header_bytes >= 20 && bytes >= header_bytes && bytes <= left ? ETH_P_IP : 0', 'header_bytes >= 20 ? ETH_P_IP : 0'],
  ['a piece of a frame is opened', '(flags & (fragment | keep_alive)) != 0', '(flags & keep_alive) != 0'],
  ['answers of a tunnel stay closed', 'udp_port::may_be_tunnel(to) ? to : from', 'to'],
  ['Geneve of any version', 'if ((first & version) != 0) return Follows::nothing;', ''],
  [
    'GTP of version 0 has the header of version 1',
    'walk.at += version == version0 ? bytes0 : bytes1;',
    'walk.at += version == version0 ? bytes1 : bytes1;',
  ],
);

const NATIVE_LINK = of(
  'native/core/packet/strip_link.cpp',
  ['the kernel knows every tag', 'walk.stop_kernel();\n  return tag(walk, layer, bytes);', 'return tag(walk, layer, bytes);'],
  ['FabricPath is a tag', 'unhashed_frame(walk, Layer::fabricpath, 2)', 'unhashed_tag(walk, Layer::fabricpath, 2)'],
  ['NSH of any version', 'version != 0 || bytes < base_bytes', 'bytes < base_bytes'],
  ['a length is an ethertype', 'if (is_length(walk)) return behind_length(walk);', ''],
  ['every kernel reads HSR', 'if (!walk.model.reads_hsr) walk.stop_kernel();', ''],
  ['every kernel reads short protocol numbers', 'if (walk.model.pppoe != PppoeReading::compressed) walk.stop_kernel();', ''],
  ['PPP is opened as PPTP only', 'return bare_ppp(walk);', 'return unknown(walk);'],
);

const NATIVE_WLAN = of(
  'native/core/packet/strip_wlan.cpp',
  ['protected frames are opened', '!is_data(control) || (flags & is_protected) != 0', '!is_data(control)'],
  ['a cut header in a tunnel is a flow', 'if (!walk.in_packet(3) && walk.inside_ip()) walk.end(PacketKind::truncated);', ''],
);

const NATIVE_PROTOCOL = of(
  'native/core/packet/strip_protocol.cpp',
  [
    'Shim6 ends the packet',
    'const bool last = walk.in_packet(1) && load8(walk.data + walk.at) == IPPROTO_NONE;',
    'const bool last = true;',
  ],
  [
    'the kernel reads Ethernet in IP',
    'walk.stop_kernel();\n  walk.out->stack.push(Layer::srv6l2);',
    'walk.out->stack.push(Layer::srv6l2);',
  ],
);

const NATIVE_CAPTURE_FILE = of(
  'native/core/capture_file/capture_file.cpp',
  ['padding of ERF is a packet', 'if ((std::to_integer<unsigned>(erf_[8]) & ~erf_extended) == erf_pad) return;', ''],
  ['snoop has no padding', 'padding_ = record - snoop_record_header_bytes - captured;', 'padding_ = 0;'],
);

const NATIVE_PREDICTION = of(
  'native/core/capture_file/prediction.cpp',
  ['beside others a packet without time is a copy', 'if (now_ns_ == 0 && has_times()) return;', ''],
  ['what waited for its datagram is forgotten', 'tell(packet, waited);', ''],
);

const CHURN = of(
  'src/commands/churn/churn.ts',
  ['a round begins before its epoch', 'while (clock.realtimeNs() <= watch.epochFromNs) await clock.sleep(1);', ''],
  ['a round begins before all have heard of its epoch', '!alive || counters.epoch === watch.epoch', 'alive !== undefined'],
  ['sockets are opened all at once', 'start: { ...IN_ORDER, opensInTurn: true }', 'start: IN_ORDER'],
  ['another member is killed', 'this.#stage.crew.kill(member.index);', 'this.#stage.crew.kill((member.index + 1) % 2);'],
  ['a group of which more is to come is taken for whole', 'watch.epoch === epoch || !watch.isWhole', 'watch.epoch === epoch'],
  ['losses are counted before all has settled', 'await this.#settled(sentBefore - arrivedBefore);', ''],
  [
    'one that was lost otherwise is passed over',
    'if (lost !== undefined) {\n      const { index, pid, end } = lost;',
    'if (lost === null) {\n      const { index, pid, end } = lost;',
  ],
);

const CHURN_EVENTS = of(
  'src/commands/churn/churn-events.ts',
  ['the last sighting in an epoch counts', 'BigInt(seen.first) < BigInt(first.first)', 'BigInt(seen.first) > BigInt(first.first)'],
  ['those of the lost one are survivors', 'before.slots.filter((one) => after.slots.includes(one))', 'before.slots'],
  ['no share is doubtful', 'if (Math.abs(stayedShare - p) <= DEVIATIONS_MAX * deviation + 1 / draws) return [];', 'if (p >= 0) return [];'],
);

const CHURN_RESULT = of('src/commands/churn/result.ts', [
  'slots move up',
  '.map((member, i) => (i === slot ? (slots[last] as number) : member))',
  '.map((member, i) => (i >= slot ? (slots[i + 1] as number) : member))',
]);

const RACE = of(
  'src/commands/race/race.ts',
  ['the naive start is in order', 'eager: true', 'eager: false'],
  [
    'it counts when all have joined',
    'const startNs = clock.realtimeNs();\n  await interruptible(joining, signal);',
    'await interruptible(joining, signal);\n  const startNs = clock.realtimeNs();',
  ],
  ['what was sent before counts', '(result.packets.offered ?? 0) - sentBefore', 'result.packets.offered ?? 0'],
);

const RACE_FINDINGS = of(
  'src/commands/race/race-findings.ts',
  ['the first member that saw a flow has it', 'BigInt(b.last) > BigInt(a.last) ? b : a', 'BigInt(b.last) < BigInt(a.last) ? b : a'],
  ['directions are no packets', 'strayPackets += packets;', 'strayPackets += 1;'],
);

const OWN_LOAD = of(
  'src/commands/compare/own-load.ts',
  ['the CPU time of the first run counts', 'const kernelNs = host.processCpuNs() - own;', 'const kernelNs = host.processCpuNs();'],
  ['loss is no limit', 'if (dropped > 0) return', 'if (dropped < 0) return'],
  ['a busy CPU is no limit', 'if (achieved < KEPT_UP * rate) break;', 'if (achieved < 0.5 * rate) break;'],
  ['further groups are all groups', 'const further = Math.max(1, all.groups - 1);', 'const further = all.groups;'],
);

const SCALE = of(
  'src/commands/scale/scale.ts',
  ['CPU time is of one process', '(sum, member) => sum + (member.cpuNs ?? 0)', '(sum, member) => Math.max(sum, member.cpuNs ?? 0)'],
  ['loss is a share of what arrived', '(dropped / offered) * 100', '(dropped / captured) * 100'],
);

const SCALE_GAUGES = of(
  'src/commands/scale/scale-gauges.ts',
  ['the sender is measured from its birth', '(this.#last.cpuNs - this.#first.cpuNs) /', 'this.#last.cpuNs /'],
  ['one process is looked at', 'filter((index) => index % step === 0)', 'filter((index) => index === 0)'],
  ['rings are of one process', 'ringBytes: ringBytes * crew.size', 'ringBytes'],
);

const RESULT_HEAD = of('src/collector/run/result-head.ts', [
  'time is that of the machine',
  'Math.round(clock.nowMs() - begunMs)',
  'Math.round(performance.now())',
]);

export const MUTATIONS: readonly Mutation[] = [
  ...RECOMMEND,
  ...WORDS,
  ...NO_TRAFFIC,
  ...EXAMPLES,
  ...JUDGE,
  ...ISOLATED,
  ...BOUNDS,
  ...DOUBTS,
  ...CONFIDENCE,
  ...DIAGNOSE,
  ...READERS,
  ...EPOCHS,
  ...WATCH,
  ...CLOCK_STEPS,
  ...CLUSTER,
  ...MEMBER,
  ...DEADLINE,
  ...ACCOUNTING,
  ...GROUP_SAFETY,
  ...LANE,
  ...CONDUCT,
  ...CHURN,
  ...CHURN_EVENTS,
  ...CHURN_RESULT,
  ...RACE,
  ...RACE_FINDINGS,
  ...OWN_LOAD,
  ...SCALE,
  ...SCALE_GAUGES,
  ...RESULT_HEAD,
  ...NATIVE_JUDGE,
  ...NATIVE_EVIDENCE,
  ...NATIVE_FLOW_MAP,
  ...NATIVE_FRAGMENTS,
  ...NATIVE_REPEATS,
  ...HASH_BUGS,
  ...KERNELS,
  ...NATIVE_DISSECT,
  ...STACK_LAYERS,
  ...BRIEF,
  ...FLOW_MEMORY,
  ...NATIVE_CACHE,
  ...NATIVE_CACHE_HASH,
  ...NATIVE_GRE,
  ...NATIVE_DATAGRAM,
  ...NATIVE_LINK,
  ...NATIVE_WLAN,
  ...NATIVE_PROTOCOL,
  ...NATIVE_CAPTURE_FILE,
  ...NATIVE_PREDICTION,
];
