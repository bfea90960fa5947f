/** A program of somebody else with packet sockets of every kind, which says what its own counters are. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { DIES_WITH_US, end } from './serve.ts';

const SOURCE = `
import ctypes, json, os, platform, signal, socket, struct, sys
signal.signal(signal.SIGINT, lambda *_: os._exit(0))
spec = json.loads(sys.argv[1])
open('/proc/self/comm', 'w').write(spec['comm'])
PACKET, SOCKET = 263, 1

def ebpf():
    code = struct.pack('=BBhi', 0xb7, 0, 0, 65535) + struct.pack('=BBhi', 0x95, 0, 0, 0)
    insns, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b'GPL')
    attr = ctypes.create_string_buffer(struct.pack('=IIQQ', 1, 2, ctypes.addressof(insns), ctypes.addressof(licence)), 120)
    number = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
    return ctypes.CDLL(None, use_errno=True).syscall(number, 5, attr, 120)

def opened(device, group=None, mode=0, flags=0, ring=None, filter=None, promiscuous=False, protocol=3, bufferBytes=None):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0 if device else socket.htons(protocol))
    if bufferBytes: s.setsockopt(SOCKET, 8, bufferBytes)
    if ring:
        s.setsockopt(PACKET, 10, struct.pack('=I', ring - 1))
        s.setsockopt(PACKET, 5, struct.pack('=7I' if ring == 3 else '=4I', 65536, 4, 2048, 128, *([60, 0, 0] if ring == 3 else [])))
    if filter == 'ebpf': s.setsockopt(SOCKET, 50, struct.pack('=I', ebpf()))
    elif filter:
        code = struct.pack('=HBBI', 0x06, 0, 0, 0x40000) * filter
        buffer = ctypes.create_string_buffer(code)
        s.setsockopt(SOCKET, 26, struct.pack('=HxxxxxxQ', filter, ctypes.addressof(buffer)))
    if device: s.bind((device, protocol))
    if promiscuous: s.setsockopt(PACKET, 1, struct.pack('=IHH8s', socket.if_nametoindex(device), 1, 0, b''))
    if group is not None: s.setsockopt(PACKET, 18, struct.pack('=I', group | (mode | flags << 8) << 16))
    return s

if spec.get('isLoopbackUp'): os.system('ip link set lo up')
sockets = [opened(**one) for one in spec['sockets']]
if 'uid' in spec: os.setgroups([]); os.setgid(spec['uid']); os.setuid(spec['uid'])
if spec.get('forks'):
    if os.fork() == 0:
        try: sys.stdin.read()
        finally: os._exit(0)
ends = socket.socketpair(socket.AF_UNIX)
print('ready', flush=True)
for line in sys.stdin:
    word = line.strip()
    if word == 'statistics':
        print(json.dumps([struct.unpack('=II', s.getsockopt(PACKET, 6, 12)[:8]) for s in sockets]), flush=True)
    if word == 'close':
        for s in sockets: s.close()
        print('closed', flush=True)
    if word == 'let go':
        socket.send_fds(ends[0], [b'x'], [sockets[0].fileno()])
        sockets[0].close()
        print('done', flush=True)
`;

export const MODE = { hash: 0, lb: 1, cpu: 2, rollover: 3, rnd: 4, qm: 5, cbpf: 6, ebpf: 7 } as const;
export const FLAG = { rollover: 0x10, ignoreOutgoing: 0x40, defrag: 0x80 } as const;

export interface ReaderSocket {
  /** "" for all. */
  readonly device: string;
  /** Absent: in none. */
  readonly group?: number;
  readonly mode?: number;
  /** PACKET_FANOUT_FLAG_*, shifted right by eight. */
  readonly flags?: number;
  readonly ring?: 1 | 2 | 3;
  /** So many instructions, or one program of eBPF. */
  readonly filter?: number | 'ebpf';
  readonly promiscuous?: boolean;
  readonly protocol?: number;
  readonly bufferBytes?: number;
}

export interface Program {
  readonly comm: string;
  readonly sockets: readonly ReaderSocket[];
  /** Who it becomes when it has opened them. */
  readonly uid?: number;
  /** A child has them, too. */
  readonly forks?: boolean;
  readonly isLoopbackUp?: boolean;
  /** A command to run it by, such as unshare with its options. */
  readonly by?: readonly string[];
}

export interface Reader {
  /** Of what was started: where it forks on its way, that of its parent. */
  readonly pid: number;
  /** What PACKET_STATISTICS tells it, which sets its counters to zero: of each socket, packets and drops. */
  statistics(): Promise<readonly (readonly [packets: number, drops: number])[]>;
  /** Its first socket is under way to nobody from then on. */
  letGo(): Promise<void>;
  /** All sockets, one after the other. */
  close(): Promise<void>;
  /** Without being asked (SIGKILL). */
  kill(): Promise<void>;
}

export async function withReader<T>({ by = [], ...program }: Program, body: (reader: Reader) => Promise<T>): Promise<T> {
  const [command = '', ...args] = ['setpriv', ...DIES_WITH_US, ...by, 'python3', '-c', SOURCE, JSON.stringify(program)];
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const asked = async (word: string): Promise<string> => {
    child.stdin.write(`${word}\n`);
    return String((await lines.next()).value);
  };
  try {
    const first = await lines.next();
    if (first.value !== 'ready') throw new Error(`the reader ${program.comm} did not start`);
    return await body({
      pid: child.pid ?? 0,
      statistics: async () => JSON.parse(await asked('statistics')),
      letGo: async () => void (await asked('let go')),
      close: async () => void (await asked('close')),
      kill: () => killed(child),
    });
  } finally {
    child.stdin.end();
    await end(child);
  }
}

function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => void child.on('exit', () => resolve()));
  child.kill('SIGKILL');
  return ended;
}
