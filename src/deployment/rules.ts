/** The rules of the linter: what each finding is about, and how bad it is. Their words are in collector/words/lint, their reasons in docs/lint.md. */
import type { FanoutMode } from '../model/fanout.ts';
import type { Program } from './group.ts';
import type { Place } from './source.ts';

export type Severity = 'error' | 'warning' | 'info';

interface Of {
  readonly program: Program;
  readonly interface: string | null;
}
/** A value as it is written. */
interface Given {
  readonly given: string;
}
interface Keyed extends Given {
  readonly key: string;
}
interface Section {
  readonly section: string;
}
type Nothing = Readonly<Record<never, never>>;

/** Of all programs. */
export interface GroupRules {
  'group-on-two-interfaces': { readonly program: Program; readonly id: number; readonly interfaces: readonly string[] };
  'group-shared-by-programs': { readonly id: number | 'ifindex'; readonly interface: string; readonly programs: readonly string[] };
  'group-id-in-use': { readonly program: Program; readonly id: number; readonly running: string };
  'fragments-split': Of;
  'defrag-ring-too-small': Of & { readonly bytes: number; readonly unit: 'block' | 'frame' };
  'defrag-groups-steal': { readonly groups: readonly string[] };
  'mode-splits-flows': Of & { readonly mode: FanoutMode };
  'mode-follows-nic': Of & { readonly mode: FanoutMode };
  'rollover-flag': Of;
  'bpf-mode-without-program': Of & { readonly mode: FanoutMode };
  'one-member': Of;
  'members-over-limit': Of & { readonly id: number; readonly members: number };
  'duplicated-readers': Of & { readonly readers: number };
  'id-out-of-range': { readonly program: Program } & Given;
  'id-zero': { readonly program: Program };
  'ring-memory': Of & { readonly bytes: number; readonly available: number };
  'interface-loopback': { readonly program: Program };
  'interface-missing': { readonly program: Program; readonly interface: string; readonly isDown: boolean };
  'template-not-filled': { readonly placeholder: string };
  'filter-on-some-members': { readonly id: number | 'ifindex'; readonly interface: string };
  'block-size-page': Of & { readonly bytes: number };
  'qm-members-over-queues': Of & { readonly members: number; readonly queues: number };
}

export interface SuricataRules {
  'suricata-yaml-header': { readonly flaw: 'no-directive' | 'other-version'; readonly document: number; readonly given?: string };
  'suricata-yaml-alias': { readonly alias: string; readonly isMerge: boolean };
  'suricata-key-twice': { readonly key: string; readonly firstLine: number };
  'suricata-key-underscore': { readonly key: string };
  'suricata-include-missing': { readonly path: string; readonly why: string };
  'suricata-include-form': { readonly form: 'mapping' | 'several' };
  'suricata-no-af-packet': { readonly hasSection: boolean };
  'suricata-interface-empty': Nothing;
  'suricata-interface-twice': { readonly interface: string; readonly entries: number; readonly threads: number | 'auto' };
  'suricata-twice-without-id': { readonly interface: string; readonly ids: readonly number[] };
  'suricata-id-from-default': { readonly id: number; readonly interfaces: readonly string[] };
  'suricata-id-invalid': Given;
  'suricata-threads-invalid': Given;
  'suricata-auto-is-one': { readonly interface: string | null; readonly type: string };
  'suricata-qm-auto-one-queue': { readonly interface: string };
  'suricata-threads-capped': { readonly interface: string; readonly threads: number; readonly most: number };
  'suricata-cluster-type': Given;
  'suricata-cluster-rollover': { readonly isMode: boolean };
  'suricata-own-lb': Given;
  'suricata-rollover-key': { readonly isFlag: boolean };
  'suricata-not-a-boolean': Keyed;
  'suricata-number-invalid': Keyed;
  'suricata-runmode-single': { readonly interfaces: number };
  'suricata-runmode-autofp': Nothing;
  'suricata-v3-not-workers': { readonly runmode: string };
  'suricata-v2-defrag-cut': { readonly interface: string | null; readonly frame?: number };
  'suricata-v2-ids': { readonly interface: string | null };
  'suricata-copy-v3': { readonly interface: string | null };
  'suricata-copy-defrag': { readonly interface: string | null };
  'suricata-copy-iface-same': { readonly interface: string };
  'suricata-copy-incomplete': { readonly mode: string; readonly lacks: 'interface' | 'mode' };
  'suricata-copy-threads': { readonly interfaces: readonly [string, string]; readonly threads: readonly [string, string] };
  'suricata-ips-and-ids': { readonly inline: readonly string[]; readonly others: readonly string[] };
  'suricata-ring-small': { readonly ring: number; readonly threads: number; readonly pending: number };
  'suricata-use-mmap': Nothing;
  'suricata-livedev': { readonly interfaces: readonly string[] };
  'suricata-not-af-packet': { readonly option: string };
}

