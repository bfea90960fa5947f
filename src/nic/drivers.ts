/** How drivers can be told to receive both directions of a flow on one queue: what this tool advises, and sets nowhere. Pure. */
import { parseKernelRelease } from '../model/kernel-release.ts';
import { isTold, type NicFacts } from './facts.ts';

interface DriverRow {
  /** A key that repeats every 16 bits; the XOR of what is hashed; source and destination mixed before they are hashed. */
  readonly symmetricBy: 'key' | 'xor-function' | 'or-xor';
  /** Of its hash key, where it is not 40. */
  readonly keyBytes?: number;
  /** What "ethtool -L" calls its receive queues, where it is not "combined". */
  readonly channels?: 'rx';
  /** It hashes to no more queues, however many it has. */
  readonly hashedQueuesMost?: number;
  /** Some devices or kernels refuse another key. */
  readonly mayRefuse?: true;
}

/** By the names of ethtool -i. A driver that shows no key takes none: igb before 2026, and most of those that are not listed. */
const DRIVERS: Readonly<Record<string, DriverRow>> = {
  ixgbe: { symmetricBy: 'key', hashedQueuesMost: 16 },
  igb: { symmetricBy: 'key' },
  i40e: { symmetricBy: 'key', keyBytes: 52 },
  iavf: { symmetricBy: 'key', keyBytes: 52 },
  // "xfrm symmetric-xor" is announced since Linux 6.8, and is said to have been without effect: the key works in any case.
  ice: { symmetricBy: 'key', keyBytes: 52 },
  mlx5_core: { symmetricBy: 'or-xor' },
  mlx4_en: { symmetricBy: 'xor-function', channels: 'rx' },
  bnxt_en: { symmetricBy: 'key', mayRefuse: true },
  ena: { symmetricBy: 'key', mayRefuse: true },
  virtio_net: { symmetricBy: 'key', mayRefuse: true },
  hv_netvsc: { symmetricBy: 'key', mayRefuse: true },
  vmxnet3: { symmetricBy: 'key', mayRefuse: true },
  gve: { symmetricBy: 'key', mayRefuse: true },
  tg3: { symmetricBy: 'key', channels: 'rx', mayRefuse: true },
};

const KEY_BYTES = 40;

/** What "ethtool -L" calls receive queues. */
export type Channels = 'rx' | 'combined';

function rowOf({ driver }: Pick<NicFacts, 'driver'>): DriverRow | undefined {
  return isTold(driver) ? DRIVERS[driver.value.name.replace(/^mlx4_core$/, 'mlx4_en')] : undefined;
}

export function channelsOf(facts: Pick<NicFacts, 'driver'>): Channels {
  return rowOf(facts)?.channels ?? 'combined';
}

/** Of so many queues, those that the hash can choose. */
export function hashedQueues(facts: Pick<NicFacts, 'driver'>, used: number): number {
  return Math.min(used, rowOf(facts)?.hashedQueuesMost ?? used);
}

/** How to have both directions on one queue. */
export type Symmetry =
  | {
      readonly by: 'key';
      readonly keyBytes: number;
      /** The table is spread evenly over so many queues; absent: it stays as it is. */
      readonly queues?: number;
      /** The function has to be Toeplitz first. */
      readonly isOtherFunction: boolean;
      readonly mayRefuse: boolean;
      readonly channels: Channels;
    }
  | { readonly by: 'xor-function' }
  | { readonly by: 'or-xor' }
  /** Nothing else can be set there. */
  | { readonly by: 'one-queue'; readonly channels: Channels };

export function symmetryOf({ driver, rss, queues }: NicFacts): Symmetry {
  const row = rowOf({ driver });
  const channels = channelsOf({ driver });
  const settings = isTold(rss) ? rss.value : undefined;
  if (row?.symmetricBy === 'xor-function' && settings !== undefined) return { by: 'xor-function' };
  if (row?.symmetricBy === 'or-xor' && settings?.hashFunction === 'toeplitz' && tellsTransform({ driver })) return { by: 'or-xor' };
  // Nobody sets a key that the driver does not even show.
  if (settings === undefined || settings.key === null) return { by: 'one-queue', channels };
  const used = isTold(queues) ? hashedQueues({ driver }, queues.value.used) : undefined;
  return {
    by: 'key',
    keyBytes: keyBytesOf(settings.key, row),
    ...(used === undefined ? {} : { queues: used }),
    isOtherFunction: settings.hashFunction !== null && settings.hashFunction !== 'toeplitz',
    mayRefuse: row === undefined || row.mayRefuse === true,
    channels,
  };
}

function keyBytesOf(key: string, row: DriverRow | undefined): number {
  const shown = key.replaceAll(':', '').length / 2;
  return shown > 0 ? shown : (row?.keyBytes ?? KEY_BYTES);
}

/** Before Linux 6.15 mlx5 mixes source and destination, and does not say so. Of a driver from elsewhere nobody knows. */
export function tellsTransform({ driver }: Pick<NicFacts, 'driver'>): boolean {
  if (!isTold(driver)) return false;
  if (driver.value.name !== 'mlx5_core') return true;
  const release = parseKernelRelease(driver.value.version);
  if (release === undefined || release.isVague || release.major > 20) return false;
  return release.major > 6 || (release.major === 6 && release.minor >= 15);
}

/** Drivers that are known to mix source and destination where they say so. ice has announced it since Linux 6.8; whether it did it is disputed. */
export function doubtsTransform({ driver }: Pick<NicFacts, 'driver'>): boolean {
  return !isTold(driver) || !['iavf', 'mlx5_core'].includes(driver.value.name);
}

/** Drivers whose "xor" is known to be the XOR of all that is hashed. */
export function xorIsKnown({ driver }: Pick<NicFacts, 'driver'>): boolean {
  return isTold(driver) && ['mlx4_en', 'mlx4_core', 'mlx5_core'].includes(driver.value.name);
}

/** Learns where this host sends from, and steers what comes back there. */
export type SentTrafficSteering = 'ntuple' | 'private-flag';

/** Undefined: the driver has none, or it is off. "untold" where it cannot be known. */
export function sentTrafficSteering({ driver, features, privateFlags }: NicFacts): SentTrafficSteering | 'untold' | undefined {
  if (!isTold(driver)) return 'untold';
  if (driver.value.name === 'ixgbe') {
    if (!isTold(features)) return 'untold';
    return features.value['ntuple-filters'] === true ? undefined : 'ntuple';
  }
  if (driver.value.name !== 'i40e') return undefined;
  if (!isTold(privateFlags)) return 'untold';
  return privateFlags.value['flow-director-atr'] === true ? 'private-flag' : undefined;
}
