/** Numbers, sizes and lists in plain English, the same in every place. Pure. */

/** "1 packet", "3 packets" */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Two significant digits, never rounded to nothing. @param limit told as the round number that it is */
export function probability(p: number, limit?: number): string {
  if (p < 1e-300) return 'below 1e-300';
  return p < 0.001 ? p.toExponential(p === limit ? 0 : 1) : p.toPrecision(2);
}

/** A share of 0.5 as "50.0 %"; two significant digits below one percent. */
export function percentOf(share: number): string {
  const value = share * 100;
  return `${value >= 1 ? value.toFixed(1) : value.toPrecision(2)} %`;
}

/** "ipv4/tcp, ipv4/udp and 3 more" */
export function listed(names: readonly string[], most = 4): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** "Suricata, Zeek and Snort" */
export function joined(names: readonly string[], conjunction: 'and' | 'or'): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} ${conjunction} ${names.at(-1) ?? ''}`;
}