export interface ZeekRules {
  'zeek-inline-comment': Keyed;
  'zeek-section-twice': { readonly section: string; readonly key?: string; readonly firstLine: number };
  'zeek-no-section': Given;
  'zeek-lb-method-missing': Section;
  'zeek-lb-procs-missing': Section;
  'zeek-lb-method': Given;
  'zeek-no-manager': Nothing;
  'zeek-prefix-with-af-packet': { readonly interface: string };
  'zeek-prefix-twice': { readonly interface: string };
  'zeek-prefix-wrong': Given;
  'zeek-custom-without-prefix': { readonly interface: string };
  'zeek-workers-same-interface': { readonly interface: string; readonly workers: number };
  'zeek-default-id-shared': { readonly interfaces: readonly string[] };
  'zeek-option-without-lb-procs': { readonly key: string };
  'zeek-option-unknown': { readonly key: string; readonly since?: string };
  'zeek-option-in-env-vars': { readonly key: string };
  'zeek-enum': Given;
  'zeek-fanout-off': { readonly interface: string | null; readonly workers: number };
  'zeek-id-from-code': Given;
  'zeek-value-split': { readonly key: string; readonly flaw: 'continued' | 'percent' };
  'zeek-pin-short': { readonly cpus: number; readonly procs: number };
  'zeek-interfaces-count': { readonly interfaces: number; readonly procs: number };
  'zeek-conf-workers': { readonly section: string; readonly lacks: 'workers' | 'interface' };
  'zeek-conf-twice': { readonly section: string; readonly key?: string };
  'zeek-conf-unknown-key': { readonly key: string };
  'zeek-conf-template-interface': { readonly interface: string; readonly workers: number };
}

export interface SnortRules {
  'snort-no-fanout': { readonly interface: string | null; readonly threads: number | 'auto' };
  'snort-flag-alone': Given;
  'snort-fanout-type': Keyed;
  'snort-variable-unknown': { readonly key: string };
  'snort-one-thread': { readonly isCommand: boolean };
  'snort-inputs': { readonly threads: number | 'auto'; readonly inputs: number };
  'snort-buffer-wraps': { readonly mebibytes: number; readonly left: number };
  'snort-passive-pair': Given;
  'snort-daq-nesting': { readonly path: string };
  'snort-not-afpacket': { readonly module?: string };
  'snort-cli-wins': { readonly what: 'module' | 'inputs' };
}

