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
