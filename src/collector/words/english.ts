/** Numbers, sizes and lists in plain English, the same in every place. Pure. */

/** "1 packet", "3,000 packets" */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
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

/** "1 process", "4 processes" */
export function processes(count: number): string {
  return count === 1 ? '1 process' : `${count} processes`;
}

/** 1234567 as "1,234,567", in every locale. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Two or three digits that mean something, in groups: 1234567 as "1,230,000". */
export function rounded(value: number): string {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value))) - 2);
  return grouped(Math.round(value / unit) * unit);
}

/** A share of 0.0512 as "5.1 %", however small. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** A share of 0.0512 as "5 %". */
export function wholePercent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Whole ones, or a part of one as "0.25 MiB". */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 2 : 0)} MiB`;
}

/** 1234 ms as "1.2 s" */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
