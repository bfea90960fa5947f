/** The steering program as an object file for loaders of others, such as Suricata's: with a policy, a depth and secret keys of its own. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { layerMask, POLICY_BIT, type SteeredLayer, type SteeringPolicy } from '../model/steering.ts';
import { packageRoot } from '../package-root.ts';

const OBJECT = 'native/steering/steer.bpf.o';

/** BPF_LD | BPF_IMM | BPF_DW takes two instructions of eight octets; the immediate's halves are the last four octets of each. */
const LOAD_IMMEDIATE = 0x18;
const [LOW, SECOND, HIGH, LENGTH] = [4, 8, 12, 16];
/** Upper halves of what is set here (native/steering/options.h). */
const MARK = 0x5eedfc00;
const [KEYS, POLICY, LAYERS] = [11, 0xfe, 0xff];

/** What is set in an object. */
export interface ObjectSettings {
  readonly policy: bigint;
  readonly layers: bigint;
  readonly keys: BigUint64Array;
}

export function steeringObject(policy: SteeringPolicy, layers: readonly SteeredLayer[]): Buffer {
  const object = shippedObject();
  const secret = randomBytes(8 * KEYS);
  const values = new Map<number, bigint>([
    [POLICY, BigInt(policy === 'ports' ? POLICY_BIT.ports : 0)],
    [LAYERS, layerMask(layers)],
    ...Array.from({ length: KEYS }, (_, key): [number, bigint] => [key, secret.readBigUInt64LE(8 * key)]),
  ]);
  const found = new Set<number>();
  for (const { at, which } of placesIn(object)) {
    const value = values.get(which);
    if (value === undefined) throw new TypeError(`${OBJECT} asks for ${which}, which nobody knows`);
    object.writeUInt32LE(Number(value & 0xffff_ffffn), at + LOW);
    object.writeUInt32LE(Number(value >> 32n), at + HIGH);
    found.add(which);
  }
  if (found.size !== values.size) throw new TypeError(`${OBJECT} does not ask for all that is to be set`);
  return object;
}

/** undefined: it was not made by steeringObject(), of this version. */
export function settingsIn(object: Uint8Array): ObjectSettings | undefined {
  const shipped = shippedObject();
  if (object.length !== shipped.length) return undefined;
  const given = Buffer.from(object);
  const settings = { policy: 0n, layers: 0n, keys: new BigUint64Array(KEYS) };
  for (const { at, which } of placesIn(shipped)) {
    const value = (BigInt(given.readUInt32LE(at + HIGH)) << 32n) | BigInt(given.readUInt32LE(at + LOW));
    if (which === POLICY) settings.policy = value;
    else if (which === LAYERS) settings.layers = value;
    else settings.keys[which] = value;
    for (const half of [LOW, HIGH]) shipped.copy(given, at + half, at + half, at + half + 4);
  }
  return given.equals(shipped) ? settings : undefined;
}

function shippedObject(): Buffer {
  return readFileSync(join(packageRoot(), OBJECT));
}

interface PlaceToSet {
  readonly at: number;
  /** A key by its number, the policy, or the layers. */
  readonly which: number;
}

function placesIn(object: Buffer): readonly PlaceToSet[] {
  const places: PlaceToSet[] = [];
  for (let at = 0; at + LENGTH <= object.length; at += 8) {
    if (object[at] !== LOAD_IMMEDIATE || object.readUInt32LE(at + SECOND) !== 0) continue;
    const upper = object.readUInt32LE(at + HIGH);
    if ((upper & 0xffff_ff00) === MARK) places.push({ at, which: upper & 0xff });
  }
  return places;
}
