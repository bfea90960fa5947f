/** `run`: test one group, on live traffic or in the lab. */
import { Command, Option } from 'commander';
import { lastSnapshot } from '../../collector/report/progress.ts';
import type { RunCluster, RunIo } from '../../collector/run/io.ts';
import type { Provisioning, Provisions } from '../../collector/run/provisions.ts';
import { EXIT, type ExitStatus } from '../../errors.ts';
import { FANOUT_MODE_NAMES } from '../../model/fanout.ts';
import { FLOW_MEMORY_MAX, FLOW_MEMORY_MIN } from '../../model/run-limits.ts';
import type { RunResult } from '../../model/run-result.ts';
import { NIC_EXAMPLE } from '../../options/nic.ts';
import { DEFAULTS, INJECTIONS, type Options, parseOptions, type RawOptions } from '../../options/options.ts';
import { sizeText } from '../../options/values.ts';
import { type Host, progressOn } from '../../process/host.ts';
import { bareWord } from '../bare-word.ts';
import { reported } from '../reported.ts';
import { renderBrief, renderTerminal } from './report.ts';
import { renderTrafficList } from './traffic-list.ts';

/** What is loaded only when something is to be run. */
export interface Collector {
  readonly runCluster: RunCluster;
  readonly provisioning: Provisioning;
}

export type LoadCollector = () => Promise<Collector>;

/** @param done receives the exit status of the verdict */
export function runCommand(host: Host, loadCollector: LoadCollector, done: (status: ExitStatus) => void): Command {
  const command = new Command('run').description('test one fanout group, on live traffic or in the lab (default)');
  addRunOptions(command);
  // Words without an option are none of its arguments, but what was meant by them can often be told.
  command.argument('[words...]').usage('[options]');
  return command.optionsGroup('Other:').action(async ([word]: readonly string[], raw: RawOptions) => {
    if (word !== undefined) throw bareWord(word, command.parent?.commands.map((one) => one.name()) ?? []);
    if (raw.traffic === 'list') {
      host.stdout.write(renderTrafficList());
      done(EXIT.yes);
      return;
    }
    const options = host.parse((machine) => parseOptions(raw, machine));
    if (options.source.kind !== 'live') await host.enterLab();
    // Loaded only now: --help and typing errors need none of it.
    done(await run(options, host, await loadCollector()));
  });
}

export async function run(options: Options, host: Host, { runCluster, provisioning }: Collector): Promise<ExitStatus> {
  const { output, statusIntervalMs } = options;
  const work = async (provisions: Provisions) => {
    const progress = progressOn(host, output, statusIntervalMs);
    const io: RunIo = { version: host.version, signal: host.signal, onProgress: (snapshot) => progress?.update(snapshot) };
    try {
      const result = await runCluster(options, { ...io, provisions });
      progress?.finish(lastSnapshot(result));
      return result;
    } catch (error) {
      progress?.finish();
      throw error;
    }
  };
  return statusOf(await reported(output, host, provisioning({ runs: [options] }), work, { full: renderTerminal, brief: renderBrief }));
}

function statusOf({ verdict }: RunResult): ExitStatus {
  return EXIT[verdict.answer];
}

/** Options of a run, for commands that make some. @param isWanted by their names in RawOptions */
export function addRunOptions(command: Command, isWanted: (name: string) => boolean = () => true): void {
  for (const [heading, options] of OPTION_GROUPS) {
    const wanted = options.map((create) => create()).filter((option) => isWanted(option.attributeName()));
    if (wanted.length > 0) command.optionsGroup(heading);
    for (const option of wanted) command.addOption(option);
  }
}

const LIVE_AND_LAB = 'without it: the lab, a private network namespace';

