/** What the driver says of its device, as facts. */
import { constants } from 'node:os';
import type { EthtoolAnswer, EthtoolCounter, EthtoolFacts, EthtoolRefusal, EthtoolSwitch } from '../../addon/ethtool.ts';
import { type Fact, HASHED_FLOWS, type HashedFlow, type NicFacts, type RssFacts, type Told, type Untold } from '../../nic/facts.ts';
import { featureName, hashFieldLetters } from './texts.ts';

type DriverFacts = Pick<
  NicFacts,
  'driver' | 'rss' | 'hashFields' | 'queues' | 'steeringRules' | 'features' | 'privateFlags' | 'rings' | 'coalescing'
>;

/** @param queuesInUse of the receive side, as /sys has them, for devices that are not asked by ethtool */
export function driverFacts(name: string, answers: EthtoolFacts, queuesInUse: Fact<number>): DriverFacts {
  return {
    driver: told(`ethtool -i ${name}`, answers.driver, (driver) => driver),
    rss: told(`ethtool -x ${name}`, answers.rss, rssFacts),
    hashFields: hashFields(name, answers.hashFields),
    queues: queueFacts(name, answers, queuesInUse),
    steeringRules: told(`ethtool -n ${name}`, answers.steeringRules, (count) => count),
    features: told(`ethtool -k ${name}`, answers.features, featureSwitches),
    privateFlags: told(`ethtool --show-priv-flags ${name}`, answers.privateFlags, switches),
    rings: told(`ethtool -g ${name}`, answers.rings, (rings) => rings),
    coalescing: told(`ethtool -c ${name}`, answers.coalescing, (coalescing) => coalescing),
  };
}

function told<T, U>(where: string, answer: EthtoolAnswer<T> | undefined, convert: (value: T) => U): Fact<U> {
  if (answer === undefined) return { where, why: 'was not asked' };
  return 'value' in answer ? { where, value: convert(answer.value) } : refused(where, answer);
}

function refused(where: string, { errno, why }: EthtoolRefusal): Untold {
  return { where, why, ...(errno === constants.errno.EPERM ? { needs: 'CAP_NET_ADMIN' } : {}) };
}

type Answered<T> = Extract<T, { readonly value: unknown }>['value'];

function rssFacts({ hashFunction, key, table, transform }: Answered<EthtoolFacts['rss']>): RssFacts {
  return {
    hashFunction: hashFunction ?? null,
    key: key === undefined ? null : Buffer.from(key).toString('hex'),
    table: table ?? null,
    inputTransform: transform === undefined ? null : (TRANSFORMS.get(transform) ?? null),
  };
}

/** RXH_XFRM_* of linux/ethtool.h. */
const TRANSFORMS: ReadonlyMap<number, NonNullable<RssFacts['inputTransform']>> = new Map([
  [0, 'none'],
  [1, 'symmetric-xor'],
  [2, 'symmetric-or-xor'],
]);

function hashFields(name: string, answers: EthtoolFacts['hashFields']): Readonly<Record<HashedFlow, Fact<string>>> {
  const fact = (flow: HashedFlow): Fact<string> =>
    told(`ethtool -n ${name} rx-flow-hash ${flow}`, answers[HASHED_FLOWS.indexOf(flow)], hashFieldLetters);
  return { tcp4: fact('tcp4'), udp4: fact('udp4'), tcp6: fact('tcp6'), udp6: fact('udp6') };
}

function queueFacts(name: string, { channels, receiveRings }: EthtoolFacts, inUse: Fact<number>): NicFacts['queues'] {
  const where = `ethtool -l ${name}`;
  if ('value' in channels) return { where, value: channels.value };
  const without = (used: Told<number>): NicFacts['queues'] => ({ where: used.where, value: { used: used.value, most: null } });
  if ('value' in receiveRings && receiveRings.value > 0)
    return without({ where: `ethtool -n ${name}, the rings`, value: receiveRings.value });
  return 'value' in inUse ? without(inUse) : refused(where, channels);
}

/** Names come from the driver: each is a property of its own, whatever it is called. */
function switches(all: readonly EthtoolSwitch[]): Readonly<Record<string, boolean>> {
  return Object.fromEntries(all.map(({ name, isOn }) => [name, isOn]));
}

/** With one of the names that are ethtool's for several features. */
function featureSwitches(all: readonly EthtoolSwitch[]): Readonly<Record<string, boolean>> {
  const segments = all.filter(({ name }) => /^tx-tcp.*-segmentation$/.test(name));
  return switches([
    ...all.map(({ name, isOn }) => ({ name: featureName(name), isOn })),
    ...(segments.length === 0 ? [] : [{ name: 'tcp-segmentation-offload', isOn: segments.some(({ isOn }) => isOn) }]),
  ]);
}

/** Empty where the driver counts nothing. */
export function countersOf(
  answer: EthtoolAnswer<readonly EthtoolCounter[]>,
  isWanted: (name: string) => boolean,
): readonly EthtoolCounter[] {
  return 'value' in answer ? answer.value.filter(({ name }) => isWanted(name)) : [];
}
