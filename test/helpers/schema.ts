/** The fields of report@1 that other programs rely on. Written down apart from the types of the source: a renamed field must fail here. */

type Check = (value: unknown, where: string) => readonly string[];

const is =
  (name: string, holds: (value: unknown) => boolean): Check =>
  (value, where) =>
    holds(value) ? [] : [`${where} is ${JSON.stringify(value) ?? 'missing'}, not ${name}`];

const text = is('text', (value) => typeof value === 'string');
const flag = is('true or false', (value) => typeof value === 'boolean');
const count = is('a count', (value) => Number.isSafeInteger(value) && Number(value) >= 0);
const number = is('a number', (value) => typeof value === 'number' && Number.isFinite(value));
const oneOf = (...values: readonly string[]): Check => is(values.join(' or '), (value) => values.includes(String(value)));
const matching = (pattern: RegExp): Check => is(String(pattern), (value) => pattern.test(String(value)));

const optional =
  (check: Check): Check =>
  (value, where) =>
    value === undefined ? [] : check(value, where);

const listOf =
  (check: Check): Check =>
  (value, where) =>
    Array.isArray(value) ? value.flatMap((element, i) => check(element, `${where}[${i}]`)) : [`${where} is not a list`];

const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value, where) => {
    if (typeof value !== 'object' || value === null) return [`${where} is not an object`];
    return Object.entries(fields).flatMap(([name, check]) => check(Reflect.get(value, name), `${where}.${name}`));
  };

const counts = (): Check => (value, where) =>
  typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([name, n]) => count(n, `${where}.${name}`)) : [where];

const reason = record({ code: text, message: text, remedy: optional(text) });
const flow = record({ proto: text, src: text, sport: count, dst: text, dport: count, communityId: optional(text) });
const answer = oneOf('yes', 'no', 'inconclusive');

const KERNEL_DESIGN = record({ portsWithAddresses: flag, readsHsr: flag, pppoe: oneOf('plain', 'checked', 'compressed') });

const REPORT = record({
  schema: oneOf('fanout-cluster/report@1'),
  tool: record({ version: text }),
  startedAt: matching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  durationMs: count,
  timing: record({ startMs: count, captureMs: count }),
  host: record({ kernel: text, cpus: count }),
  kernel: optional(record({ probed: flag, design: KERNEL_DESIGN })),
  source: record({ kind: oneOf('lab', 'live', 'pcap'), interface: text, seed: optional(count), pcap: optional(text), nic: optional(text) }),
  group: record({ mode: text, flags: listOf(text), id: count, procs: count }),
  verdict: record({ answer, reasons: listOf(reason), falsePassBound: number }),
  packets: record({
    offered: optional(count),
    offeredPerSecond: optional(count),
    captured: count,
    judged: count,
    dropped: count,
    ignored: counts(),
  }),
  flows: record({ total: count, twoWay: count, oneWay: count, consistent: count, split: count, asymmetric: count, duplicated: count }),
  stacks: listOf(
    record({ stack: text, flows: count, twoWay: count, split: count, asymmetric: count, duplicated: count, membersUsed: count, answer }),
  ),
  causes: listOf(record({ code: text, args: record({}), flows: count, harmless: flag, message: text, remedy: optional(text) })),
  members: listOf(
    record({ index: count, pid: count, cpu: optional(count), packets: count, bytes: count, flows: count, drops: count, freezes: count }),
  ),
  balance: record({ membersUsed: count, maxOverMean: number, topFlowShare: number }),
  order: record({
    checked: count,
    inversions: count,
    flows: count,
    evidence: oneOf('exact', 'tcp'),
    kinds: optional(record({ synAckFirst: count, ackFirst: count, timeStamp: count })),
  }),
  violations: listOf(
    record({
      kind: oneOf('split', 'asymmetric', 'duplicated'),
      cause: text,
      stack: text,
      flow,
      observations: listOf(
        record({ member: count, direction: oneOf('forward', 'reverse'), packets: count, kernelKey: matching(/^[0-9a-f]{16}$/) }),
      ),
    }),
  ),
  violationsOmitted: count,
  epochs: listOf(record({ members: count, reason: optional(text) })),
  warnings: listOf(reason),
});

const GROUP_PREDICTION = {
  group: record({ mode: oneOf('hash'), flags: listOf(oneOf('defrag')) }),
  packets: record({ read: count, leftOut: count, judged: count, overflowed: count, heldBack: optional(count), ignored: counts() }),
  flows: record({ total: count, kept: count, split: count, duplicated: count, harmless: count, twoWay: count, oneWay: count }),
  causes: listOf(record({ code: text, args: record({}), flows: count, harmless: flag, message: text, remedy: optional(text) })),
};

const PREDICTION = record({
  schema: oneOf('fanout-cluster/prediction@1'),
  tool: record({ version: text }),
  startedAt: matching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  source: record({ kind: oneOf('pcap'), pcap: text }),
  kernel: record({
    release: text,
    from: oneOf('option', 'this-host'),
    design: KERNEL_DESIGN,
    bugs: record({ b: flag, c: flag, d: flag }),
    probed: flag,
    assumed: listOf(text),
  }),
  ...GROUP_PREDICTION,
  stacks: listOf(record({ stack: text, flows: count, twoWay: count, kept: count, split: count, duplicated: count })),
  violations: listOf(
    record({
      kind: oneOf('split', 'asymmetric', 'duplicated'),
      cause: text,
      stack: text,
      flow,
      observations: listOf(
        record({
          member: is('absent', (value) => value === undefined),
          direction: oneOf('forward', 'reverse'),
          packets: count,
          kernelKey: matching(/^[0-9a-f]{16}$/),
        }),
      ),
    }),
  ),
  violationsOmitted: count,
  alternative: record(GROUP_PREDICTION),
  warnings: listOf(reason),
});

/** The same of a prediction. */
export function predictionSchemaErrors(prediction: unknown): readonly string[] {
  return PREDICTION(prediction, 'prediction');
}

/** What a report lacks, or has of another kind. */
export function schemaErrors(report: unknown): readonly string[] {
  return REPORT(report, 'report');
}
