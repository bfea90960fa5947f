/** Names of the steering program that is part of this project: what --ebpf-program takes instead of a path. */

/** What a flow is for it. Addresses are in every packet; ports spread the flows of one pair of hosts. */
export type SteeringPolicy = 'addresses' | 'ports';

/** A file of such a name is "./builtin". */
const NAMES: Readonly<Record<string, SteeringPolicy>> = {
  builtin: 'addresses',
  'builtin:addresses': 'addresses',
  'builtin:ports': 'ports',
};

export const BUILTIN_NAMES = Object.keys(NAMES);

/** undefined: a path. */
export function builtinPolicy(name: string): SteeringPolicy | undefined {
  return Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
}

/** All encapsulations that it can look into. */
export const ALL_LAYERS = 0xffff_ffff;

/** As `enum policy` of native/steering/options.h. */
export function policyBits(policy: SteeringPolicy): number {
  return policy === 'ports' ? 1 : 0;
}
