/** A cure as a report. Its last two lines are always what now steers which groups, and the command that proves it. */
import { type Block, type Document, type Paragraph, paragraph, type Section, type Table } from '../../collector/report/document.ts';
import { counted } from '../../collector/words/english.ts';
import { IDS_TITLES, type IdsName, idsCalled } from '../../deployment/depth.ts';
import { adviceOn, SURICATA_OBJECT, suricataLines, unitLines } from '../../deployment/levers.ts';
import { unreachable } from '../../errors.ts';
import { LAYERS } from '../../model/steering.ts';
import { depthInName } from './depth.ts';
import { quoted } from './proof.ts';
import type { AttachedDissector, CuredGroup, CureResult, Depth, Did, KnownProgram, Namespace } from './result.ts';

/** What lines to paste are made of. */
export interface Here {
  /** As many threads as an IDS is told to have where none runs yet. */
  readonly cpus: number;
  /** The path of this program. */
  readonly program: string;
  /** Whose file that is, as a user id; undefined: nobody can tell. */
  readonly owner: number | undefined;
}

export function cureDocument(result: CureResult, here: Here): Document {
  return { sections: [{ blocks: done(result) }, ...groupSection(result), ...pasted(result, here), { blocks: lastLines(result) }] };
}

/** What --quiet leaves. */
export function cureBrief(result: CureResult): Document {
  return { sections: [{ blocks: lastLines(result) }], isBrief: true };
}

/** Who asks without a flag, as fanout does (callers of __skb_get_hash_symmetric() and of skb_flow_dissect_flow_keys(skb, keys, 0)). */
const ALSO_ASK =
  'these ask it there, and go by innermost addresses without ports from now on: symhash of nftables, the queues of a multi-queue TUN device, bonds with xmit_hash_policy encap2+3 or encap3+4, routes with several next hops under fib_multipath_hash_policy 2 or 3, the flow classifier and choke of tc; and accelerated RFS does no more where the driver asks for ports (ice, mlx5, bnxt, sfc, enic, hns3)';

/** Before anything is attached: it is a matter of more than fanout. */
export function beforeAttaching(netns: Namespace): string {
  return `attaching a flow dissector to ${placeOf(netns)}: besides fanout in mode hash, ${ALSO_ASK}`;
}

function done({ did, netns }: CureResult): readonly Block[] {
  switch (did.kind) {
    case 'attached':
    case 'replaced':
      return [
        paragraph(
          `${did.kind === 'attached' ? 'Attached' : 'Attached anew, in place of an earlier one,'} to ${placeOf(netns)}: ${programWords(did.dissector.program)}, pinned as ${did.dissector.pin ?? ''}. It stays when this program has ended, and when an IDS starts again; not over a boot.`,
        ),
        paragraph(`It looks ${depthWords(did.depth)}.`),
        ...(did.hasFallback ? [] : [paragraph(WITHOUT_FALLBACK, { tone: 'doubtful' })]),
        line('undo:', commandIn(netns, 'cure --hash --undo')),
      ];
    case 'detached':
      return [paragraph(`Detached from ${placeOf(netns)}: ${programWords(did.dissector.program)}.`)];
    case 'nothing-attached':
      return [paragraph(`No BPF flow dissector is attached to ${placeOf(netns)}: there is nothing to undo.`)];
    case 'steered':
      return [
        paragraph(
          `Gave group ${did.group.id} (${groupWords(did.group)}) a steering program that goes by ${did.policy}, in place of the one that it had, if it had one. Flows under way may have moved to another process, once. The program goes with the group.`,
        ),
        paragraph(`It looks ${depthWords(did.depth)}.`),
        line('undo:', commandIn(netns, `cure --group ${did.group.id} --undo`)),
      ];
    case 'unsteered':
      return [
        paragraph(
          `Group ${did.group.id} (${groupWords(did.group)}) has all packets on its first member now, as a group in mode ebpf that was given no program. If its own program gave it one, start that program again.`,
        ),
      ];
    case 'written':
      return [
        paragraph(
          `Wrote ${did.path}, mode 0600: a steering program that goes by ${did.policy}, with secret keys that only this file holds. It looks ${depthWords(did.depth)}.`,
        ),
      ];
    case 'advice':
      return did.depth.ids.map((ids) => paragraph(adviceOn(ids)));
    case 'status':
      return statusBlocks(did);
    default:
      return unreachable(did);
  }
}

const WITHOUT_FALLBACK =
  'This kernel does not go on where the program leaves a packet to it: what is not asked for fanout gets the outermost addresses and ports.';

