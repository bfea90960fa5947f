#include "host/flow_dissector.hpp"

#include <fcntl.h>
#include <linux/bpf.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "host/bpf.hpp"

namespace fanout {

Result<std::optional<std::uint32_t>> attached_flow_dissector(const char* netns) noexcept {
  const UniqueFd fd{::open(netns, O_RDONLY | O_CLOEXEC)};
  if (!fd) return SysError::from_errno("open(netns)");
  // A namespace has one at most (netns_bpf_attach_type in net/core/flow_dissector.c).
  std::uint32_t id = 0;
  bpf_attr attr = zeroed_bpf_attr();
  attr.query.target_fd = static_cast<std::uint32_t>(fd.get());
  attr.query.attach_type = BPF_FLOW_DISSECTOR;
  attr.query.prog_ids = reinterpret_cast<std::uintptr_t>(&id);
  attr.query.prog_cnt = 1;
  if (const Status asked = bpf_done(BPF_PROG_QUERY, attr, "bpf(BPF_PROG_QUERY)"); !asked) return asked.error();
  if (attr.query.prog_cnt == 0) return std::optional<std::uint32_t>{};
  return std::optional<std::uint32_t>{id};
}

Result<UniqueFd> attach_flow_dissector(const char* netns, int program) noexcept {
  const UniqueFd fd{::open(netns, O_RDONLY | O_CLOEXEC)};
  if (!fd) return SysError::from_errno("open(netns)");
  bpf_attr attr = zeroed_bpf_attr();
  attr.link_create.prog_fd = static_cast<std::uint32_t>(program);
  attr.link_create.target_fd = static_cast<std::uint32_t>(fd.get());
  attr.link_create.attach_type = BPF_FLOW_DISSECTOR;
  return bpf_opened(BPF_LINK_CREATE, attr, "bpf(BPF_LINK_CREATE)");
}

Status replace_flow_dissector(int link, int program) noexcept {
  bpf_attr attr = zeroed_bpf_attr();
  attr.link_update.link_fd = static_cast<std::uint32_t>(link);
  attr.link_update.new_prog_fd = static_cast<std::uint32_t>(program);
  return bpf_done(BPF_LINK_UPDATE, attr, "bpf(BPF_LINK_UPDATE)");
}

Result<bool> has_continue(int program) noexcept {
  constexpr std::uint32_t goes_on = 129;  // BPF_FLOW_DISSECTOR_CONTINUE, which older headers do not name
  std::array<std::uint8_t, 60> frame{};
  frame[12] = 0x88;  // LLDP
  frame[13] = 0xcc;
  bpf_attr attr = zeroed_bpf_attr();
  attr.test.prog_fd = static_cast<std::uint32_t>(program);
  attr.test.data_in = reinterpret_cast<std::uintptr_t>(frame.data());
  attr.test.data_size_in = frame.size();
  if (const Status run = bpf_done(BPF_PROG_TEST_RUN, attr, "bpf(BPF_PROG_TEST_RUN)"); !run) return run.error();
  return attr.test.retval == goes_on;
}

}  // namespace fanout
