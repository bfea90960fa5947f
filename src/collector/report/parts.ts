/** What several reports say in the same words. */
import { grouped } from '../words/english.ts';

/** "1 packet", "3,000 packets" */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}
