// The BPF programs of this project (native/steering), loaded by bpf(2) alone.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "core/base/result.hpp"

namespace fanout {

enum class SteeringProgram {
  steer,    // BPF_PROG_TYPE_SOCKET_FILTER, for PACKET_FANOUT_DATA
  dissect,  // BPF_PROG_TYPE_FLOW_DISSECTOR, for a network namespace
};

// As the bits of native/steering/options.h.
struct SteeringSettings {
  std::uint32_t policy = 0;
  std::uint32_t layers = 0;
};

// Why the kernel refused it: with the last line of the verifier's log where the verifier did.
struct SteeringRefusal {
  SysError error;
  std::string verifier;
};

// A descriptor of the program, with secret keys of its own. Needs CAP_BPF and CAP_PERFMON, without which the
// verifier takes what a branch not taken might do for done (a dissector CAP_NET_ADMIN, too), or CAP_SYS_ADMIN before
// Linux 5.8.
[[nodiscard]] std::variant<int, SteeringRefusal> load_steering(SteeringProgram which, SteeringSettings settings);

}  // namespace fanout
