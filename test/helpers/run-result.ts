/** A whole RunResult, put together from the verdict of real evidence. */
import type { Evidence } from '../../src/model/evidence.ts';
import { groupNameOf } from '../../src/model/fanout.ts';
import { releaseOf } from '../../src/model/kernel-release.ts';
import type { RunFacts } from '../../src/model/run-facts.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { factsOf } from './evidence.ts';
import { judge } from './worded.ts';

export function resultOf(evidence: Evidence, change: Partial<RunFacts> = {}, override: Partial<RunResult> = {}): RunResult {
  const facts = factsOf(evidence, change);
  return {
    schema: 'fanout-cluster/report@1',
    tool: { version: '0.1.0' },
    startedAt: '2026-11-22T12:00:00.000Z',
    durationMs: 1234,
    timing: { startMs: 180, captureMs: 900 },
    host: { kernel: releaseOf(facts.kernel), cpus: 2 },
    source: { kind: facts.source, interface: facts.interface, ...(facts.source === 'lab' ? { injection: 'tap', seed: 7 } : {}) },
    group: { ...groupNameOf(facts), id: 42, procs: facts.procs },
    packets: facts.packets,
    flows: evidence.flows,
    members: facts.members,
    order: { checked: evidence.judgedPackets, inversions: 0, flows: 0, evidence: 'exact' },
    epochs: evidence.epochs.map(({ members, reason }) => ({ members, ...(reason === undefined ? {} : { reason }) })),
    ...judge(evidence, facts),
    ...override,
  };
}
