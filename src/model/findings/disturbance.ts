/** What findings are about that happened to a run from outside. */

interface Repeated {
  /** So many more of the kind came, beyond those that are named. */
  readonly further?: number;
}

export interface DisturbanceArgs {
  'link-down': Repeated & { readonly interface: string };
  'interface-removed': Repeated & { readonly interface: string };
  /** `owners`: programs with their pids; none where nobody knows. */
  'foreign-member': Repeated & { readonly groupId: number; readonly owners: readonly string[] };
  /** `mode`: of that group, by its name, or by its number where it has none. */
  'other-group': Repeated & { readonly groupId: number; readonly mode: string; readonly owners: readonly string[] };
}
