/** The steering that is part of this project (native/steering): its names, policies, and how deep it looks. */

/** What a flow is for it. Addresses are in every packet; ports spread the flows of one pair of hosts. */
export const POLICIES = ['addresses', 'ports'] as const;
export type SteeringPolicy = (typeof POLICIES)[number];

/** What --ebpf-program takes instead of a path. A file of such a name is "./builtin". */
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

/** `enum policy` of native/steering/options.h. */
export const POLICY_BIT = { ports: 1 << 0, noFallback: 1 << 1 } as const;

/** What it can look into, in the order of `enum layer` in native/steering/options.h; those from "cmd" on inside of a tunnel only. */
export const LAYERS = [
  'ip',
  'gre',
  'gre-route',
  'gre-vlan',
  'gre-ppp',
  'gre-mpls',
  'gre-nsh',
  'pptp',
  'erspan1',
  'erspan2',
  'erspan3',
  'eoip',
  'ah4',
  'ah6',
  'mobility',
  'ext',
  'etherip',
  'ethernet',
  'mpls-ip',
  'vxlan',
  'vxlan-gpe',
  'geneve',
  'geneve-vlan',
  'geneve-mpls',
  'geneve-nsh',
  'gtpu',
  'gtp-old',
  'teredo',
  'gre-udp',
  'ayiya',
  'l2tp',
  'mpls-udp',
  'lisp',
  'capwap',
  'cmd',
  'fabricpath',
  'vntag',
  'etag',
  'pbb',
  'snap',
  'nsh',
  'mpls-pw',
  'mpls-ethernet',
  'frame-relay',
  'wlan',
  'hsr',
  'batman',
  'garland',
] as const;
export type SteeredLayer = (typeof LAYERS)[number];

const TAKEN_OFF_BY_ALL = 1n << 63n;

/** The mask that native/steering takes: bit n stands for LAYERS[n]. */
export function layerMask(layers: readonly SteeredLayer[]): bigint {
  return layers.reduce((mask, layer) => mask | (1n << BigInt(LAYERS.indexOf(layer))), TAKEN_OFF_BY_ALL);
}

export const ALL_LAYERS = layerMask(LAYERS);
