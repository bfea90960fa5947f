/**
 * The kernel's own word on the symmetric hash of any frame, as it is received. A bridge carries frames from one TAP to another,
 * untouched, and the second chooses the queue that it sends a frame out of by the hash and the scaling of a fanout group
 * (tun_automq_select_queue): the queue is the member of a HASH group of as many members. Unlike a frame that a packet socket sends,
 * a bridged one has been dissected from where the driver's receive path set its network header: VLAN tags are no obstacle.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { native } from '../../src/addon/native.ts';

const [INPUT, OUTPUT, BRIDGE] = ['oracle-in', 'oracle-out', 'oracle-br'] as const;
/** A queue of a TAP holds 500 frames, and all may have one hash. */
const FRAMES_AT_ONCE = 400;

export interface QueueOracle {
  /** The interface that receives the frames; whoever captures there sees them too. */
  readonly interface: string;
  /** The queue of each frame; -1 if it did not come out. Frames of equal bytes share one. */
  queuesOf(frames: readonly Uint8Array[]): readonly number[];
  close(): void;
}

export function openQueueOracle(queues: number): QueueOracle {
  const input = new native.Tap({ name: INPUT });
  const output = new native.Tap({ name: OUTPUT, queues });
  const close = () => {
    input.close();
    output.close();
    ip('link', 'delete', BRIDGE);
  };
  try {
    letInvalidPacketsPass();
    ip('link', 'add', BRIDGE, 'type', 'bridge', 'stp_state', '0', 'mcast_snooping', '0', 'forward_delay', '0');
    for (const name of [BRIDGE, INPUT, OUTPUT]) ip('link', 'set', 'dev', name, 'addrgenmode', 'none', 'arp', 'off');
    for (const name of [INPUT, OUTPUT]) ip('link', 'set', 'dev', name, 'master', BRIDGE);
    for (const name of [BRIDGE, INPUT, OUTPUT]) ip('link', 'set', 'dev', name, 'up');
  } catch (error) {
    close();
    throw error;
  }
  return { interface: INPUT, queuesOf, close };

  function queuesOf(frames: readonly Uint8Array[]): readonly number[] {
    const queueOf = new Map<string, number>();
    for (let at = 0; at < frames.length; at += FRAMES_AT_ONCE) {
      for (const frame of frames.slice(at, at + FRAMES_AT_ONCE)) if (!input.write(0, frame)) throw new Error('the TAP took no frame');
      for (let queue = 0; queue < queues; queue += 1)
        for (let frame = output.read(queue); frame !== null; frame = output.read(queue)) queueOf.set(nameOf(frame), queue);
    }
    return frames.map((frame) => queueOf.get(nameOf(frame)) ?? -1);
  }
}

/** Where br_netfilter is loaded, it drops packets with a wrong checksum or length before they are hashed. Of this namespace only. */
function letInvalidPacketsPass(): void {
  for (const name of ['iptables', 'ip6tables', 'arptables']) {
    const setting = `/proc/sys/net/bridge/bridge-nf-call-${name}`;
    if (existsSync(setting)) writeFileSync(setting, '0');
  }
}

function nameOf(frame: Uint8Array): string {
  return Buffer.from(frame).toString('latin1');
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: 'ignore' });
}
