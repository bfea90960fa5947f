// From the records of a kernel to rows of a table: what was tried, what came of it, what had to, and why it differs between kernels.

/**
 * @returns cells by row. A step that was not done, or did not end, has none.
 */
export function cellsOf(records) {
  const cells = new Map();
  for (const record of records) for (const [row, cell] of rowsOf(record)) cells.set(row, cell);
  return cells;
}

function rowsOf(record) {
  const { step, status, stdout, report } = record;
  if (step === 'facts' && status === 0)
    return (stdout ?? '')
      .trim()
      .split('\n')
      .map((line) => line.split('\t'))
      .map(([name, value = '']) => [name, value.replace(/^1[0-6] of 16/, 'nearly all of 16')]);
  if (step.startsWith('matrix') && Array.isArray(report?.cells)) return report.cells.map(cellOfMatrix);
  if (step === 'probe' && report?.kernel?.probed === true) return [[PROBE, bugsOf(report.kernel)]];
  const name = STEP_NAMES[step];
  if (step === 'lab' && report?.verdict !== undefined)
    return [
      [name, answerOf(report)],
      [ASKED, report.kernel === undefined ? 'no, its release tells' : report.kernel.probed ? 'yes' : 'no, it could not'],
    ];
  if (name !== undefined) return [[name, outcomeOf(record)]];
  // What only prepares, and what answers in rows of its own, is no row by itself, unless it failed.
  return step === 'kernel' || (status === 0 && !step.startsWith('matrix')) ? [] : [[`step ${step}`, outcomeOf(record)]];
}

function cellOfMatrix({ class: name, mode, flags, outcome, cause, reason }) {
  const why = cause ?? reason;
  return [`${name}, ${[mode, ...flags].join('+')}`, why === undefined ? outcome : `${outcome} (${why})`];
}

/** As it hashed when it was asked, whatever its release says. */
function bugsOf({ bugs, design }) {
  const found = [
    ...['b', 'c', 'd'].filter((bug) => bugs[bug]).map((bug) => `known-bug-${bug}`),
    ...(design.portsWithAddresses ? ['joint ports'] : []),
  ];
  return found.length === 0 ? 'no bug' : found.join(' ');
}

const ASKED = 'whether a run asks the kernel';
const PROBE = '`predict` asks the kernel';

const ANSWERS = { yes: 'YES', no: 'NO', inconclusive: 'INCONCLUSIVE' };

function outcomeOf({ status, signal, stderr = '', stdout, report }) {
  if (signal !== undefined && signal !== null) return `ended by ${signal}`;
  const refused = /^fanout-cluster: ([A-Z_]+):/m.exec(stderr)?.[1];
  if (refused !== undefined) return `${refused} (${status})`;
  if (/this is a defect of the tool/.test(stderr)) return `defect (${status})`;
  if (report?.verdict !== undefined) return answerOf(report);
  if (report?.runs !== undefined)
    return report.runs.map((run) => `${[run.group.mode, ...run.group.flags].join('+')} ${ANSWERS[run.verdict.answer]}`).join(', ');
  return `status ${status}${typeof stdout === 'string' && stdout.length < 20 ? `, ${stdout.trim()}` : ''}`;
}

function answerOf({ verdict, warnings }) {
  const codes = verdict.reasons.map(({ code }) => code).filter((code) => code !== 'proven');
  const warned = warnings.map(({ code }) => code).filter((code) => TOLD_WARNINGS.has(code));
  return [ANSWERS[verdict.answer], ...codes.sort(), ...warned.map((code) => `(${code})`)].join(' ');
}

const TOLD_WARNINGS = new Set(['ignore-outgoing-ineffective', 'outgoing-packets']);