export interface OtherRules {
  'arkime-unknown-key': { readonly key: string };
  'arkime-block-snaplen': { readonly blockSize: number; readonly snaplen: number };
  'arkime-snaplen-align': { readonly snaplen: number };
  'arkime-block-too-big': { readonly blockSize: number };
  'arkime-threads-clamped': { readonly given: string; readonly threads: number };
  'arkime-inline-comment': Keyed;
  'arkime-key-file': { readonly flaw: 'semicolon' | 'before-section' | 'byte-order-mark' | 'no-equals-sign' | 'section' };
  'arkime-not-tpacketv3': { readonly method?: string };
  'arkime-large-packets': { readonly interface: string; readonly snaplen: number; readonly offloads: readonly string[] };
  'arkime-id-overflow': { readonly id: number; readonly interfaces: number };
  'arkime-no-group-before-4': { readonly threads: number };
  'packetbeat-group-type': { readonly type: string };
  'packetbeat-group-twice': { readonly id: number; readonly devices: readonly string[] };
  'packetbeat-device-twice': { readonly device: string };
  'packetbeat-type': Given;
  'packetbeat-no-group': { readonly device: string };
  'packetbeat-any': { readonly id: number };
  'packetbeat-promisc': { readonly device: string };
  'stenotype-default-mode': { readonly threads: number };
  'netsniff-default-mode': Nothing;
  'heplify-no-group': Nothing;
}

export interface RuleArgs extends GroupRules, SuricataRules, ZeekRules, SnortRules, OtherRules {}
export type Rule = keyof RuleArgs;

export type LintFinding<R extends Rule = Rule> = {
  readonly [Name in R]: { readonly rule: Name; readonly args: RuleArgs[Name]; readonly at?: Place };
}[R];

/** Notes a finding while a file is read. */
export type Note = <R extends Rule>(rule: R, args: RuleArgs[R], at?: Place) => void;

export function lintFinding<R extends Rule>(rule: R, args: RuleArgs[R], at?: Place): LintFinding<R> {
  return { rule, args: shortened(args), ...(at === undefined ? {} : { at }) } as LintFinding<R>;
}

/** Of a text of a file, and of a list of them: what is longer was made to be, and nobody reads it in a message. */
const TEXT_MAX = 160;
const LIST_MAX = 16;

function shortened<T extends object>(args: T): T {
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, shortValue(value)])) as T;
}

function shortValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.length > LIST_MAX ? [...value.slice(0, LIST_MAX).map(shortValue), '...'] : value.map(shortValue);
  return typeof value === 'string' && value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}...` : value;
}

/** Nobody reads more, and a file may be made to have any number. */
const FINDINGS_MAX = 1000;

/** Collects findings. */
export function noting(): { readonly note: Note; readonly findings: readonly LintFinding[] } {
  const findings: LintFinding[] = [];
  return {
    findings,
    note: (rule, args, at) => {
      if (findings.length < FINDINGS_MAX) findings.push(lintFinding(rule, args, at) as LintFinding);
    },
  };
}

/** An error: the program does not start, or sees a part of its traffic. A warning: it does something else than is written. */
export const SEVERITIES: { readonly [R in Rule]: Severity } = {
  'group-on-two-interfaces': 'error',
  'group-shared-by-programs': 'error',
  'group-id-in-use': 'error',
  'fragments-split': 'warning',
  'defrag-ring-too-small': 'warning',
  'defrag-groups-steal': 'error',
  'mode-splits-flows': 'error',
  'mode-follows-nic': 'info',
  'rollover-flag': 'warning',
  'bpf-mode-without-program': 'error',
  'one-member': 'info',
  'members-over-limit': 'error',
  'duplicated-readers': 'error',
  'id-out-of-range': 'warning',
  'id-zero': 'warning',
  'ring-memory': 'warning',
  'interface-loopback': 'warning',
  'interface-missing': 'error',
  'template-not-filled': 'error',
  'filter-on-some-members': 'warning',
  'block-size-page': 'error',
  'qm-members-over-queues': 'warning',
  'suricata-yaml-header': 'error',
  'suricata-yaml-alias': 'error',
  'suricata-key-twice': 'warning',
  'suricata-key-underscore': 'warning',
  'suricata-include-missing': 'error',
  'suricata-include-form': 'error',
  'suricata-no-af-packet': 'info',
  'suricata-interface-empty': 'error',
  'suricata-interface-twice': 'warning',
  'suricata-twice-without-id': 'error',
  'suricata-id-from-default': 'error',
  'suricata-id-invalid': 'warning',
  'suricata-threads-invalid': 'warning',
  'suricata-auto-is-one': 'error',
  'suricata-qm-auto-one-queue': 'warning',
  'suricata-threads-capped': 'warning',
  'suricata-cluster-type': 'error',
  'suricata-cluster-rollover': 'error',
  'suricata-own-lb': 'error',
  'suricata-rollover-key': 'warning',
  'suricata-not-a-boolean': 'warning',
  'suricata-number-invalid': 'warning',
  'suricata-runmode-single': 'error',
  'suricata-runmode-autofp': 'warning',
  'suricata-v3-not-workers': 'warning',
  'suricata-v2-defrag-cut': 'info',
  'suricata-v2-ids': 'info',
  'suricata-copy-v3': 'warning',
  'suricata-copy-defrag': 'warning',
  'suricata-copy-iface-same': 'error',
  'suricata-copy-incomplete': 'warning',
  'suricata-copy-threads': 'error',
  'suricata-ips-and-ids': 'error',
  'suricata-ring-small': 'warning',
  'suricata-use-mmap': 'info',
  'suricata-livedev': 'info',
  'suricata-not-af-packet': 'warning',
  'zeek-inline-comment': 'error',
  'zeek-section-twice': 'error',
  'zeek-no-section': 'error',
  'zeek-lb-method-missing': 'error',
  'zeek-lb-procs-missing': 'error',
  'zeek-lb-method': 'error',
  'zeek-no-manager': 'error',
  'zeek-prefix-with-af-packet': 'error',
  'zeek-prefix-twice': 'error',
  'zeek-prefix-wrong': 'error',
  'zeek-custom-without-prefix': 'error',
  'zeek-workers-same-interface': 'error',
  'zeek-default-id-shared': 'error',
  'zeek-option-without-lb-procs': 'warning',
  'zeek-option-unknown': 'warning',
  'zeek-option-in-env-vars': 'warning',
  'zeek-enum': 'error',
  'zeek-fanout-off': 'error',
  'zeek-id-from-code': 'warning',
  'zeek-value-split': 'error',
  'zeek-pin-short': 'info',
  'zeek-interfaces-count': 'error',
  'zeek-conf-workers': 'error',
  'zeek-conf-twice': 'error',
  'zeek-conf-unknown-key': 'warning',
  'zeek-conf-template-interface': 'error',
  'snort-no-fanout': 'error',
  'snort-flag-alone': 'warning',
  'snort-fanout-type': 'error',
  'snort-variable-unknown': 'warning',
  'snort-one-thread': 'warning',
  'snort-inputs': 'warning',
  'snort-buffer-wraps': 'error',
  'snort-passive-pair': 'error',
  'snort-daq-nesting': 'error',
  'snort-not-afpacket': 'info',
  'snort-cli-wins': 'info',
  'arkime-unknown-key': 'error',
  'arkime-block-snaplen': 'error',
  'arkime-snaplen-align': 'error',
  'arkime-block-too-big': 'error',
  'arkime-threads-clamped': 'warning',
  'arkime-inline-comment': 'error',
  'arkime-key-file': 'error',
  'arkime-not-tpacketv3': 'info',
  'arkime-large-packets': 'error',
  'arkime-id-overflow': 'error',
  'arkime-no-group-before-4': 'error',
  'packetbeat-group-type': 'error',
  'packetbeat-group-twice': 'error',
  'packetbeat-device-twice': 'error',
  'packetbeat-type': 'error',
  'packetbeat-no-group': 'info',
  'packetbeat-any': 'warning',
  'packetbeat-promisc': 'info',
  'stenotype-default-mode': 'error',
  'netsniff-default-mode': 'warning',
  'heplify-no-group': 'info',
};

export const RULES = Object.keys(SEVERITIES) as readonly Rule[];