const OPTION_GROUPS: readonly (readonly [string, readonly (() => Option)[]])[] = [
  [
    'The group under test:',
    [
      () => new Option('-i, --interface <name>', `capture live traffic there (${LIVE_AND_LAB})`),
      () => new Option('-n, --procs <count>', 'processes in the group, 1 to 65536 (default: online CPUs, at least 2)'),
      () => new Option('-m, --mode <mode>', `${FANOUT_MODE_NAMES.join(', ')} (default: ${DEFAULTS.mode})`),
      () => new Option('--defrag', 'let the kernel reassemble IPv4 fragments first'),
      () => new Option('--rollover', 'let the kernel pass packets on when a ring is full'),
      () => new Option('--ignore-outgoing', 'leave out packets that this host sends (Linux 6.2 or newer)'),
      () => new Option('--group-id <id>', '1 to 65535 (default: a free one, chosen by the kernel)'),
      () =>
        new Option('--cbpf-program <file>', 'steering program of mode cbpf: output of tcpdump -ddd, -dd or bpf_asm; "none" to attach none'),
      () => new Option('--ebpf-program <path>', 'steering program of mode ebpf: pinned program or object file; "none" to attach none'),
      () => new Option('--force', 'allow --defrag although another group exists on this host, which may blind it to fragments'),
    ],
  ],
  [
    'When to stop (at the first limit reached):',
    [
      () =>
        new Option(
          '--max-flows <count>',
          `flows seen in both directions (live without any limit: ${DEFAULTS.liveFlows}, or ${DEFAULTS.liveDuration})`,
        ),
      () => new Option('--max-packets <count>', 'packets captured'),
      () => new Option('--duration <time>', '10, 500ms, 10s, 5m or 2h; a bare number is seconds'),
      () => new Option('--fail-fast', 'end at the first proven violation'),
    ],
  ],
  [
    'Capture:',
    [
      () => new Option('--filter <expression>', 'pcap filter, such as "tcp port 443"'),
      () => new Option('--snaplen <bytes>', `bytes of each packet to look at, 64 to 65535 (default: ${DEFAULTS.snaplen})`),
      () => new Option('--ring-size <size>', `ring memory of each process (default: ${DEFAULTS.ringSize})`),
      () => new Option('--block-size <size>', `a multiple of the page size (default: ${DEFAULTS.blockSize})`),
      () => new Option('--block-timeout <ms>', `milliseconds after which a block is handed over (default: ${DEFAULTS.blockTimeout})`),
      () =>
        new Option(
          '--flow-memory <size>',
          `memory for the flows that the collector holds, from ${sizeText(FLOW_MEMORY_MIN)} on (default: a quarter of what is available, at most ${sizeText(FLOW_MEMORY_MAX)})`,
        ),
      () => new Option('--promisc', 'promiscuous mode (default on a live interface)'),
      () => new Option('--no-promisc', 'no promiscuous mode'),
      () => new Option('--pin [cpus]', 'pin process i to the i-th CPU of the list, such as 0-3,8, or of all (auto)'),
      () => new Option('--work-ns <ns>', `simulated cost of inspecting a packet (default: ${DEFAULTS.workNs})`),
      () => new Option('--worker-timeout <time>', `how long a process may take to answer (default: ${DEFAULTS.workerTimeout})`),
    ],
  ],
  [
    'The lab:',
    [
      () => new Option('--pcap <file>', 'send what a capture file holds: pcap, pcapng, snoop or ERF (- is standard input; gzip is undone)'),
      () => new Option('--lab-interface <kind>', `${INJECTIONS.join(', ')} (default: ${DEFAULTS.labInterface})`),
      () =>
        new Option(
          '--traffic <class,...>',
          'classes or groups of traffic, or globs such as "vlan*"; "list" shows them (default: standard)',
        ),
      () => new Option('--flows <count>', `two-way flows to make up (default: ${DEFAULTS.flows})`),
      () => new Option('--packets-per-flow <count>', `in each round, both directions together (default: ${DEFAULTS.packetsPerFlow})`),
      () => new Option('--rate <pps>', `packets per second (default: ${DEFAULTS.rate})`),
      () => new Option('--burst <packets>', 'send so many back to back, at the same mean rate'),
      () => new Option('--rounds <count>', `how often to send all of it (default: ${DEFAULTS.rounds})`),
      () => new Option('--loop', 'send until a limit or a signal ends the run'),
      () =>
        new Option(
          '--nic <settings>',
          `receive queues of a simulated NIC, for modes qm and cpu: ${NIC_EXAMPLE}, or a file with the output of ethtool -x`,
        ),
      () => new Option('--seed <number>', 'repeat the traffic of an earlier run (default: random, reported)'),
    ],
  ],
  [
    'Verdict and report:',
    [
      () =>
        new Option('--tolerate <cause>', 'a cause that shall not make the answer NO (repeatable; see docs/verdicts.md)').argParser(collect),
      () => new Option('--max-loss <percent>', `live loss above which YES becomes INCONCLUSIVE (default: ${DEFAULTS.maxLoss})`),
      () => new Option('--json [file]', 'one JSON document to the file, or to standard output instead of the text'),
      () =>
        new Option('--status-interval <time>', `between progress lines where there is no terminal (default: ${DEFAULTS.statusInterval})`),
      () => new Option('--quiet', 'no progress; only the answer and why'),
      () => new Option('--no-color', 'no colours (also: NO_COLOR)'),
    ],
  ],
];

function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
