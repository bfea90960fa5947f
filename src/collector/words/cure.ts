/** The cure in words: the commands that mend what was found, for every remedy that can name them. Pure. */
import { CURE_HASH, SURICATA_WRITE } from '../../deployment/levers.ts';

/** A run of this program with the cure. */
export const CURED_RUN = '--mode ebpf --ebpf-program builtin:addresses';

const TESTED = `"${SURICATA_WRITE}" for Suricata; ${CURED_RUN} to test it`;

/** Steering by the innermost flow. The flow dissector serves the HASH groups of all readers, and looks as deep as they do. */
export const STEER_INSIDE = `steer by the innermost flow ("${CURE_HASH}" for HASH groups, as deep as their reader looks; ${TESTED})`;

/** Where the hash itself is to blame, a better dissector does not help. */
export const STEER_WITHOUT_HASH = `steer without that hash (${TESTED})`;

/** The same in a few words. */
export const CURE_IN_SHORT = `Run "${CURE_HASH}"`;
export const WITHOUT_HASH_IN_SHORT = `Use ${CURED_RUN}, which does not go by that hash`;
