/**
 * The flow dissector of this project, attached to a network namespace: a link, pinned in the BPF file system, that stays when this process has gone.
 * The kernel ends it with its last holder, so that whatever ends this process before the link is pinned leaves nothing attached.
 */
import { closeSync, lstatSync, mkdirSync, readdirSync, statfsSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { native } from '../addon/native.ts';
import type { ProgramInfo } from '../addon/steering.ts';
import { FanoutError, isSystemCallError } from '../errors.ts';
import { LAYERS } from '../model/steering.ts';
import { programCalled, programOf } from './bpf-program.ts';
import { readFlowDissector } from './flow-dissector.ts';
import { namespaceInode, OWN_NAMESPACE } from './network-namespace.ts';
import { loadSteering, type Steering } from './steering.ts';

const BPF_FILE_SYSTEM = '/sys/fs/bpf';
const PINS = join(BPF_FILE_SYSTEM, 'fanout-cluster');
const BPF_FS_MAGIC = 0xcafe4a11;

/** One that is pinned. */
export interface PinnedDissector {
  readonly pin: string;
  /** Of the namespace that it is attached to; 0: that has gone. */
  readonly namespace: number;
  readonly program: ProgramInfo;
}

export interface Attached {
  readonly did: 'attached' | 'replaced';
  readonly dissector: PinnedDissector;
  /** Whether the kernel goes on by itself with what is not asked for fanout. */
  readonly hasContinue: boolean;
}

export interface Wanted extends Pick<Steering, 'layers' | 'mark'> {
  /** Attach it although this kernel does not go on where it leaves a packet to it. */
  readonly withoutFallback: boolean;
  /** Called when nothing is left that could refuse, and before anything is attached. */
  readonly onLoaded: () => void;
}

/** To the network namespace of this thread, in place of an earlier one of its kind. */
export function attachDissector(wanted: Wanted): Attached {
  const program = loadFor(wanted);
  try {
    const folder = pinFolder();
    wanted.onLoaded();
    const pin = join(folder, pinName(namespaceInode()));
    const earlier = openPin(pin);
    if (earlier !== undefined && native.linkInfo(earlier).netns !== 0) return replaced(pin, earlier, program);
    if (earlier !== undefined) {
      // Of a namespace that has gone, and whose number another one has by now.
      closeSync(earlier);
      unlinkSync(pin);
    }
    return attached(pin, program);
  } finally {
    closeSync(program.descriptor);
  }
}

/** Attached to the namespace of a lab, for as long as the link is open. */
export interface LabDissector {
  readonly link: number;
  readonly programId: number;
}

export function attachLabDissector(): LabDissector {
  const { descriptor } = loadFor({ layers: LAYERS, withoutFallback: true, onLoaded: () => undefined });
  try {
    return { link: attach(descriptor), programId: native.programInfo(descriptor).id };
  } finally {
    closeSync(descriptor);
  }
}

interface Loaded {
  readonly descriptor: number;
  readonly hasContinue: boolean;
}

const WHAT = 'the flow dissector';

function loadFor({ withoutFallback, onLoaded: _, ...depth }: Wanted): Loaded {
  const steering: Steering = { program: 'dissect', ...depth };
  const descriptor = loadSteering(WHAT, steering);
  if (native.hasContinue(descriptor)) return { descriptor, hasContinue: true };
  closeSync(descriptor);
  if (!withoutFallback)
    throw new FanoutError(
      'PROGRAM_REFUSED',
      'this kernel cannot go on by itself where a flow dissector leaves a packet to it (BPF_FLOW_DISSECTOR_CONTINUE, Linux 6.1): receive packet steering, tc flower and the choice of transmit queues would know less of tunnels than they do now',
      'update the kernel, or add --without-fallback if none of them is used here',
    );
  return { descriptor: loadSteering(WHAT, { ...steering, hasNoFallback: true }), hasContinue: false };
}

function replaced(pin: string, link: number, { descriptor, hasContinue }: Loaded): Attached {
  try {
    native.replaceFlowDissector(link, descriptor);
    return { did: 'replaced', dissector: described(pin, link), hasContinue };
  } finally {
    closeSync(link);
  }
}

function attached(pin: string, { descriptor, hasContinue }: Loaded): Attached {
  const link = attach(descriptor);
  try {
    native.pinObject(link, pin);
    return { did: 'attached', dissector: described(pin, link), hasContinue };
  } finally {
    closeSync(link);
  }
}

function attach(program: number): number {
  try {
    return native.attachFlowDissector(OWN_NAMESPACE, program);
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
    if (cause.errno !== constants.errno.EEXIST) throw refused(cause);
    throw new FanoutError('PROGRAM_REFUSED', `${whatIsInTheWay()}; there can be one`, wayOut(), { cause });
  }
}

function refused(cause: Error): FanoutError {
  return new FanoutError(
    'PROGRAM_REFUSED',
    `the flow dissector cannot be attached to this network namespace: ${cause.message}`,
    'run as root of the host (sudo): CAP_NET_ADMIN is needed in the initial user namespace; links to a network namespace need Linux 5.8',
    { cause },
  );
}

function whatIsInTheWay(): string {
  const there = readFlowDissector();
  if (there.kind !== 'attached') return 'another network namespace has a BPF flow dissector, and the initial one can have none beside it';
  const where = there.namespace === 'own' ? 'this network namespace' : 'the initial network namespace, and it is in force in all others';
  return `a BPF flow dissector is attached to ${where}: ${programText(there.programId)}`;
}

function wayOut(): string {
  const there = readFlowDissector();
  if (there.kind === 'attached' && there.isBuiltin && there.namespace === 'initial')
    return 'it is of this program, and cures the groups of this namespace, too: nothing is to be done';
  return 'find out who attached it (`bpftool net`, `bpftool prog show`), and detach it first (`bpftool prog detach id ID flow_dissector`), if nothing needs it';
}

/** "program 23, flow_dissector_x, loaded by user 0". */
function programText(id: number): string {
  const program = programOf(id);
  return program === undefined ? `program ${id}` : `program ${id}, ${program.name || 'without a name'}, loaded by user ${program.user}`;
}

/** From the namespace of this thread; undefined: none of this project is attached here. */
export function detachDissector(): PinnedDissector | undefined {
  const pin = join(PINS, pinName(namespaceInode()));
  const link = openPin(pin);
  if (link === undefined) return undefined;
  try {
    const dissector = described(pin, link);
    unlinkSync(pin);
    return dissector;
  } finally {
    // With this the last holder is gone.
    closeSync(link);
  }
}

/** All that are pinned, in whatever namespace; undefined where only root may look. */
export function pinnedDissectors(): readonly PinnedDissector[] | undefined {
  return pinsThere()?.flatMap((name) => {
    const pin = join(PINS, name);
    const link = openPin(pin);
    if (link === undefined) return [];
    try {
      return [described(pin, link)];
    } finally {
      closeSync(link);
    }
  });
}

function pinsThere(): readonly string[] | undefined {
  try {
    return readdirSync(PINS).filter((name) => name.startsWith(PIN_PREFIX));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    if (code === 'EACCES' || code === 'EPERM') return undefined;
    throw unreadable(cause);
  }
}

const PIN_PREFIX = 'dissector-';

function pinName(inode: number): string {
  return `${PIN_PREFIX}${inode}`;
}

/** undefined: nothing is pinned there. */
function openPin(pin: string): number | undefined {
  try {
    return native.openPinned(pin);
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
    if (cause.errno === constants.errno.ENOENT || cause.errno === constants.errno.ENOSYS) return undefined;
    throw unreadable(cause);
  }
}

function unreadable(cause: unknown): FanoutError {
  return new FanoutError(
    'NO_PRIVILEGE',
    `cannot look below ${PINS}: ${cause instanceof Error ? cause.message : String(cause)}`,
    'run as root (sudo): what is pinned there is root’s',
    { cause },
  );
}

function described(pin: string, link: number): PinnedDissector {
  const { program: id, netns } = native.linkInfo(link);
  return { pin, namespace: netns, program: programCalled(id) };
}

/** Of root, and nobody else writes there: whoever could rename what is in it would decide what stays attached. */
function pinFolder(): string {
  try {
    if (statfsSync(BPF_FILE_SYSTEM).type !== BPF_FS_MAGIC)
      throw new FanoutError(
        'PROGRAM_REFUSED',
        `${BPF_FILE_SYSTEM} is no BPF file system, where the flow dissector stays attached when this program has ended`,
        'mount -t bpf bpf /sys/fs/bpf (systemd does so at boot)',
      );
    makeFolder();
    return PINS;
  } catch (cause) {
    if (cause instanceof FanoutError) throw cause;
    throw new FanoutError(
      'NO_PRIVILEGE',
      `cannot keep anything below ${BPF_FILE_SYSTEM}: ${cause instanceof Error ? cause.message : String(cause)}`,
      'run as root (sudo), with a BPF file system mounted there: mount -t bpf bpf /sys/fs/bpf',
      { cause },
    );
  }
}

const FOLDER_MODE = 0o700;
const WRITABLE_BY_OTHERS = 0o022;

function makeFolder(): void {
  try {
    mkdirSync(PINS, FOLDER_MODE);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  }
  const { uid, mode } = lstatSync(PINS);
  const own = process.geteuid?.() ?? 0;
  if ((uid === 0 || uid === own) && (mode & WRITABLE_BY_OTHERS) === 0) return;
  throw new FanoutError(
    'NO_PRIVILEGE',
    `${PINS} belongs to user ${uid}, or others may write there: they could detach what is pinned in it`,
    `remove it: rm -r ${PINS}`,
  );
}

/** Why nothing could be detached here although something is attached; undefined: nothing is. */
export function otherDissector(): FanoutError | undefined {
  const there = readFlowDissector();
  if (there.kind !== 'attached') return undefined;
  const where = there.namespace === 'own' ? 'this network namespace' : 'the initial network namespace';
  return new FanoutError(
    'PROGRAM_REFUSED',
    `what is attached to ${where} is not pinned below ${PINS} for this one: ${programText(there.programId)}`,
    there.isBuiltin && there.namespace === 'initial'
      ? 'undo it there: sudo nsenter --net=/proc/1/ns/net fanout-cluster cure --hash --undo'
      : 'its owner must detach it: `bpftool net` and `bpftool link` show it',
  );
}
