/** Steering that looks as deep as an IDS, and no deeper: by what is inside of the tunnels that it opens, and by the ends of all others. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { readersOf } from '../../src/collector/verdict/readers.ts';
import { IDS_TITLES, type IdsName } from '../../src/deployment/depth.ts';
import type { Reader } from '../../src/model/reader.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { ebpfRequirements, mountBpfFileSystem } from '../helpers/bpf.ts';
import { packetsOf, refuseHostNamespace } from '../helpers/lab.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { run } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const pin = `/sys/fs/bpf/fanout-test-${process.pid}-depth`;

beforeAll(() => {
  refuseHostNamespace();
  mountBpfFileSystem();
});
afterAll(() => scratch.remove());

interface Tunnelled {
  readonly name: string;
  readonly stack: string;
  readonly frame: Uint8Array;
  /** The same packet from another end of the tunnel. */
  readonly fromElsewhere: Uint8Array;
}

/** Where the source address ends that is the outermost, behind an Ethernet header. */
const LAST_OF_SOURCE = { ipv4: 14 + 15, ipv6: 14 + 23 } as const;

/** Of every class whose packets are an IP packet in another one, right behind Ethernet. */
const TUNNELS: readonly Tunnelled[] = TRAFFIC_CLASSES.filter(({ flow }) => flow !== undefined).flatMap(({ name }) => {
  const [packet] = packetsOf(generateTraffic({ seed: 5, classes: [name], flows: 1, packetsPerFlow: 12 }));
  const [, version] = /^(ipv[46])\/.*ipv[46]\//.exec(packet?.flow.stack ?? '') ?? [];
  if (packet === undefined || packet.flow.stacks.length > 1 || version === undefined) return [];
  const fromElsewhere = Uint8Array.from(packet.frame);
  const at = LAST_OF_SOURCE[version as keyof typeof LAST_OF_SOURCE];
  fromElsewhere[at] = (fromElsewhere[at] ?? 0) ^ 0x55;
  return [{ name, stack: packet.flow.stack, frame: packet.frame, fromElsewhere }];
});

/** What a stack does not tell: the version of GTP, the type of ERSPAN, routes in GRE. */
const CLOSED = {
  suricata: ['erspan3-ipv4-udp'],
  zeek: ['gre-routed-ipv4-tcp', 'gtp-old-ipv4-tcp'],
  snort: ['erspan1-ipv4-tcp'],
  arkime: ['gtp-old-ipv4-tcp'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

for (const reader of ['suricata', 'zeek', 'snort', 'arkime'] as const)
  testWith([root(), ...ebpfRequirements()], `as deep as ${IDS_TITLES[reader]}`, { timeout: 60_000 }, async () => {
    const isOpened = ({ name, stack }: Tunnelled) =>
      readersOf(stack).includes(IDS_TITLES[reader] as Reader) && !(CLOSED[reader] as readonly string[]).includes(name);
    const opened = TUNNELS.filter(isOpened).map(({ name }) => name);
    expect(opened.length).toBeGreaterThan(8);
    expect(TUNNELS.length - opened.length).toBeGreaterThan(8);
    expect(await openedFor(reader)).toEqual(opened);
  });

/** Classes of which the ends of the tunnel do not matter to the program. */
async function openedFor(reader: IdsName): Promise<readonly string[]> {
  const object = join(scratch.path, `${reader}.bpf.o`);
  expect((await run(['cure', '--ids', reader, '--policy', 'addresses', '--write', object, '--quiet'])).status).toBe(0);
  execFileSync('bpftool', ['prog', 'load', object, pin, 'type', 'socket']);
  try {
    return TUNNELS.filter(({ frame, fromElsewhere }) => answerTo(frame) === answerTo(fromElsewhere)).map(({ name }) => name);
  } finally {
    rmSync(pin);
  }
}

function answerTo(frame: Uint8Array): number {
  const file = join(scratch.path, 'frame');
  writeFileSync(file, frame);
  const said = execFileSync('bpftool', ['--json', 'prog', 'run', 'pinned', pin, 'data_in', file], { encoding: 'utf8' });
  return (JSON.parse(said) as { readonly retval: number }).retval;
}
