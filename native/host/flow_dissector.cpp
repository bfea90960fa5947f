#include "host/flow_dissector.hpp"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/deadly_call.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout {

Result<std::optional<std::uint32_t>> attached_flow_dissector(const char* netns) noexcept {
  UniqueFd fd{::open(netns, O_RDONLY | O_CLOEXEC)};
  if (!fd) return SysError::from_errno("open(netns)");
  // A namespace has one at most (netns_bpf_attach_type in net/core/flow_dissector.c).
  std::uint32_t id = 0;
  bpf_attr attr;
  // bpf(2) refuses bytes that it does not know unless they are zero, padding included.
  std::memset(&attr, 0, sizeof attr);
  attr.query.target_fd = static_cast<std::uint32_t>(fd.get());
  attr.query.attach_type = BPF_FLOW_DISSECTOR;
  attr.query.prog_ids = reinterpret_cast<std::uintptr_t>(&id);
  attr.query.prog_cnt = 1;
  if (is_deadly(SYS_bpf)) return SysError{"bpf(BPF_PROG_QUERY)", EPERM};
  if (::syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof attr) != 0) return SysError::from_errno("bpf(BPF_PROG_QUERY)");
  if (attr.query.prog_cnt == 0) return std::optional<std::uint32_t>{};
  return std::optional<std::uint32_t>{id};
}

}  // namespace fanout
