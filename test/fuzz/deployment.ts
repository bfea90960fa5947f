/** Any text as a configuration of any kind: it is read, or said to be unreadable, soon and with places that exist. */
import { strict as assert } from 'node:assert';
import fc from 'fast-check';
import { sayLint } from '../../src/collector/words/lint/say.ts';
import type { Group } from '../../src/deployment/group.ts';
import { groupOptions } from '../../src/deployment/group-options.ts';
import { KINDS } from '../../src/deployment/reading.ts';
import { GOOD, readingOf } from '../helpers/deployments.ts';
import { bytesOf, type FuzzTarget, mutated, textOf } from './target.ts';

/** What readers of one or another kind look for. */
const WORDS: readonly string[] = [
  ...[
    '%YAML 1.1\n---\n',
    'af-packet:\n',
    '  - interface: default\n',
    'include: main.yaml\n',
    '!include ',
    '*a',
    '&a ',
    '<<: *a\n',
    '{{ x }}',
    '{% if %}',
  ],
  ...['cluster-type: cluster_qm\n', 'threads: auto\n', 'copy-mode: ips\n', '_', '"', '[', '{', '- ', '|\n', '>\n', '%', '%%', '%(x)s'],
  ...[
    '[worker-1]\n',
    '[DEFAULT]\n',
    'type=worker\n',
    'lb_procs=2\n',
    'lb_method=interfaces\n',
    'interface=af_packet::',
    '\n  ',
    'pin_cpus=0-',
    ' # ',
  ],
  ...[
    'workers = 65536\n',
    'workers_cpu_list = 0-99999:1\n',
    'interface = af_packet::e$\x7bworker_index0}',
    '[interface a]\n',
    'worker_args = ',
  ],
  ...['daq = {', 'daq.modules[1]', '..', '[[', ']]', '--[[', 'snort["-z"] = ', 'function() end', '{{{{{{'],
  ...[
    '[default]\n',
    'includes=main.yaml\n',
    'interface=a;b;c\n',
    '-C ',
    '-K ',
    '--daq-var ',
    '--vdev=net_af_packet0,iface=a,qpairs=9',
    "'",
    '\\\n',
    ';',
    '&',
  ],
  ...['ExecStart=', 'command=', 'services:\n  a:\n    command: suricata -i x\n', '"Threads": [', '--fanout_id=', ' = (null)\n', 'sh -c '],
];

const texts = fc.oneof(
  ...Object.values(GOOD).map((text) => fc.constant(text)),
  fc.constantFrom(...Object.values(GOOD)).chain((first) => fc.constantFrom(...Object.values(GOOD)).map((second) => `${first}${second}`)),
);

function check(text: string, kind?: (typeof KINDS)[number]): void {
  const lines = text.split('\n').length;
  // A file that includes itself under every name.
  const there = { '/etc/sensor/main.yaml': text, '/etc/sensor/suricata.yaml': text };
  const reading = readingOf(text, { there, ...(kind === undefined ? {} : { kind }) });
  assert(reading.outcome === 'error' || reading.unreadable === undefined);
  assert(reading.outcome !== 'groups' || reading.groups.length > 0);
  for (const group of reading.groups) {
    assert(group.procs === 'auto' || (Number.isInteger(group.procs) && group.procs >= 1), `procs ${group.procs}`);
    assert(typeof group.id !== 'number' || (group.id >= 0 && group.id <= 65535 + 32), `id ${group.id}`);
    checkOptions(group);
  }
  for (const finding of reading.findings) {
    const { message, remedy } = sayLint(finding);
    assert(message !== '' && remedy !== '' && message.length < 4000);
    // Unless the text has it, no gap of the words may show.
    assert(!/undefined|NaN|\[object/.test(message) || /undefined|NaN|\[object/.test(text), message);
    const { at } = finding;
    assert(at === undefined || (at.line >= 1 && at.line <= lines && at.column >= 1), `${finding.rule} at ${at?.line}:${at?.column}`);
  }
}

const HOST = { cpus: 8, onlineCpus: [0, 1, 2, 3, 4, 5, 6, 7], queues: 4, pageBytes: 4096 };

/** Options that --from makes of it are such as can be typed. */
function checkOptions(group: Group): void {
  const { settings } = groupOptions(group, HOST);
  const values = new Map(settings.map(({ option, value }) => [option, value]));
  assert.equal(values.size, settings.length, 'an option twice');
  for (const name of ['ringSize', 'blockSize', 'blockTimeout', 'snaplen', 'procs'] as const) {
    const value = values.get(name);
    assert(value === undefined || /^[1-9]\d{0,9}$/.test(String(value)), `${name} ${value}`);
  }
  const [ring, block, snaplen] = (['ringSize', 'blockSize', 'snaplen'] as const).map((name) => Number(values.get(name) ?? 0));
  if (ring !== undefined && block !== undefined && snaplen !== undefined && ring > 0)
    assert(ring % block === 0 && ring >= 2 * block && block % HOST.pageBytes === 0 && block > snaplen, `ring ${ring}, block ${block}`);
}

export const deployment: FuzzTarget = {
  name: 'deployment',
  covers: ['src/deployment/!(lines).ts', 'src/deployment/*/*.ts', 'src/collector/words/lint/*.ts'],
  words: WORDS,
  inputs: mutated(texts, WORDS).map(bytesOf),
  run: (input) => {
    const text = textOf(input);
    check(text);
    for (const kind of KINDS) check(text, kind);
  },
};
