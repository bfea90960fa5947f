/** Generator and dissector, written apart, name the same innermost flow of every packet of every class. */
import { expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { readTag } from '../../src/traffic/tag.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { framesOf } from '../helpers/traffic.ts';

/** An IDS joins these to their flow by what it has seen before or quotes of it, which no single frame's headers show. */
const JOINED_LATER = ['fragment-later', 'icmp-error'];

test.each(TRAFFIC_CLASSES.map(({ name }) => name))('%s', (name) => {
  const traffic = generateTraffic({ seed: 4, classes: [name], flows: 8, packetsPerFlow: 12 });
  framesOf(traffic).forEach((frame, i) => {
    const tag = readTag(frame, traffic.tags[i] ?? 0);
    const truth = traffic.flows[tag?.flow ?? -1];
    const seen = native.dissectFrame(frame);
    expect(truth?.stacks).toContain(seen.stack);
    if (JOINED_LATER.includes(seen.kind)) return;
    expect(seen.kind === 'flow').toBe(truth?.flow !== undefined);
    if (truth?.flow !== undefined) expect(seen).toMatchObject({ flow: truth.flow, direction: tag?.direction });
  });
});
