/** Two network devices without Ethernet and what passes between them: tun0 and tun1, in this network namespace. */
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { InjectPlan } from '../../src/addon/injector.ts';
import { loadLabAddon } from './addon.ts';
import { ip, joinFrames } from './network.ts';
import { end, serveCommand } from './serve.ts';

export const TUNNEL = 'tun0';
/** The other end. */
export const FAR_END = 'tun1';

/** ARPHRD_* of linux/if_arp.h. */
export const LINK_TYPE = {
  ether: 1,
  can: 280,
  ppp: 512,
  rawIp: 519,
  tunnel: 768,
  sit: 776,
  greOverIpv4: 778,
  radiotap: 803,
  none: 0xfffe,
} as const;

/** @param directory gets the program behind the devices */
export function buildTunnel(directory: string): <T>(linkType: number, body: () => Promise<T>) => Promise<T> {
  const program = join(directory, 'tunnel');
  execFileSync('g++', ['-std=c++20', '-O1', '-o', program, join(import.meta.dirname, 'tunnel.cpp')]);
  return async (linkType, body) => {
    const running = await serveCommand([program, String(linkType), TUNNEL, FAR_END], /ready/);
    try {
      // Nothing but what the test sends.
      for (const name of [TUNNEL, FAR_END]) ip('link', 'set', 'dev', name, 'addrgenmode', 'none', 'up');
      return await body();
    } finally {
      await end(running);
    }
  };
}

/** Packets, which begin with their IP header, into the far end; resolves when the last is out. */
export async function sendInto(packets: readonly Uint8Array[], plan: InjectPlan = {}): Promise<void> {
  const { Injector } = loadLabAddon();
  await new Injector({ ...joinFrames(packets), interface: FAR_END }).run({ packetsPerSecond: 20_000, ...plan });
}

const SEND = `import socket, struct, sys, time
device = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
device.bind((sys.argv[1], 0))
packets, at = sys.stdin.buffer.read(), 0
while at < len(packets):
    length, = struct.unpack_from('>H', packets, at)
    device.send(packets[at + 2:at + 2 + length])
    at += 2 + length
    time.sleep(0.0001)
`;

/** The same on any device by the way that other programs send: who captures there sees what this host sends. Needs python3. */
export async function sendSeen(device: string, packets: readonly Uint8Array[]): Promise<void> {
  const input = Buffer.concat(packets.flatMap((packet) => [Buffer.from([packet.length >> 8, packet.length & 0xff]), packet]));
  const child = spawn('python3', ['-c', SEND, device], { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(input);
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`python3 ended with ${code}`);
}

/** What a device without Ethernet carries of these frames: the IP packets in them. */
export function withoutEthernet(frames: readonly Uint8Array[]): readonly Uint8Array[] {
  return frames
    .filter((frame) => ['0800', '86dd'].includes(Buffer.from(frame.subarray(12, 14)).toString('hex')))
    .map((frame) => frame.subarray(14));
}