function pasted({ did, groups, netns }: CureResult, here: Here): readonly Section[] {
  switch (did.kind) {
    case 'written':
      return did.depth.ids.includes('suricata') ? [suricataSection(did.path, groups ?? [], here)] : [];
    case 'advice': {
      const others = did.depth.ids.filter((name) => name !== 'suricata');
      const suricata = others.length < did.depth.ids.length ? [suricataSection(SURICATA_OBJECT, groups ?? [], here)] : [];
      return others.length === 0 ? suricata : [...suricata, unitSection({ ids: others, more: [], netns }, here)];
    }
    case 'attached':
    case 'replaced': {
      const { depth, hasFallback } = did;
      const layers = depth.from === 'layers' ? ['--layers', depth.layers.join(',')] : [];
      return [unitSection({ ids: depth.ids, more: [...layers, ...(hasFallback ? [] : ['--without-fallback'])], netns }, here)];
    }
    default:
      return [];
  }
}

function suricataSection(object: string, groups: readonly CuredGroup[], { cpus }: Here): Section {
  const own = groups.find(({ owners }) => owners.some(({ comm }) => idsCalled(comm) === 'suricata'));
  const lever = { interface: own?.interface ?? 'eth0', threads: own?.members ?? cpus, object };
  return {
    title: 'For /etc/suricata/suricata.yaml',
    blocks: [...suricataLines(lever).map(pastedLine), paragraph('A number of threads must be there: auto means one of them in this mode.')],
  };
}

interface AtBoot {
  readonly ids: readonly IdsName[];
  readonly more: readonly string[];
  readonly netns: Namespace;
}

function unitSection({ ids, more, netns: { given } }: AtBoot, { program, owner }: Here): Section {
  if (given !== null && !isNamed(given))
    return {
      title: 'At boot',
      blocks: [paragraph(`There will be no ${given}: give the namespace a name (ip netns attach NAME PID), and name it by --netns NAME.`)],
    };
  const place = given === null ? [] : ['--netns', given];
  const readers = ids.length === 0 ? [] : ['--ids', ids.join(',')];
  const unit = unitLines({ ids, program: quoted(program), attach: [...readers, ...more, ...place], detach: place });
  return {
    title: 'At boot: /etc/systemd/system/fanout-cluster-cure.service',
    blocks: [...unit.map(pastedLine), ...ownerWarning(program, owner)],
  };
}

/** By ip-netns(8), and not by a process or a path, which are gone after a boot. */
function isNamed(given: string): boolean {
  return !given.includes('/') && !/^\d+$/.test(given);
}

function ownerWarning(program: string, owner: number | undefined): readonly Paragraph[] {
  if (owner === undefined || owner === 0) return [];
  return [
    paragraph(
      `${program} belongs to user ${owner}, who would decide what root runs at boot: install a copy of root's first (npm pack && sudo npm install -g ./fanout-cluster-*.tgz).`,
      { tone: 'doubtful' },
    ),
  ];
}

function pastedLine(text: string): Paragraph {
  return paragraph(text, { isUnbroken: true });
}

function statusBlocks({ dissectors, programs }: Extract<Did, { kind: 'status' }>): readonly Block[] {
  if (dissectors === null)
    return [paragraph('Whether a flow dissector is attached, and which steering programs are loaded, only root may know: run with sudo.')];
  const attached = dissectors.map((one) => paragraph(`${one.isOwn ? 'Of this program' : 'Of another program'}: ${dissectorWords(one)}.`));
  const none = attached.length === 0 ? [paragraph('No BPF flow dissector is attached here, and none of this program anywhere else.')] : [];
  return [...none, ...attached, ...steeringBlocks(programs)];
}

function dissectorWords({ program, pin, namespace, namespaceName }: AttachedDissector): string {
  const place = namespace === 0 ? 'a network namespace that has gone' : placeOf({ inode: namespace, name: namespaceName, given: null });
  const depth = depthInName(program.name);
  return `${programWords(program)}, attached to ${place}${depth === undefined ? '' : `, looks ${depth}`}${pin === null ? '' : `, pinned as ${pin}`}`;
}

function steeringBlocks(programs: readonly KnownProgram[] | null): readonly Block[] {
  if (programs === null) return [paragraph('Which steering programs are loaded only root may know.', { tone: 'quiet' })];
  return programs.map((program) => {
    const depth = depthInName(program.name);
    return paragraph(`In a group in mode ebpf: ${programWords(program)}${depth === undefined ? '' : `, looks ${depth}`}.`);
  });
}

function groupSection({ did, groups, netns }: CureResult): readonly Section[] {
  if (did.kind === 'written' || did.kind === 'advice') return [];
  if (groups === null)
    return [
      { blocks: [paragraph('This kernel does not tell which fanout groups there are (CONFIG_PACKET_DIAG: modprobe af_packet_diag).')] },
    ];
  if (groups.length === 0) return [{ blocks: [paragraph(`No fanout group is in ${placeOf(netns)} now.`)] }];
  return [{ title: `Fanout groups in ${placeOf(netns)}`, blocks: [groupTable(groups)] }];
}

