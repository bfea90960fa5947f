/** Starting a group while traffic flows: the moment at which a careless start sees flows on processes that they never belonged to. */

import type { Capture } from '../../src/addon/capture.ts';
import type { Injector } from '../../src/addon/injector.ts';
import { native } from '../../src/addon/native.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { Deframer } from '../../src/protocol/framing.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { runCli } from './cli.ts';
import { withLab } from './lab.ts';

export const FLOWS = 500;
/** Packets per second; 0 is as fast as this machine sends. */
export const RATES = { '200 kpps': 200_000, '1 Mpps': 1_000_000, 'full rate': 0 } as const;
export type Rate = keyof typeof RATES;

/** Runs `body` while 500 two-way flows pass on a veth again and again. */
export async function underTraffic<T>(rate: Rate, body: (interfaceName: string) => Promise<T>): Promise<T> {
  return withLab('veth', 1, async (lab) => {
    const injector = lab.createInjector(generateTraffic({ seed: 41, flows: FLOWS, packetsPerFlow: 4 }));
    const sending = injector.run({ rounds: 0, packetsPerSecond: RATES[rate] });
    try {
      await flowing(injector);
      return await body(lab.interface);
    } finally {
      injector.stop();
      await sending;
    }
  });
}

async function flowing(injector: Injector): Promise<void> {
  while (injector.counters.packets < FLOWS) await new Promise(setImmediate);
}

/** One start of the product, judged live until every flow was seen in both directions. */
export async function start(interfaceName: string, procs: number): Promise<RunResult> {
  const goal = ['--max-flows', String(FLOWS), '--duration', '10s'];
  return (await runCli(['-i', interfaceName, '-n', String(procs), '-m', 'hash', ...goal])).report;
}

export const violationsOf = ({ flows }: RunResult): number => flows.split + flows.asymmetric + flows.duplicated;

/** The careless way: each member judges from the moment of its own join, without waiting for the others. Says how many flows it accuses. */
export async function startWithoutBarrier(interfaceName: string, procs: number): Promise<number> {
  const seed = 1n;
  const flowMap = new native.FlowMap({ members: procs, flowsMax: 1 << 16, hashSeed: seed });
  const { index: ifindex } = native.describeInterface(interfaceName);
  const startNs = native.realtimeNs();
  const members: Capture[] = [];
  const buffers: (readonly Buffer[])[] = [];
  const read = (member: number): void => {
    const capture = members[member];
    const deframer = new Deframer();
    capture?.answerDoorbell();
    for (let batch = capture?.take() ?? null; batch !== null; batch = capture?.take() ?? null) {
      const bytes = buffers[member]?.[batch.slot]?.subarray(0, batch.length) ?? Buffer.alloc(0);
      deframer.push(Buffer.from(bytes), (message) => flowMap.ingest(message, member));
      capture?.release(batch.slot);
    }
  };
  for (let member = 0; member < procs; member += 1) {
    const capture = new native.Capture({ ...CARELESS, socket: native.openPacketSocket(), ifindex, member, hashSeed: seed });
    members.push(capture);
    buffers.push(capture.buffers());
    capture.join({ groupId: 4242, mode: 0, flags: 0, membersMax: 0 });
    capture.arm();
    capture.start(startNs, 0, () => read(member));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  for (const capture of members) capture.finish(0n);
  while (!members.every((capture) => capture.counters().finished)) await new Promise((resolve) => setTimeout(resolve, 5));
  members.forEach((_, member) => {
    read(member);
  });
  for (const capture of members) capture.close();
  const { flows } = flowMap.evidence({ epochEndsNs: [null], violationsMax: 0, startNs });
  return flows.split + flows.asymmetric + flows.duplicated;
}

const CARELESS = {
  blockBytes: 1 << 18,
  blockCount: 8,
  blockTimeoutMs: 10,
  snaplen: 192,
  filter: null,
  promiscuous: false,
  ignoreOutgoing: false,
  cpu: null,
  flowsMax: 1 << 16,
  workNs: 0,
  newsIntervalMs: 10,
  labTags: false,
  replayed: false,
  eager: false,
} as const;
