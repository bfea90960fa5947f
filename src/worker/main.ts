/** One member of the group: opens, joins, captures and tells, each when the collector says so. Ends with the collector. */
import { existsSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { constants } from 'node:os';
import { basename, dirname } from 'node:path';
import { native } from '../native.ts';
import { Deframer, frame } from '../protocol/framing.ts';
import { PROTOCOL_VERSION, packWorkerMessage, parseCollectorMessage, type WorkerMessage } from '../protocol/schema.ts';
import { Member } from './member.ts';

const [socketPath, memberIndex, collectorPid] = process.argv.slice(2);

if (socketPath === undefined || memberIndex === undefined || collectorPid === undefined) {
  process.stderr.write('this program is started by fanout-cluster\n');
  process.exit(70);
}

// A terminal sends its signals to all processes in the foreground; the collector alone decides when a member goes.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
let isOpen = false;
// Until it is told to open, a worker may have to tidy up after a collector that was killed, so it wants no more than to be woken, should
// it be stopped. Afterwards it holds a share of the packets, and the kernel must end it whatever state it is in.
endWithCollector(constants.signals.SIGCONT);

whenThere(() => {
  const socket = connect(socketPath);
  const send = (message: WorkerMessage): void => {
    socket.write(frame(native.encodeMessage(packWorkerMessage(message))));
  };
  const member = new Member(socket, send);
  const deframer = new Deframer();
  socket.on('connect', () => send({ kind: 'hello', version: PROTOCOL_VERSION, member: Number(memberIndex), pid: process.pid }));
  socket.on('data', (chunk: Buffer) => deframer.push(chunk, (bytes) => obey(member, bytes)));
  // Without a collector there is nobody to tell. What went wrong does not matter: `close` follows.
  socket.on('error', () => {});
  socket.on('close', leave);
});

// The collector listens when it has forked the last worker, so the first ones wait for it.
function whenThere(begin: () => void): void {
  if (existsSync(String(socketPath))) return begin();
  if (isOrphan()) return leave();
  setTimeout(() => whenThere(begin), 2);
}

function isOrphan(): boolean {
  return process.ppid !== Number(collectorPid);
}

function obey(member: Member, bytes: Buffer): void {
  const message = parseCollectorMessage(native.decodeMessage(bytes));
  if (message.kind === 'open') {
    isOpen = true;
    endWithCollector(constants.signals.SIGKILL);
  }
  member.obey(message);
}

function endWithCollector(signal: number): void {
  if (!native.signalAtParentsEnd(signal, Number(collectorPid))) leave();
}

function leave(): void {
  if (isOpen) process.exit(0);
  // A process that is killed closes its sockets a moment before it is gone; one that lives takes care of its directory itself.
  const patienceMs = 1000;
  const giveUpMs = performance.now() + patienceMs;
  setInterval(() => {
    if (isOrphan()) removeDirectoryOf(String(socketPath));
    if (isOrphan() || performance.now() > giveUpMs) process.exit(0);
  }, 2);
}

function removeDirectoryOf(path: string): void {
  const directory = dirname(path);
  if (basename(directory).startsWith('fanout-cluster-')) rmSync(directory, { recursive: true, force: true });
}
