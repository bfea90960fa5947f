// BPF_PROG_TEST_RUN: the kernel runs a program over one frame. A steering program sees what it sees of a received
// packet, octets from the network header on (net/bpf/test_run.c). A flow dissector is run without a packet, and cannot
// load an octet (bpf_flow_dissector_load_bytes()): what one answers, only packets show.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <optional>
#include <span>

#include "host/bpf.hpp"

namespace fanout::test {

// What the kernel takes: an Ethernet header at the least, and less than a page with its own bookkeeping.
inline constexpr std::size_t run_bytes_min = 14, run_bytes_max = 3000;

struct ProgramRun {
  std::uint32_t answer = 0;
  std::uint32_t nanoseconds = 0;  // each, on average
};

inline std::optional<ProgramRun> run_program(int program, std::span<const std::byte> frame, std::uint32_t repeat = 1) {
  bpf_attr attr = zeroed_bpf_attr();
  attr.test.prog_fd = static_cast<std::uint32_t>(program);
  attr.test.data_in = reinterpret_cast<std::uintptr_t>(frame.data());
  attr.test.data_size_in = static_cast<std::uint32_t>(frame.size());
  attr.test.repeat = repeat;
  if (!bpf_done(BPF_PROG_TEST_RUN, attr, "bpf(BPF_PROG_TEST_RUN)")) return std::nullopt;
  return ProgramRun{attr.test.retval, attr.test.duration};
}

}  // namespace fanout::test
