/** Filters and steering programs that other programs prepare: tcpdump compiles pcap syntax, bpftool loads objects. */
import { closeSync, constants as fileModes, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { CbpfInstruction } from '../addon/capture.ts';
import { native } from '../addon/native.ts';
import { FanoutError, isSystemCallError } from '../errors.ts';
import type { FirstLayer } from '../model/link.ts';
import { builtinPolicy, LAYERS } from '../model/steering.ts';
import { loadObjectOfOurs, loadSteering, withoutBpf } from './steering.ts';
import { type ObjectSettings, settingsIn } from './steering-object.ts';
import { searchedIn, toolEnvironment } from './tools.ts';

/** Output of `tcpdump -ddd`: the number of instructions, then one a line. */
function parseDecimal(text: string): readonly CbpfInstruction[] {
  const [count, ...lines] = text.trim().split('\n');
  const program = lines.map((line) => line.trim().split(/\s+/).map(Number) as unknown as CbpfInstruction);
  if (Number(count) !== program.length) throw new TypeError(`tcpdump announced ${count} instructions and printed ${program.length}`);
  return program;
}

export interface FilteredDevice {
  readonly name: string;
  readonly first: FirstLayer;
}

/** A capture file without packets, whose link type (LINKTYPE_RAW) says that packets begin with an IP header. */
function fileOfBareIp(snaplenBytes: number): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(snaplenBytes, 16);
  header.writeUInt32LE(101, 20);
  return header;
}

/**
 * Compiles a pcap expression for packets of the device, to a program that keeps `snaplenBytes` of each match.
 * With the interface named, libpcap uses the kernel's extensions, so that "vlan" matches tags the kernel has taken out of the bytes, and "inbound"
 * is known. Where libpcap has another idea of a device without link headers than that packets begin with IP, as of PPP, it is told so by a file.
 */
export async function compileFilter(
  expression: string,
  { name: interfaceName, first }: FilteredDevice,
  snaplenBytes: number,
): Promise<readonly CbpfInstruction[]> {
  const environment = toolEnvironment();
  const compiled = (from: readonly string[], input?: Uint8Array) =>
    execa('tcpdump', [...from, '-s', String(snaplenBytes), '-ddd', '--', expression], {
      ...environment,
      reject: false,
      ...(input === undefined ? { stdin: 'ignore' } : { input }),
      timeout: 10_000,
    });
  const bareIp = first === 'network' ? ['-y', 'RAW'] : [];
  const forDevice = await compiled(['-i', interfaceName, ...bareIp]);
  const isFinal = first === 'ethernet' || forDevice.exitCode === 0 || forDevice.code === 'ENOENT';
  const result = isFinal ? forDevice : await compiled(['-r', '-'], fileOfBareIp(snaplenBytes));
  if (result.code === 'ENOENT')
    throw new FanoutError(
      'TOOL_MISSING',
      `--filter needs tcpdump, which is not in ${searchedIn(environment)}`,
      'install tcpdump, or leave --filter out',
      { cause: result },
    );
  // To compile for an interface tcpdump opens it.
  if (result.exitCode !== 0 && /not permitted|permission/i.test(result.stderr))
    throw new FanoutError(
      'NO_PRIVILEGE',
      `tcpdump may not open ${interfaceName} to compile the filter (${lastLine(result.stderr)})`,
      'packet sockets need CAP_NET_RAW: run with sudo, or without --interface to use the lab',
      { cause: result },
    );
  if (result.exitCode !== 0)
    throw new FanoutError(
      'BAD_FILTER',
      `--filter ${JSON.stringify(expression)}: ${lastLine(result.stderr)}`,
      'see pcap-filter(7); try the expression with `tcpdump -d`',
      { cause: result },
    );
  return parseDecimal(result.stdout);
}

const BPF_FILE_SYSTEM = '/sys/fs/bpf';

/**
 * A descriptor of the program: the built-in one, one that is pinned already, or one in an object file, which bpftool loads. Nothing stays pinned that was not before.
 * @param asInvoker does something with the rights of whoever named the file
 */
export async function openSteeringProgram(path: string, asInvoker: <T>(work: () => T) => T = (work) => work()): Promise<number> {
  const policy = builtinPolicy(path);
  if (policy !== undefined) return loadSteering(path, { program: 'steer', policy, layers: LAYERS });
  if (path.startsWith(`${BPF_FILE_SYSTEM}/`)) return openPinned(path);
  const object = asInvoker(() => openObject(path));
  if (!kernelHasBpf()) {
    closeSync(object);
    throw withoutBpf(path);
  }
  try {
    const settings = settingsOf(object);
    return settings === undefined ? await loadObject(path, object) : loadObjectOfOurs(path, settings);
  } finally {
    closeSync(object);
  }
}

