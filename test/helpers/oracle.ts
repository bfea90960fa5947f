/**
 * The kernel's own word on which member of a hash group of n gets a frame: a TAP of n queues sends by the same hash and the same
 * scaling (tun_automq_select_queue), so the queue on which a frame comes out is the member. Written down nowhere in this program.
 */
import { execFileSync } from 'node:child_process';
import { native } from '../../src/addon/native.ts';
import { readTag } from '../../src/traffic/tag.ts';
import type { SentPacket } from './lab.ts';

const NAME = 'oracle0';
/** A queue of a TAP holds 500 frames. */
const FRAMES_AT_ONCE = 400;

/** For each packet the member that the kernel's hash chooses. Each flow and direction may be in the list once only. */
export async function hashMembers(packets: readonly SentPacket[], members: number): Promise<readonly number[]> {
  const tap = new native.Tap({ name: NAME, queues: members });
  try {
    execFileSync('ip', ['link', 'set', 'dev', NAME, 'addrgenmode', 'none', 'arp', 'off', 'up']);
    const queueOf = new Map<string, number>();
    for (let at = 0; at < packets.length; at += FRAMES_AT_ONCE) {
      await send(packets.slice(at, at + FRAMES_AT_ONCE));
      for (let queue = 0; queue < members; queue += 1)
        for (let frame = tap.read(queue); frame !== null; frame = tap.read(queue)) queueOf.set(nameOf(frame), queue);
    }
    return packets.map(({ flow, direction }) => queueOf.get(`${flow.id} ${direction}`) ?? -1);
  } finally {
    tap.close();
  }
}

async function send(packets: readonly SentPacket[]): Promise<void> {
  const frames = packets.map(({ frame }) => withoutVlans(frame));
  const offsets = Uint32Array.from([0, ...frames.map(({ length }) => length)]);
  offsets.forEach((length, i) => {
    offsets[i] = length + (offsets[i - 1] ?? 0);
  });
  await new native.Injector({ frames: Uint8Array.from(Buffer.concat(frames)), offsets, interface: NAME }).run();
}

/**
 * For a frame with VLAN tags in its bytes that a packet socket sends, the kernel sets the network header behind the tags and then
 * dissects from there with the outer ethertype: such a hash is of nothing. As received, tags are not part of the hash.
 */
function withoutVlans(frame: Uint8Array): Uint8Array {
  const view = Buffer.from(frame);
  let at = 12;
  while (view.readUInt16BE(at) === 0x8100 || view.readUInt16BE(at) === 0x88a8) at += 4;
  return Buffer.concat([view.subarray(0, 12), view.subarray(at)]);
}

function nameOf(frame: Uint8Array): string {
  const tag = readTag(frame, Buffer.from(frame).indexOf('FCLT'));
  return `${tag?.flow} ${tag?.direction}`;
}