const STEP_NAMES = {
  version: '`--version`',
  'no-tun-lab': 'the lab, no module tun behind /dev/net/tun',
  'no-tun-compare': '`compare --modes hash,lb`, no module tun',
  'no-tun-nic': '`--nic`, no module tun',
  'no-diag-live': 'live, no packet_diag',
  'no-diag-group': '`--group-id`, no packet_diag, nobody captures',
  'no-diag-taken': '`--group-id` of a group that exists, no packet_diag',
  'no-diag-beside': '`--group-id` beside another group, no packet_diag',
  'no-diag-joined': '`--group-id`, another program joins, no packet_diag',
  'no-diag-defrag': '`--defrag` beside another group, no packet_diag',
  live: 'live on a veth pair',
  'live-outgoing': 'live where the packets are sent',
  'live-ignore-outgoing': '`--ignore-outgoing` where the packets are sent',
  taken: '`--group-id` of a group that exists',
  down: 'live on a link that is down',
  lab: 'the lab, as root',
  user: 'the lab, as a user',
  'no-sys': 'the lab without /sys',
  'no-proc': 'the lab without /proc',
  'no-proc-version': '`--version` without /proc',
  'mode-lb': '`--mode lb`',
  'mode-cpu': '`--mode cpu`',
  'mode-rollover': '`--mode rollover`',
  'mode-rnd': '`--mode rnd`',
  'mode-qm': '`--mode qm`',
  'mode-hash-defrag': '`--defrag`, fragments',
  'mode-cbpf-none': '`--mode cbpf` without program',
  'mode-ebpf-none': '`--mode ebpf` without program',
  churn: '`churn`',
  'steer-loads': 'both built-in programs are loaded',
  'steer-hash': 'all classes, `--mode hash`',
  'steer-addresses': 'all classes, `--ebpf-program builtin:addresses`',
  'steer-ports': 'all classes, `--ebpf-program builtin:ports`',
  'steer-dissector': 'all classes, mode hash with the flow dissector',
  'steer-dissector-fallback': 'all classes, mode hash with the flow dissector without BPF_FLOW_DISSECTOR_CONTINUE',
  'steer-group': 'a program is given to a group of other processes, in mode ebpf',
  probe: PROBE,
};

/** Of 60 flows, by chance all 16 members get one, or all but a few. */
const SPREAD = /^nearly all of 16 members, 0 of 60 flows split$/;