/** Larger than any object of ours. */
const OBJECT_BYTES_MAX = 1 << 20;

/** What `cure --write` made is loaded without bpftool. */
function settingsOf(object: number): ObjectSettings | undefined {
  const stats = fstatSync(object);
  return stats.isFile() && stats.size <= OBJECT_BYTES_MAX ? settingsIn(readFileSync(object)) : undefined;
}

function openObject(path: string): number {
  let object: number;
  try {
    // A pipe that nobody writes to would keep this process waiting, deaf to signals.
    object = openSync(path, fileModes.O_RDONLY | fileModes.O_NONBLOCK);
  } catch (cause) {
    throw noObject(`cannot open ${path}: ${(cause as Error).message}`, cause);
  }
  if (isObjectFile(object)) return object;
  closeSync(object);
  throw noObject(`${path} is no object file (ELF)`);
}

const ELF = Buffer.from('\x7fELF', 'latin1');

function isObjectFile(descriptor: number): boolean {
  const first = Buffer.alloc(ELF.length);
  return fstatSync(descriptor).isFile() && readSync(descriptor, first, 0, ELF.length, 0) === ELF.length && first.equals(ELF);
}

function noObject(what: string, cause?: unknown): FanoutError {
  return new FanoutError(
    'PROGRAM_REFUSED',
    what,
    'name an object file of clang (-target bpf), a program that is pinned below /sys/fs/bpf, or builtin',
    { cause },
  );
}

/** A kernel that knows the call refuses the folder for another reason than one that does not. */
function kernelHasBpf(): boolean {
  try {
    closeSync(native.openPinned(BPF_FILE_SYSTEM));
    return true;
  } catch (error) {
    return !(isSystemCallError(error) && error.errno === constants.errno.ENOSYS);
  }
}

function openPinned(path: string): number {
  try {
    return native.openPinned(path);
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
    if (cause.errno === constants.errno.ENOSYS) throw withoutBpf(path, cause);
    throw new FanoutError(
      'PROGRAM_REFUSED',
      `${path}: ${cause.message}`,
      'name a pinned program of type socket_filter (bpftool prog show pinned PATH), and run as root',
      { cause },
    );
  }
}

/** Between loading and opening, the program has to be pinned somewhere. */
async function loadObject(path: string, object: number): Promise<number> {
  let directory: string;
  try {
    directory = mkdtempSync(join(BPF_FILE_SYSTEM, 'fanout-cluster-'));
  } catch (cause) {
    throw new FanoutError(
      'PROGRAM_REFUSED',
      `cannot pin a program below ${BPF_FILE_SYSTEM}: ${(cause as Error).message}`,
      'run as root with a BPF file system mounted: mount -t bpf bpf /sys/fs/bpf',
      { cause },
    );
  }
  try {
    const pinned = join(directory, 'steering');
    await bpftoolLoad(path, object, pinned);
    return openPinned(pinned);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function bpftoolLoad(path: string, object: number, pinned: string): Promise<void> {
  // The file that was opened, and no other that has its name by now. Types of the library know only its first descriptors.
  const environment = toolEnvironment();
  const result = await execa('bpftool', ['prog', 'load', '/dev/fd/3', pinned, 'type', 'socket'], {
    ...environment,
    reject: false,
    stdio: ['ignore', 'pipe', 'pipe', object as 3],
    timeout: 30_000,
  });
  if (result.exitCode === 0) return;
  if (result.code === 'ENOENT')
    throw new FanoutError(
      'TOOL_MISSING',
      `loading ${path} needs bpftool, which is not in ${searchedIn(environment)}`,
      'install bpftool, or name a pinned program',
      { cause: result },
    );
  throw new FanoutError(
    'PROGRAM_REFUSED',
    `bpftool could not load ${path}: ${lastLine(result.stderr)}`,
    "the object must hold one program of type socket_filter; try `bpftool prog load FILE PIN type socket` for the verifier's log",
    { cause: result },
  );
}

function lastLine(text: string | undefined): string {
  return (text ?? '').trim().split('\n').at(-1) ?? '';
}
