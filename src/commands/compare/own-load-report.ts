/** OwnLoad to text for people. Decides nothing. */

import { grouped, type Style, wrap } from '../../collector/report/layout.ts';
import type { OwnLoad } from './own-load-result.ts';

export function renderOwnLoad(load: OwnLoad, style: Style): string {
  return `${ownLoadLines(load, style).join('\n')}\n`;
}

export function ownLoadLines({ procs, one, all, perFurtherGroup, lossFreeRate, lossRate }: OwnLoad, style: Style): readonly string[] {
  const ns = (value: number) => `${grouped(Math.round(value))} ns`;
  const limit = lossRate === undefined ? ', the most that one CPU could receive' : `, and some at ${grouped(lossRate)}`;
  const text = [
    `A packet takes ${ns(one.kernelNsPerPacket)} of CPU on its way through the kernel to 1 group of ${procs}, and ${ns(one.workerNsPerPacket)} in its processes;`,
    `to ${all.groups} groups ${ns(all.kernelNsPerPacket)} and ${ns(all.workerNsPerPacket)}.`,
    `Each further group adds ${ns(perFurtherGroup.kernelNsPerPacket)} and ${ns(perFurtherGroup.workerNsPerPacket)}.`,
    `${all.groups} groups lost nothing up to ${grouped(lossFreeRate)} packets/s${limit}.`,
  ].join(' ');
  return ['Own load, measured in the lab of this machine', ...wrap(text, '  ', style)];
}
