/** A veth pair in the test's own network namespace, and traffic on it. To be used under "unshare --net" only. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Injector, InjectPlan, InjectReport } from '../../src/addon/injector.ts';
import { generateTraffic, type TrafficOptions } from '../../src/traffic/traffic.ts';
import { loadLabAddon } from './addon.ts';

export const CAPTURE = 'cap0';
export const SENDER = 'gen0';

export function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The pair that the lab makes too: silent, so that every packet on it is one that the test sent. */
export function makePair(): void {
  removePair();
  ip('link', 'add', SENDER, 'type', 'veth', 'peer', 'name', CAPTURE);
  for (const name of [SENDER, CAPTURE]) ip('link', 'set', 'dev', name, 'addrgenmode', 'none', 'arp', 'off', 'up');
}

export function removePair(): void {
  try {
    ip('link', 'delete', SENDER);
  } catch {
    // There was none.
  }
}

/** How many sockets and others want to see every packet of the interface. */
export function promiscuity(name = CAPTURE): number {
  return Number(/promiscuity (\d+)/.exec(ip('-d', 'link', 'show', name))?.[1] ?? Number.NaN);
}

const addon = loadLabAddon();

export interface Sending {
  readonly injector: Injector;
  readonly report: Promise<InjectReport>;
  /** Stops and waits until the last packet is out. */
  stop(): Promise<void>;
}

/** Sends until stopped, unless the plan says otherwise. */
export function send(options: Partial<TrafficOptions> = {}, plan: InjectPlan = {}): Sending {
  return sendFrames(generateTraffic({ seed: 1, flows: 400, packetsPerFlow: 6, ...options }), plan);
}

export function sendFrames(frames: { readonly frames: Uint8Array; readonly offsets: Uint32Array }, plan: InjectPlan = {}): Sending {
  const { frames: bytes, offsets } = frames;
  const injector = new addon.Injector({ frames: bytes, offsets, interface: SENDER });
  const report = injector.run({ rounds: 0, packetsPerSecond: 20_000, ...plan });
  // An interface that goes down under it is what some tests are about.
  const ended = report.then(
    () => undefined,
    () => undefined,
  );
  return {
    injector,
    report,
    stop: () => {
      injector.stop();
      return ended;
    },
  };
}

/** Only the packets of one direction of each flow. */
export function oneWayFrames(options: Partial<TrafficOptions> = {}): { frames: Uint8Array; offsets: Uint32Array } {
  const { frames, offsets } = generateTraffic({ seed: 1, flows: 100, packetsPerFlow: 6, classes: ['ipv4-udp'], ...options });
  const initiators = new Set<string>();
  const chosen: Uint8Array[] = [];
  for (let i = 0; i + 1 < offsets.length; i += 1) {
    const frame = frames.subarray(offsets[i], offsets[i + 1]);
    const [from, to] = [Buffer.from(frame.subarray(26, 30)).toString('hex'), Buffer.from(frame.subarray(30, 34)).toString('hex')];
    const ports = [Buffer.from(frame.subarray(34, 36)).toString('hex'), Buffer.from(frame.subarray(36, 38)).toString('hex')];
    if (initiators.has(`${to}${ports[1]}${from}${ports[0]}`)) continue;
    initiators.add(`${from}${ports[0]}${to}${ports[1]}`);
    chosen.push(frame);
  }
  return joinFrames(chosen);
}

export function joinFrames(list: readonly Uint8Array[]): { frames: Uint8Array; offsets: Uint32Array } {
  const offsets = new Uint32Array(list.length + 1);
  list.forEach((frame, i) => {
    offsets[i + 1] = (offsets[i] ?? 0) + frame.length;
  });
  return { frames: Buffer.concat(list), offsets };
}

/** No device in use but our own: the tests were started as they should be. */
export function assertPrivateNamespace(): void {
  const devices = readFileSync('/proc/self/net/dev', 'utf8').split('\n').slice(2);
  const foreign = devices.map((line) => line.split(':')[0]?.trim() ?? '').filter((name) => !['', 'lo', SENDER, CAPTURE].includes(name));
  if (foreign.length > 0) throw new Error(`there is ${foreign.join(', ')} here: run this under "unshare --net"`);
}
