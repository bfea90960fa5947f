/** Words for what spreads packets over receive queues and CPUs: of a NIC how to mend it, of a simulated one which of its settings split flows. Pure. */
import type { CauseArgs, NicFlaw } from '../../model/findings/cause.ts';
import type { NicFacts } from '../../model/run-facts.ts';
import type { QueueSetting, ReceiveMode, SpreadingElsewhere } from '../../model/spreading.ts';
import { STEER_INSIDE } from './cure.ts';
import { grouped } from './english.ts';
import { ofFlows } from './flows.ts';
import type { Advised, Words } from './say.ts';

export const RSS_WORDS: Words<Pick<CauseArgs, 'rss-asymmetric'>> = {
  'rss-asymmetric': (args) => {
    const { mode, by } = args;
    const apart = `packets of one flow were handled on several ${mode === 'qm' ? 'queues' : 'CPUs'}`;
    const { message, remedy } = by.kind === 'simulated' ? simulated(by.nic, by.flaws) : received(mode, by);
    return ofFlows(args, { message: `${apart}${message}`, remedy });
  },
};

type OnDevice = Extract<CauseArgs['rss-asymmetric']['by'], { readonly kind: 'device' }>;

function received(mode: ReceiveMode, { interface: device, spreading, outgoing }: OnDevice): Advised {
  if (spreading.kind !== 'nic') {
    const { message, remedy } = withoutRss(mode, device, spreading);
    return { message: `: ${message}`, remedy };
  }
  const mend = [symmetricOn(device, spreading.keyBytes), ...oneQueue(device, spreading.queues)].join(' or ');
  const examined = `; "fanout-cluster doctor -i ${device} -m ${mode}" reads which of its settings it is, and has the command of this driver`;
  if (outgoing === 0) return { message: '', remedy: `${mend}${examined}` };
  const sender = mode === 'qm' ? 'TX queue' : 'CPU';
  return {
    message: `; ${grouped(outgoing)} captured packets were sent by this host, and those go by the sender's ${sender}`,
    remedy: `${mend}${examined}; where this host only receives copies, keep what it sends out with --ignore-outgoing`,
  };
}

/** Where nothing of the device's own spreads what comes, or nothing that can be set. */
export function withoutRss(mode: ReceiveMode, device: string, spreading: SpreadingElsewhere): Advised {
  const by = mode === 'qm' ? 'the queue' : 'the CPU';
  switch (spreading.kind) {
    case 'untold':
      return {
        message: `the driver of ${device} does not tell how it spreads what it receives, and mode ${mode} goes by ${by} that comes of it`,
        remedy: [...oneQueue(device, spreading.queues), 'use --mode hash'].join(', or '),
      };
    case 'below':
      return {
        message: `${device} receives through the devices below it, so mode ${mode} goes by ${by} on which their NICs received`,
        remedy: 'make RSS symmetric on those, or use --mode hash',
      };
    case 'senders':
      return {
        message: `${device} has no receive queues of a NIC, so mode ${mode} goes by ${by} of whatever sends there`,
        remedy: `use --mode hash: on such a device mode ${mode} can keep no flow together on purpose`,
      };
  }
}

/** Advice to receive on one queue, where there are several and their number can be chosen. */
export function oneQueue(device: string, queues: QueueSetting | undefined): readonly string[] {
  return queues === undefined ? [] : [`use one receive queue ("ethtool -L ${device} ${queues} 1")`];
}

/** Of a Toeplitz key, where nobody tells: most NICs take that many. */
const KEY_BYTES = 40;

/** Toeplitz gives both directions one hash if its key repeats every 16 bits. */
function symmetricOn(device: string, keyBytes = KEY_BYTES): string {
  const key = Array.from({ length: keyBytes }, (_, i) => (i % 2 === 0 ? '6D' : '5A')).join(':');
  return `make RSS symmetric ("ethtool -X ${device} hkey ${key}", or "ethtool -X ${device} xfrm symmetric-xor" where the driver has it)`;
}

const FLAWS: Readonly<Record<NicFlaw, string>> = {
  directions: 'its hash is another one for each direction',
  fragments: 'it hashes fragments by addresses and whole packets by ports as well',
  tunnels: 'of a tunnel it hashes the outer header, which is not the same for all packets of the flow inside',
};

function simulated({ name, queues, isSymmetric, hashesPorts }: NicFacts, flaws: readonly NicFlaw[]): Advised {
  const about = `the answer is about the NIC as simulated (${name})`;
  if (flaws.length === 0)
    return {
      message: `, though it hashes both directions alike and by the same fields; ${about}`,
      remedy: 'look at the listed observations: the NIC sees the outermost header alone, and what is no IP goes to one queue',
    };
  const message = `: ${flaws.map((flaw) => FLAWS[flaw]).join('; ')}; ${about}`;
  // Then both settings are as good as they can be.
  if (isSymmetric && !hashesPorts)
    return { message, remedy: `${STEER_INSIDE}; or end the tunnel, or have labels stripped, before the sensor` };
  const byAddresses = !hashesPorts || flaws.some((flaw) => flaw !== 'directions');
  const onTheNic = [
    ...(isSymmetric ? [] : [symmetricOn('DEVICE')]),
    ...(byAddresses && hashesPorts ? ['hash by addresses alone ("ethtool -N DEVICE rx-flow-hash udp4 sd", and so on)'] : []),
  ];
  const then = onTheNic.length === 0 ? '' : `; if that keeps them, ${onTheNic.join(', and ')}`;
  return { message, remedy: `try --nic queues=${queues},rss=symmetric,fields=${byAddresses ? 'sd' : 'sdfn'}${then}` };
}
