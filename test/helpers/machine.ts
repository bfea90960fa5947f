/** A machine with room for everything, on which all that is drawn at random is the same. */
import type { Machine } from '../../src/options/machine.ts';

export const MACHINE: Machine = {
  pageBytes: 4096,
  memAvailableBytes: 2 ** 36,
  memChargeableBytes: Number.POSITIVE_INFINITY,
  tasksMax: 32768,
  tasksLeft: Number.POSITIVE_INFINITY,
  fileBytesMax: Number.POSITIVE_INFINITY,
  descriptorsMax: 2000,
  onlineCpus: [0, 1],
  randomSeed: 77,
  mayOpenTun: true,
  readText: () => '',
};
