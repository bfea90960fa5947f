/** What this host says of a network interface. */
import { HASHED_FLOWS, type NicFacts, type Untold } from '../nic/facts.ts';

/** @param options.waitMs between the two readings of counters */
export async function readNicFacts(name: string, _options: { readonly waitMs: number }): Promise<NicFacts> {
  const untold: Untold = { where: 'nowhere', why: 'not read yet' };
  return {
    name,
    driver: untold,
    kind: untold,
    link: untold,
    uppers: untold,
    lowers: untold,
    master: untold,
    bond: untold,
    queues: untold,
    rss: untold,
    hashFields: Object.fromEntries(HASHED_FLOWS.map((flow) => [flow, untold])) as NicFacts['hashFields'],
    steeringRules: untold,
    features: untold,
    privateFlags: untold,
    rings: untold,
    coalescing: untold,
    rps: untold,
    rfsEntries: untold,
    threadedNapi: untold,
    irqs: untold,
    irqbalance: untold,
    numaNode: untold,
    cpus: untold,
    losses: untold,
    softnet: untold,
    backlogMax: untold,
    xdp: untold,
    ingress: untold,
    flowDissector: untold,
    groups: untold,
  };
}
