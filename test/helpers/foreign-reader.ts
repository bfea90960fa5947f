/** A program of somebody else: packet sockets in one fanout group, which writes down what each of them gets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { readTag, type TagFields } from '../../src/traffic/tag.ts';
import { DIES_WITH_US, end } from './serve.ts';

const SOURCE = `
import select, signal, socket, struct, sys
device, group, mode, members = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
if len(sys.argv) > 5: open('/proc/self/comm', 'w').write(sys.argv[5])
sockets = []
for member in range(members):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    s.bind((device, 3))
    s.setsockopt(263, 18, struct.pack('=I', group | mode << 16))
    s.setblocking(False)
    sockets.append(s)
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print('ready', flush=True)
while True:
    for s in select.select(sockets, [], [])[0]:
        while True:
            try: frame = s.recv(65535)
            except BlockingIOError: break
            at = frame.find(b'FCLT')
            if at >= 0: print(sockets.index(s), frame[at:at + 20].hex())
    sys.stdout.flush()
`;

export interface ForeignReader {
  readonly pid: number;
  /** The members that got packets of each flow, for all that came since the last time. Waits until so many have come. */
  membersByFlow(packets: number): Promise<ReadonlyMap<number, ReadonlySet<number>>>;
}

export interface ForeignGroup {
  readonly interface: string;
  readonly id: number;
  readonly mode: 'hash' | 'ebpf';
  readonly members: number;
  /** What it calls itself. */
  readonly comm?: string;
}

const MODES = { hash: 0, ebpf: 7 } as const;

export async function withForeignReader<T>(group: ForeignGroup, body: (reader: ForeignReader) => Promise<T>): Promise<T> {
  const { id, mode, members, comm } = group;
  const args = [group.interface, id, MODES[mode], members, ...(comm === undefined ? [] : [comm])].map(String);
  const child = spawn('setpriv', [...DIES_WITH_US, 'python3', '-c', SOURCE, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const seen = linesOf(child);
    await expectReady(seen);
    return await body({ pid: child.pid ?? 0, membersByFlow: (packets) => taken(seen, packets) });
  } finally {
    await end(child);
  }
}

interface Seen {
  readonly lines: string[];
  hasEnded: boolean;
}

function linesOf(child: ChildProcess): Seen {
  const seen: Seen = { lines: [], hasEnded: false };
  if (child.stdout === null) throw new TypeError('it says nothing');
  createInterface(child.stdout).on('line', (line) => seen.lines.push(line));
  child.on('close', () => {
    seen.hasEnded = true;
  });
  return seen;
}

async function expectReady(seen: Seen): Promise<void> {
  await until(seen, () => seen.lines[0] === 'ready');
  seen.lines.shift();
}

async function taken(seen: Seen, packets: number): Promise<ReadonlyMap<number, ReadonlySet<number>>> {
  await until(seen, () => seen.lines.length >= packets);
  const flows = new Map<number, Set<number>>();
  for (const line of seen.lines.splice(0)) {
    const [member, hex = ''] = line.split(' ');
    const { flow } = readTag(Buffer.from(hex, 'hex'), 0) as TagFields;
    flows.set(flow, (flows.get(flow) ?? new Set()).add(Number(member)));
  }
  return flows;
}

const PATIENCE_MS = 15_000;

async function until(seen: Seen, holds: () => boolean): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (seen.hasEnded || Date.now() > end)
      throw new Error(`the reader ${seen.hasEnded ? 'ended' : 'waits'} with ${seen.lines.length} packets`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
