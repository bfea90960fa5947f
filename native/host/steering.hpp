// The BPF programs of this project (native/steering), loaded by bpf(2) alone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "core/base/result.hpp"

namespace fanout {

enum class SteeringProgram {
  steer,    // BPF_PROG_TYPE_SOCKET_FILTER, for PACKET_FANOUT_DATA
  dissect,  // BPF_PROG_TYPE_FLOW_DISSECTOR, for a network namespace
  first,    // BPF_PROG_TYPE_SOCKET_FILTER: all to the first member, as without a program
};

// As the bits of native/steering/options.h.
using SteeringKeys = std::array<std::uint64_t, 11>;

struct SteeringSettings {
  std::string name;  // at most 15 octets, which bpftool lists
  std::uint32_t policy = 0;
  std::uint64_t layers = 0;
  std::optional<SteeringKeys> keys;  // fresh ones without
};

// Why the kernel refused it: with the last line of the verifier's log where the verifier did.
struct SteeringRefusal {
  SysError error;
  std::string verifier;
};

// A descriptor of the program, with secret keys of its own. Needs CAP_BPF and CAP_PERFMON, without which the
// verifier takes what a branch not taken might do for done (a dissector CAP_NET_ADMIN, too), or CAP_SYS_ADMIN before
// Linux 5.8.
[[nodiscard]] std::variant<int, SteeringRefusal> load_steering(SteeringProgram which, const SteeringSettings& settings);

}  // namespace fanout