/** What a row must hold, by what the kernel is known for; undefined: it is told, and not demanded. */
export const DEMANDS = [
  [/^step /, () => /^it did not fail$/],
  [/^`--version`/, () => /^status 0/],
  [/no module tun behind/, labAnswer],
  [/compare .*no module tun/, () => /^hash (YES|NO), lb NO$/],
  [/^`--nic`, no module tun/, () => /^LAB_FAILED \(4\)$/],
  [/^live, no packet_diag|^live on a veth pair|nobody captures$/, () => /^YES$/],
  [/of a group that exists|beside another group, no packet_diag$/, () => /^(GROUP_TAKEN|DEFRAG_UNSAFE) \(4\)$/],
  [/another program joins, no packet_diag/, () => /^INCONCLUSIVE foreign-member-possible/],
  [/^live where the packets are sent/, () => /^YES \(outgoing-packets\)$/],
  [
    /^`--ignore-outgoing` where/,
    (has) => (has('keepsOutgoing') ? /^INCONCLUSIVE no-flows \(ignore-outgoing-ineffective\)$/ : /^INCONCLUSIVE no-traffic$/),
  ],
  [/^live on a link that is down/, () => /^INTERFACE_DOWN \(4\)$/],
  [/^the lab, as|^the lab without \/sys/, labAnswer],
  [/^the lab without \/proc/, () => /^NO_PROC \(4\)$/],
  [/^`--mode lb`/, () => /^NO .*lb-by-design/],
  [/^`--mode rnd`/, () => /^NO .*rnd-by-design/],
  [/^`--mode (cpu|qm|rollover)`/, () => /^INCONCLUSIVE .*one-member/],
  [/^`--mode [ce]bpf` without program/, () => /^INCONCLUSIVE bpf-program-missing one-member$/],
  [/^fanout_args/, () => /^ok$/],
  [/^members of a group without/, () => /^256, then ENOSPC$/],
  [/^a group on a link that is down/, (has) => (has('refusesDown') ? /^EINVAL$/ : /^ok$/)],
  [/IGNORE_OUTGOING sees/, (has) => (has('keepsOutgoing') ? /10 of 10$/ : / 0 of 10$/)],
  [/^frames with [12] VLAN tags?, captured where they were sent/, (has) => (has('spreadsTagged') ? SPREAD : /^1 of 16/)],
  [/^frames with .* captured at the peer|^frames with 0/, () => SPREAD],
  [/^ipv4-tcp, hash|^ipv6-udp, hash|^vlan-ipv4-tcp, hash/, () => /^kept$/],
  [/^both built-in programs/, () => /^status 0/],
  [/^all classes, `--mode hash`/, () => /^NO /],
  [/^all classes, `--ebpf-program|^a program is given to a group/, () => /^YES$/],
  // What older kernels ask for fanout with a flag that all others have, too, the dissector leaves to them.
  [/^all classes, mode hash with the flow dissector/, (has) => (has('asksWithFlag') ? /^NO / : /^YES$/)],
  [/^`predict` asks the kernel/, probed],
  [/^whether a run asks the kernel/, () => /^no, its release tells$/],
  // Beside flows that joint sorting of ports parts, the pattern of bug B is not the only one.
  [/^top-bit-.*, hash/, (has) => (has('bugB') ? /^split \((known-bug-b|hash-asymmetric)\)$/ : /^kept$/)],
  [/^label-one-way-.*, hash/, (has) => (has('bugC') ? /^split \(known-bug-c\)$/ : has('bugA') ? /^split \(known-bug-a\)$/ : /^kept$/)],
  [/^label-pair-.*, hash/, (has) => (has('bugA') ? /^split \(known-bug-a\)$/ : /^kept$/)],
  [/^(esp|ah)-same-spi-.*, hash/, (has) => (has('jointPorts') ? /^(split|apart) / : /^kept$/)],
  [/^hsr-.*, hash/, (has) => (has('noHsr') ? /^one-member / : /^kept$/)],
  [/^4in6-ipv4-tcp, hash/, (has) => (has('noBugD') ? /^kept$/ : /^split \(known-bug-d\)$/)],
  [/^4in6-near-ipv4-tcp, hash/, () => /^kept$/],
];

// The standard traffic has flows that bugs A, B and C part.
function labAnswer(has) {
  const bugs = ['A', 'B', 'C'].filter((bug) => has(`bug${bug}`)).map((bug) => `known-bug-${bug.toLowerCase()}`);
  return bugs.length === 0 ? /^YES$/ : new RegExp(`^NO ${bugs.join(' ')}$`);
}

// What is asked does not show bug A: no packet of the questions differs by direction in what it hashes too much.
function probed(has) {
  const hasBug = { B: has('bugB'), C: has('bugC') };
  const bugs = [...['B', 'C'].filter((bug) => hasBug[bug]), ...(has('noBugD') ? [] : ['D'])].map((bug) => `known-bug-${bug.toLowerCase()}`);
  const found = [...bugs, ...(has('jointPorts') ? ['joint ports'] : [])];
  return new RegExp(`^${found.length === 0 ? 'no bug' : found.join(' ')}$`);
}

/** Rows that do not hold what they must. */
export function unmetBy(cells, { traits }) {
  const has = (trait) => traits.includes(trait);
  return [...cells].flatMap(([row, cell]) => {
    const wanted = DEMANDS.find(([pattern]) => pattern.test(row))?.[1](has);
    return wanted === undefined || wanted.test(cell) ? [] : [{ row, cell, wanted: String(wanted) }];
  });
}

/** Why kernels differ in a row. */
const REASONS = [
  [/^top-bit-/, 'bug B: fixed by 64ae13ed4784 (6.0, 5.10.146)'],
  [/^label-/, 'bug C: fixed by a5e2151ff9d5 (6.6, 6.1.54, 5.10.195)'],
  [/^(esp|ah)-same-spi/, 'ports, and so SPIs, are sorted apart from addresses since 1e60cebf8294 (5.10.146)'],
  [/^hsr-|^prp-/, 'HSR and PRP are dissected in 6.1, not in 5.10'],
  [/link that is down$/, 'a group needs a bound socket instead of a running one since 2cee3e6e2e4b (6.13)'],
  [/IGNORE_OUTGOING|ignore-outgoing/, 'the flag came with 58ba426388d9 (6.2); older kernels accept it like any unknown one'],
  [
    /VLAN tags?, captured where they were sent/,
    'later kernels move the network header past the tag, and dissect what follows as if the tag were there: the packet length decides',
  ],
  [/^4in6-/, 'bug D: mended by a patch of scripts/kernels/source'],
  [/with the flow dissector/, 'fanout asks without a flag since a5e2151ff9d5 (6.6, 6.1.54, 5.10.195)'],
  [/^`predict` asks the kernel$/, 'what it does, whatever its release says'],
  [/the lab|no module tun/, 'bugs A, B and C part flows of the standard traffic'],
];

export function reasonFor(row) {
  return REASONS.find(([pattern]) => pattern.test(row))?.[1] ?? '';
}
