/** A second opinion on every byte: Wireshark's dissectors, with all their checksum tests switched on. */
import { execFileSync } from 'node:child_process';

const CHECKS = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum', 'dccp.check_checksum', 'udplite.check_checksum'];
const PREFERENCES = [...CHECKS.map((name) => `${name}:TRUE`), 'sctp.checksum:CRC-32c'];

/** Values of the fields, packet by packet, of all packets that the display filter lets through. */
export function tshark(
  path: string,
  filter: string,
  fields: readonly string[],
  options: readonly string[] = [],
): readonly (readonly string[])[] {
  const preferences = PREFERENCES.flatMap((preference) => ['-o', preference]);
  const columns = fields.flatMap((field) => ['-e', field]);
  const args = ['-r', path, '-n', ...preferences, ...options, '-Y', filter, '-T', 'fields', '-E', 'separator=|', ...columns];
  const text = execFileSync('tshark', args, { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('|'));
}
