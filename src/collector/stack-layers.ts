/** What the text of a stack tells about how the kernel hashes its packets. Pure. */

/** Inside these the kernel hashes the outer addresses and ports alone. */
export const OUTER_HASHED: readonly string[] = ['vxlan', 'geneve', 'gtpu', 'l2tp', 'teredo'];

export function hasLayer(stack: string, names: readonly string[]): boolean {
  return stack.split('/').some((layer) => names.includes(layer));
}

/** The family of the fragmented header where there is one, else of the innermost IP header. */
export function family(stack: string): 4 | 6 | undefined {
  const layers = stack.split('/');
  const fragment = layers.indexOf('frag');
  const last = layers.slice(0, fragment < 0 ? layers.length : fragment).findLast((layer) => layer === 'ipv4' || layer === 'ipv6');
  if (last === undefined) return undefined;
  return last === 'ipv4' ? 4 : 6;
}

const PORTS: readonly string[] = ['tcp', 'udp', 'udplite', 'sctp', 'dccp'];

/** Whether the innermost flow is one of addresses alone. */
export function isPortless(stack: string): boolean {
  return !PORTS.includes(stack.split('/').at(-1) ?? '');
}

/** Whether an MPLS label comes before any address. */
export function startsWithLabel(stack: string): boolean {
  const layers = stack.split('/');
  const label = layers.indexOf('mpls');
  return label >= 0 && !layers.slice(0, label).some(isIp);
}

/** Whether the hash ends at the outer header of a tunnel. It reaches into IP in IP and GRE with IP or Ethernet inside. */
export function isTunnelled(stack: string): boolean {
  const layers = stack.split('/');
  const first = layers.findIndex(isIp);
  return first >= 0 && layers.slice(first).some((layer) => OUTER_HASHED.includes(layer) || ENDS_AT_OUTER_ADDRESSES.includes(layer));
}

const ENDS_AT_OUTER_ADDRESSES: readonly string[] = ['mpls', 'erspan', 'etherip'];

function isIp(layer: string): boolean {
  return layer === 'ipv4' || layer === 'ipv6';
}

/** "ipv4/tcp, ipv4/udp and 3 more" */
export function listed(stacks: readonly string[]): string {
  const shown = stacks.slice(0, 4).join(', ');
  return stacks.length > 4 ? `${shown} and ${stacks.length - 4} more` : shown;
}
