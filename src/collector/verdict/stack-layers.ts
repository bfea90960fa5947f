/** What the text of a stack tells about how the kernel hashes its packets. Pure. */
import { WRAPPING_LAYERS, type WrappingLayer } from '../../model/wrapping.ts';

/** Inside these the kernel hashes the outer addresses and ports alone. */
export const OUTER_HASHED: readonly string[] = ['vxlan', 'geneve', 'gtpu', 'l2tp', 'teredo', 'ayiya', 'lisp', 'capwap'];

/** What flows have in common for which there was no place among the stacks that are told apart: nothing (native/core/evidence/evidence.hpp). */
export const FURTHER_STACKS = 'other';

export function hasLayer(stack: string, names: readonly string[]): boolean {
  return stack.split('/').some((layer) => names.includes(layer));
}

/** The family of the fragmented header where there is one, else of the innermost IP header. */
export function family(stack: string): 4 | 6 | undefined {
  const layers = stack.split('/');
  const fragment = layers.indexOf('frag');
  const last = layers.slice(0, fragment < 0 ? layers.length : fragment).findLast(isIp);
  if (last === undefined) return undefined;
  return last === 'ipv4' ? 4 : 6;
}

const PORTS: readonly string[] = ['tcp', 'udp', 'udplite', 'sctp', 'dccp'];

/** Whether the innermost flow is one of addresses alone. */
export function isPortless(stack: string): boolean {
  return !PORTS.includes(stack.split('/').at(-1) ?? '');
}

/**
 * Tags and one IP header, whole or in pieces: the kernel reads all of it, unless it does not know the type of a tag. Tags of all types are one
 * layer.
 */
export function isTaggedAlone(stack: string): boolean {
  return /^(?:vlan\/)+ipv[46]\/(?:frag\/)?(?:tcp|udp|udplite|sctp|dccp|icmp6?)$/.test(stack);
}

/** Ethertypes, or what they announce, at which the dissector stops. */
const HIDING: readonly string[] = ['mpls', 'cmd', 'vntag', 'etag', 'fabricpath', 'pbb', 'snap', 'nsh', 'fr', 'garland', 'ppp'];

/** What of these comes before any address, where the hash then ends. */
export function hiddenBehind(stack: string): string | undefined {
  const layers = stack.split('/');
  const first = layers.findIndex(isIp);
  return layers.slice(0, Math.max(first, 0)).find((layer) => HIDING.includes(layer));
}

/** Whether a tag of HSR or PRP comes before any address. */
export function startsWithHsr(stack: string): boolean {
  return /^(vlan\/)*hsr\//.test(stack);
}

/**
 * Whether the hash ends at the outer header of a tunnel. It reaches into IP in IP and GRE with IP or Ethernet inside, but never into UDP. PPP
 * in GRE of version 1 is one that it does look into: there, no key differs for the reason that this is about.
 */
export function isTunnelled(stack: string): boolean {
  const layers = stack.split('/');
  const first = layers.findIndex(isIp);
  const inside = first < 0 ? [] : layers.slice(first);
  return inside.slice(0, -1).includes('udp') || inside.some((layer) => HIDING.includes(layer) || ENDS_AT_OUTER_ADDRESSES.includes(layer));
}

const ENDS_AT_OUTER_ADDRESSES: readonly string[] = ['erspan', 'etherip', 'srv6l2', 'eoip', 'wlan', 'ext'];

/** Whether the flow is a GRE tunnel's own, because what the tunnel carries is no IP. In UDP the flow is that of the ports. */
export function carriesNoFlow(stack: string): boolean {
  return /(?:ipv4|ipv6|frag|ext)\/(?:nv)?gre(?:\/(?!ipv4|ipv6)[^/.]+)*$/.test(stack);
}

function isIp(layer: string): boolean {
  return layer === 'ipv4' || layer === 'ipv6';
}

/** The innermost layer around the packets of one stack and not around those of another; undefined where none of them hides a flow. */
export function wrappingBeyond(stack: string, other: string): WrappingLayer | undefined {
  const [layers, others] = [stack.split('/'), other.split('/')];
  while (layers.length > 0 && layers.at(-1) === others.at(-1)) {
    layers.pop();
    others.pop();
  }
  while (layers.length > 0 && layers[0] === others[0]) {
    layers.shift();
    others.shift();
  }
  return layers.findLast(isWrapping) ?? (layers.some(isIp) ? 'ip' : undefined);
}

function isWrapping(layer: string): layer is Exclude<WrappingLayer, 'ip'> {
  return WRAPPING_LAYERS.some((known) => known === layer);
}
