/**
 * One member of each group under test, of one group as a rule: opens, joins, captures and tells, each when the collector says so. Ends with
 * the collector.
 */
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { native } from '../addon/native.ts';
import { isSystemCallError } from '../errors.ts';
import { Deframer, frame } from '../protocol/framing.ts';
import { PROTOCOL_VERSION, packWorkerMessage, parseCollectorMessage, type WorkerMessage } from '../protocol/schema.ts';
import { socketPlace, WORKER_DESCRIPTORS } from '../worker-descriptors.ts';
import { Member } from './member.ts';

const [memberIndex, collectorPid, groupCount] = process.argv.slice(2);

if (memberIndex === undefined || collectorPid === undefined || groupCount === undefined) {
  process.stderr.write('this program is started by fanout-cluster\n');
  process.exit(70);
}

// Where it could not be so from its first instruction (src/host/node-program.ts).
native.hideFromUser();

// What ps(1) shows; its program may be known by a descriptor only.
process.title = `fanout-cluster worker ${memberIndex}`;

// A terminal, timeout(1) and a service manager send their signals to all processes of the program at once; the collector alone decides when a
// member goes. It says so, or it ends, or it sends SIGKILL.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(signal, () => {});
// It will hold a share of the packets: the kernel must end it whatever state it is in.
if (!native.signalAtParentsEnd(constants.signals.SIGKILL, Number(collectorPid))) process.exit(0);

const groups = Number(groupCount);
let membersLeft = groups;
let isConfined = false;
for (let group = 0; group < groups; group += 1) takePart(WORKER_DESCRIPTORS.streams + group);

/** As a member of the group whose frames come here. */
function takePart(stream: number): void {
  checkCollector(stream);
  const socket = new Socket({ fd: stream, readable: true, writable: true });
  const send = (message: WorkerMessage): void => {
    socket.write(frame(native.encodeMessage(packWorkerMessage(message))));
  };
  const member = new Member(socket, send);
  const deframer = new Deframer();
  socket.on('data', (chunk: Buffer) => deframer.push(chunk, (bytes) => obey(member, bytes)));
  // Without a collector there is nobody to tell. What went wrong does not matter: `close` follows.
  socket.on('error', () => {});
  socket.on('close', () => process.exit(0));
  send({ kind: 'hello', version: PROTOCOL_VERSION, member: Number(memberIndex), pid: process.pid });
}

/** The kernel's word on who made the pair: whoever else gave this process its descriptors is not to be obeyed. */
function checkCollector(stream: number): void {
  const { pid, uid } = native.peerCredentials(stream);
  if (pid === process.ppid && uid === process.getuid?.()) return;
  process.stderr.write(`descriptor ${stream} is no connection to the collector\n`);
  process.exit(70);
}

function obey(member: Member, bytes: Buffer): void {
  const message = parseCollectorMessage(native.decodeMessage(bytes));
  if (message.kind === 'leave') return leave();
  if (message.kind === 'start') confine();
  member.obey(message);
}

/**
 * All groups are armed before the first one starts. From then on packets of others are read: whatever they make of this process may use what
 * it holds, and reach nothing more.
 */
function confine(): void {
  if (isConfined) return;
  isConfined = true;
  try {
    native.confineCapture(socketPlace(0, groups), groups);
  } catch (error) {
    // A kernel without such filters. There is no privilege left all the same.
    if (!isSystemCallError(error)) throw error;
  }
}

/** All groups at once, when the last has been told: a member that left alone would move flows of its group. */
function leave(): void {
  membersLeft -= 1;
  // Everything was told; N processes that each take their runtime apart would keep the operator waiting.
  if (membersLeft === 0) native.exitNow(0);
}
