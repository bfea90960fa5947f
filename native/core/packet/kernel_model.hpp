// In what kernels differ that hash for a fanout group. The defaults are those of current ones. What was changed by
// design is known for every run; the bugs are there only for predictions, since a run has to find them.
#pragma once

#include <cstdint>

namespace fanout {

// How much of a PPPoE session header the dissector understands.
enum class PppoeReading : std::uint8_t {
  plain,       // before 6.0: IPv4 and IPv6 behind it, whatever the header says
  checked,     // with version, type and code checked
  compressed,  // and a protocol number of one octet (RFC 1661, 6.5), which some of 6.0 to 6.19 and 7.0 read
};

struct KernelModel {
  // Before commit 1e60cebf8294 (5.14, 5.10.146) __flow_hash_consistentify() exchanges ports where it exchanges
  // addresses.
  bool ports_with_addresses = false;
  bool reads_hsr = true;  // the tags of HSR and PRP: from 5.18 on, see docs/verdicts.md
  PppoeReading pppoe = PppoeReading::checked;

  bool bug_b = false;  // IPv4 pairs that differ in the top bit of the last octet are hashed by direction
  bool bug_c = false;  // a flow label ends the dissection
  bool bug_d = true;   // IPv4 inside IPv6 is hashed with octets of the outer source

  bool operator==(const KernelModel&) const noexcept = default;
};

}  // namespace fanout
