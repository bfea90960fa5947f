/** The veth pair that all traffic of the bench crosses: gen0 sends, cap0 is captured. */
import { writeFileSync } from 'node:fs';
import { runNow } from './processes.ts';

export const SENDING = 'gen0';
export const CAPTURED = 'cap0';
export const GENERATOR_CPU = 0;
export const READER_CPU = 1;

/**
 * Without ARP and IPv6 addresses the kernel itself sends nothing, and the packets counted are the packets sent.
 * A fresh sysfs shows the interfaces of this network namespace instead of the host's.
 */
export function createNetwork(): void {
  if (process.pid !== 1) throw new Error('not in a process namespace of its own: start it by `npm run bench`');
  runNow('mount', ['-t', 'sysfs', 'sysfs', '/sys']);
  runNow('ip', ['link', 'add', SENDING, 'type', 'veth', 'peer', 'name', CAPTURED]);
  for (const name of [SENDING, CAPTURED]) {
    writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
    runNow('ip', ['link', 'set', name, 'arp', 'off', 'up']);
  }
}

/** Receive packet steering: moves the kernel's part of receiving to the readers' CPU, or leaves it with the sender. */
export function steerReceiving(cpu: number | undefined): void {
  const mask = cpu === undefined ? 0 : 2 ** cpu;
  writeFileSync(`/sys/class/net/${CAPTURED}/queues/rx-0/rps_cpus`, mask.toString(16));
}

/**
 * How many members of any fanout group let packets through. Asked of the kernel (packet_diag), so that it does not depend on what the
 * program under test prints: a race-free start keeps a filter that drops everything until all members have joined.
 */
export function openMembers(): number {
  const filters = runNow('ss', ['--packet', '--numeric', '--bpf', '--no-header']).match(/bpf filter \(\d+\):.*$/gm) ?? [];
  return filters.filter((filter) => !/\(1\):\s+0x06 0 0 0,/.test(filter)).length;
}