function groupTable(groups: readonly CuredGroup[]): Table {
  return {
    kind: 'table',
    head: ['group', 'mode', 'interface', 'members', 'of'],
    rows: groups.map((group) => [String(group.id), group.mode, deviceOf(group, 'gone'), String(group.members), ownersOf(group)]),
    left: [1, 2, 4],
  };
}

const OWNERS_SHOWN = 3;

function ownersOf({ owners }: CuredGroup): string {
  if (owners.length === 0) return 'a process that this user may not see';
  const more = owners.length > OWNERS_SHOWN ? ` and ${owners.length - OWNERS_SHOWN} more` : '';
  return `${owners
    .slice(0, OWNERS_SHOWN)
    .map(({ pid, comm }) => `${comm} (pid ${pid})`)
    .join(', ')}${more}`;
}

function deviceOf({ interface: device, binding }: CuredGroup, gone: string): string {
  return device ?? (binding === 'all' ? 'all interfaces' : gone);
}

function groupWords(group: CuredGroup): string {
  return `${counted(group.members, 'member')} on ${deviceOf(group, 'an interface that has gone')}, of ${ownersOf(group)}`;
}

function programWords({ id, name, user, since }: KnownProgram): string {
  return `program ${id} (${name === '' ? 'without a name' : name}), loaded by user ${user} at ${since.slice(0, 19)}Z`;
}

function placeOf({ inode, name, given }: Namespace): string {
  if (name === 'initial') return 'the initial network namespace, and so to all others';
  return `the network namespace ${name ?? given ?? inode}`;
}

function depthWords({ layers, from, ids }: Depth): string {
  const left = LAYERS.filter((layer) => !layers.includes(layer));
  const except = left.length === 0 ? '' : `, and so not into ${left.join(', ')}`;
  if (from === 'layers') return `into what --layers names${except}`;
  if (from === 'nobody') return 'into everything that it can, as no IDS that is known has a group here: --ids says whose depth to take';
  const readers = ids.map((name) => IDS_TITLES[name]).join(' and ');
  return `as deep as ${readers}${from === 'readers' ? ', whose groups are here' : ''}${except}`;
}

function lastLines(result: CureResult): readonly Block[] {
  return [line('now:', steersNow(result)), line('proof:', result.proof.command)];
}

function line(lead: string, text: string): Paragraph {
  return paragraph(`${lead} ${text}`, { isUnbroken: true, tone: 'strong' });
}

/** One line: what steers which groups. */
function steersNow(result: CureResult): string {
  const { did } = result;
  switch (did.kind) {
    case 'attached':
    case 'replaced':
    case 'detached':
    case 'nothing-attached':
    case 'advice':
    case 'status':
      return inForceNow(result);
    case 'steered':
      return `a program of this tool steers group ${did.group.id} by innermost ${did.policy}`;
    case 'unsteered':
      return `nothing steers group ${did.group.id}: all its packets go to one member`;
    case 'written':
      return `no group goes by ${did.path} before a program loads it; until then ${inForceNow(result)}`;
    default:
      return unreachable(did);
  }
}

/** Where nothing was changed. */
function inForceNow({ inForce, netns, groups }: CureResult): string {
  const inHash = listed(hashGroups(groups), 'mode hash', netns);
  if (inForce === undefined) return `what steers ${inHash} only root may know`;
  if (inForce === null) return `the kernel's own flow dissector steers ${inHash}`;
  const { id, name } = inForce.program;
  return `program ${id} (${name === '' ? 'without a name' : name}) steers ${inHash}${inForce.isOwn ? ' by innermost addresses' : ''}`;
}

function hashGroups(groups: CureResult['groups']): readonly CuredGroup[] {
  return (groups ?? []).filter(({ mode }) => mode === 'hash');
}

function listed(groups: readonly CuredGroup[], mode: string, { name, given }: Namespace): string {
  const place = given === null ? 'in this network namespace' : `in the network namespace ${given}`;
  const every = `every group in ${mode} ${name === 'initial' ? 'on this host' : place}`;
  if (groups.length === 0) return `${every} (none is there now)`;
  return `${every} (now: ${groups.map((group) => `${group.id} on ${deviceOf(group, 'a device that has gone')}`).join(', ')})`;
}

function commandIn({ given }: Namespace, command: string): string {
  return `sudo fanout-cluster ${command}${given === null ? '' : ` --netns ${quoted(given)}`}`;
}
