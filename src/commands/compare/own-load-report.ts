/** What testing costs, as a report. Decides nothing. */

import { type Document, paragraph, type Section } from '../../collector/report/document.ts';
import { grouped } from '../../collector/words/english.ts';
import type { OwnLoad } from './own-load-result.ts';

export function ownLoadDocument(load: OwnLoad): Document {
  return { sections: [ownLoadSection(load)] };
}

export function ownLoadSection({ procs, one, all, perFurtherGroup, lossFreeRate, lossRate }: OwnLoad): Section {
  const ns = (value: number) => `${grouped(Math.round(value))} ns`;
  const limit = lossRate === undefined ? ', the most that one CPU could receive' : `, and some at ${grouped(lossRate)}`;
  const text = [
    `A packet takes ${ns(one.kernelNsPerPacket)} of CPU on its way through the kernel to 1 group of ${procs}, and ${ns(one.workerNsPerPacket)} in its processes;`,
    `to ${all.groups} groups ${ns(all.kernelNsPerPacket)} and ${ns(all.workerNsPerPacket)}.`,
    `Each further group adds ${ns(perFurtherGroup.kernelNsPerPacket)} and ${ns(perFurtherGroup.workerNsPerPacket)}.`,
    `${all.groups} groups lost nothing up to ${grouped(lossFreeRate)} packets/s${limit}.`,
  ].join(' ');
  return { title: 'Own load, measured in the lab of this machine', blocks: [paragraph(text)] };
}
