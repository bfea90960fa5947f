// The steering program of this project (native/steering), loaded by bpf(2) alone.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "core/base/result.hpp"

namespace fanout {

enum class SteeringPolicy : std::uint32_t {
  addresses = 0,  // the pair of innermost addresses
  ports = 1,      // and protocol and ports; later fragments follow the first one
};

// Why the kernel refused it: with the last line of the verifier's log where the verifier did.
struct SteeringRefusal {
  SysError error;
  std::string verifier;
};

// A descriptor of the program (BPF_PROG_TYPE_SOCKET_FILTER, for PACKET_FANOUT_DATA), with secret keys of its own.
// `layers` are those that it looks into (native/steering/options.h). Needs CAP_BPF, or CAP_SYS_ADMIN before Linux 5.8.
[[nodiscard]] std::variant<int, SteeringRefusal> load_steering(SteeringPolicy policy, std::uint32_t layers);

}  // namespace fanout
