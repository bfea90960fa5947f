/** What is loaded only when something is to be run. */
import type { Clock } from '../collector/group/clock.ts';
import type { Conduct } from '../collector/run/conduct.ts';
import type { RunCluster, RunTogether } from '../collector/run/io.ts';
import type { Provisioning } from '../collector/run/provisions.ts';

export interface Collector {
  readonly runCluster: RunCluster;
  readonly runTogether: RunTogether;
  readonly conduct: Conduct;
  readonly provisioning: Provisioning;
  readonly clock: Clock;
}

export async function loadCollector(): Promise<Collector> {
  const [{ runCluster, runTogether }, { conduct }, { provisioning }, { HOST_CLOCK }] = await Promise.all([
    import('../collector/run/run.ts'),
    import('../collector/run/conduct.ts'),
    import('../collector/run/provisions.ts'),
    import('../collector/group/clock.ts'),
  ]);
  return { runCluster, runTogether, conduct, provisioning, clock: HOST_CLOCK };
}
