/** The steering program of this project (native/steering), for PACKET_FANOUT_EBPF. */

export interface SteeringSettings {
  /** A flow is its addresses, protocol and ports; else its addresses alone. */
  readonly byPorts: boolean;
  /** What it looks into, as bits (native/steering/options.h). */
  readonly layers: number;
}

export interface SteeringAddon {
  /**
   * A descriptor of the program, with secret keys of its own. Needs CAP_BPF, before Linux 5.8 CAP_SYS_ADMIN.
   * Failures throw Errors with `call` and `errno`, and `verifier`, its last line, where that refused.
   */
  loadSteering(settings: SteeringSettings): number;
}
