// What a driver says of its device (ethtool(8), ioctl SIOCETHTOOL). Only questions, and all of them anybody may ask.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.hpp"

namespace fanout {

// A question begins with its command, and is answered in its place. 0, or errno.
using AskEthtool = std::function<int(std::span<std::byte>)>;

// The kernel, about the device of this name in the network namespace of this thread.
[[nodiscard]] AskEthtool ask_kernel_about(std::string name);

// Each answered, or refused, for itself.
struct EthtoolFacts {
  struct Driver {
    std::string name;
    std::string version;
    std::string bus;
  };
  struct Rss {
    std::string function;               // "toeplitz", "xor", "crc32"; empty: not told
    std::vector<std::byte> key;         // empty: not told
    std::vector<std::uint32_t> table;   // the queue of each entry; empty: not told
    std::optional<unsigned> transform;  // RXH_XFRM_*; none: this kernel does not tell (before Linux 6.8)
  };
  struct Channels {
    std::uint32_t used = 0;
    std::uint32_t most = 0;
  };
  struct Rings {
    std::uint32_t rx = 0;
    std::uint32_t rx_most = 0;
  };
  struct Coalescing {
    bool adaptive_rx = false;
    std::uint32_t rx_usecs = 0;
  };
  // By the names that the kernel has for them.
  using Switches = std::vector<std::pair<std::string, bool>>;

  Result<Driver> driver;
  Result<Rss> rss;
  // RXH_*, of TCP and UDP over IPv4, then over IPv6.
  std::array<Result<std::uint64_t>, 4> hash_fields;
  // Receive queues: how many have their number chosen, and among how many packets are spread.
  Result<Channels> channels;
  Result<std::uint32_t> receive_rings;
  Result<std::uint32_t> steering_rules;
  Result<Switches> features;
  Result<Switches> private_flags;
  Result<Rings> rings;
  Result<Coalescing> coalescing;
};

[[nodiscard]] EthtoolFacts ethtool_facts(const AskEthtool& ask);

// What the driver counts, by names of its own.
using EthtoolCounters = std::vector<std::pair<std::string, std::uint64_t>>;
[[nodiscard]] Result<EthtoolCounters> ethtool_counters(const AskEthtool& ask);

}  // namespace fanout
