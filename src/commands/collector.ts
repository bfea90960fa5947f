/** What is loaded only when something is to be run. */
import type { RunCluster, RunTogether } from '../collector/run/io.ts';
import type { Provisioning } from '../collector/run/provisions.ts';

export interface Collector {
  readonly runCluster: RunCluster;
  readonly runTogether: RunTogether;
  readonly provisioning: Provisioning;
}

export async function loadCollector(): Promise<Collector> {
  const [{ runCluster, runTogether }, { provisioning }] = await Promise.all([
    import('../collector/run/run.ts'),
    import('../collector/run/provisions.ts'),
  ]);
  return { runCluster, runTogether, provisioning };
}
