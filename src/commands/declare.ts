/** Commands as commander takes them: from the registry and the table of options to what was typed. */
import { Command, Option } from 'commander';
import { printable } from '../collector/report/printable.ts';
import { type ExitStatus, FanoutError } from '../errors.ts';
import { SECTIONS, shownOptions } from '../options/table.ts';
import type { Host } from '../process/host.ts';
import { bareWord } from './bare-word.ts';
import { COMMANDS } from './registry.ts';
import type { CommandSpec } from './spec.ts';

/** @param done receives the exit status of the command that was called */
export function declareProgram(host: Host, done: (status: ExitStatus) => void): Command {
  const program = new Command('fanout-cluster')
    .description('Can a multi-process IDS trust AF_PACKET fanout here? YES, NO or INCONCLUSIVE, with evidence.')
    .version(host.version, '-V, --version', 'print the version')
    .hook('preAction', checkSystemCalls);
  const [standard] = COMMANDS;
  for (const spec of COMMANDS) program.addCommand(declare(spec, host, done), { isDefault: spec === standard });
  program.addHelpText('after', () => `\n${program.commands[0]?.helpInformation() ?? ''}${EXAMPLES}\n${standard.exitStatuses}\n`);
  for (const command of [program, ...program.commands]) {
    command.exitOverride().helpOption('-h, --help', 'print this help').showHelpAfterError('fanout-cluster --help lists the options');
    // Messages repeat what was typed, and that may be anything.
    command.configureOutput({ outputError: (text, write) => write(`${text.trimEnd().split('\n').map(printable).join('\n')}\n`) });
  }
  return program;
}

function declare(spec: CommandSpec, host: Host, done: (status: ExitStatus) => void): Command {
  const { name, summary, argument, exitStatuses } = spec;
  const command = new Command(name).description(summary);
  if (argument !== undefined) command.argument(argument.syntax, argument.help);
  addOptions(command, spec);
  const examples = name === COMMANDS[0].name ? EXAMPLES : '';
  return command
    .allowExcessArguments()
    .optionsGroup('Other:')
    .addHelpText('after', `${examples}\n${exitStatuses}\n`)
    .action(async () => {
      const [first, second] = command.args;
      const stray = argument === undefined ? first : argument.isList === true ? undefined : second;
      if (stray !== undefined) throw strayWord(stray, spec);
      done(await spec.perform({ typed: command.opts(), argument: first, words: command.args }, host));
    });
}

/** What was meant by a word that is no argument can often be told. */
function strayWord(word: string, { name, argument }: CommandSpec): FanoutError {
  if (argument === undefined)
    return bareWord(
      word,
      COMMANDS.map((one) => one.name),
    );
  return new FanoutError('USAGE', `${name} takes one argument, and ${JSON.stringify(word)} is another`, 'give one at a time');
}

function addOptions(command: Command, { options }: CommandSpec): void {
  let section: string | undefined;
  for (const { flags, help, isRepeatable, ...shown } of shownOptions(options)) {
    if (shown.section !== section) command.optionsGroup(SECTIONS[shown.section]);
    section = shown.section;
    const option = new Option(flags, help);
    command.addOption(isRepeatable ? option.argParser(collect) : option);
  }
}

function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}

/** Once a command needs the addon; --help and --version do not. */
async function checkSystemCalls(): Promise<void> {
  (await import('../host/system-calls.ts')).checkSystemCalls();
}

const EXAMPLES = `
Examples:
  sudo fanout-cluster --procs 16                                  the lab: does this kernel keep flows together?
  sudo fanout-cluster -i eth0 --procs 16 --mode hash              live traffic, as 16 IDS workers would see it
  sudo fanout-cluster -i eth0 -n 8 -m qm --duration 1m --json run.json
  sudo fanout-cluster compare -i eth0 --procs 16                  which mode? all of them on the same packets
  fanout-cluster matrix                                           every class of traffic in every mode: what is safe on this kernel
  fanout-cluster scale --procs 1,2,4,8,16                         rate, loss, balance and cost as the group grows
  sudo fanout-cluster --from /etc/suricata/suricata.yaml          just what a configuration deploys
  fanout-cluster predict trace.pcap                               no privileges: which flows mode hash must split, and why
  sudo fanout-cluster cure --hash                                 mend what hash splits, in the groups that run here
  fanout-cluster lint /etc/suricata/suricata.yaml                 mistakes in a configuration, without traffic
  sudo fanout-cluster groups                                      whose fanout groups run here
  sudo fanout-cluster doctor -i eth0 -m qm                        settings of a NIC and its host that break a mode
  sudo fanout-cluster -n 4 -m cbpf --cbpf-program steering.txt
`;
