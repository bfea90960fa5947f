/** Gives every listed flow the name that it has in the logs of an IDS. */
import { createHash } from 'node:crypto';
import { communityIdOf } from '../../model/community-id.ts';
import type { Evidence, ViolationEvidence } from '../../model/evidence.ts';

export function withCommunityIds(evidence: Evidence): Evidence {
  return { ...evidence, violations: evidence.violations.map(named) };
}

function named(violation: ViolationEvidence): ViolationEvidence {
  const communityId = communityIdOf(violation.flow, violation.requests, sha1);
  return communityId === undefined ? violation : { ...violation, flow: { ...violation.flow, communityId } };
}

function sha1(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64');
}
