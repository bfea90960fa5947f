#include "host/bpf.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/deadly_call.hpp"

namespace fanout {
namespace {

template <typename Info>
Status info_of(int fd, Info& info) noexcept {
  std::memset(&info, 0, sizeof info);
  bpf_attr attr = zeroed_bpf_attr();
  attr.info.bpf_fd = static_cast<std::uint32_t>(fd);
  attr.info.info_len = sizeof info;
  attr.info.info = reinterpret_cast<std::uintptr_t>(&info);
  return bpf_done(BPF_OBJ_GET_INFO_BY_FD, attr, "bpf(BPF_OBJ_GET_INFO_BY_FD)");
}

}  // namespace

bpf_attr zeroed_bpf_attr() noexcept {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  return attr;
}

Result<UniqueFd> bpf_opened(int command, bpf_attr& attr, const char* call) noexcept {
  if (is_deadly(SYS_bpf)) return SysError{call, EPERM};
  UniqueFd fd{static_cast<int>(::syscall(SYS_bpf, command, &attr, sizeof attr))};
  if (!fd) return SysError::from_errno(call);
  return fd;
}

Status bpf_done(int command, bpf_attr& attr, const char* call) noexcept {
  if (is_deadly(SYS_bpf)) return SysError{call, EPERM};
  if (::syscall(SYS_bpf, command, &attr, sizeof attr) < 0) return SysError::from_errno(call);
  return Done{};
}

Result<UniqueFd> open_pinned(const char* path) noexcept {
  bpf_attr attr = zeroed_bpf_attr();
  attr.pathname = reinterpret_cast<std::uintptr_t>(path);
  return bpf_opened(BPF_OBJ_GET, attr, "bpf(BPF_OBJ_GET)");
}

Status pin_object(int fd, const char* path) noexcept {
  bpf_attr attr = zeroed_bpf_attr();
  attr.pathname = reinterpret_cast<std::uintptr_t>(path);
  attr.bpf_fd = static_cast<std::uint32_t>(fd);
  return bpf_done(BPF_OBJ_PIN, attr, "bpf(BPF_OBJ_PIN)");
}

Result<BpfProgramInfo> program_info(int fd) {
  bpf_prog_info info;
  if (const Status read = info_of(fd, info); !read) return read.error();
  const std::size_t length = ::strnlen(info.name, sizeof info.name);
  return BpfProgramInfo{info.id, info.type, info.created_by_uid, info.load_time, std::string(info.name, length)};
}

Result<UniqueFd> open_program(std::uint32_t id) noexcept {
  bpf_attr attr = zeroed_bpf_attr();
  attr.prog_id = id;
  return bpf_opened(BPF_PROG_GET_FD_BY_ID, attr, "bpf(BPF_PROG_GET_FD_BY_ID)");
}

Result<std::optional<std::uint32_t>> program_after(std::uint32_t id) noexcept {
  bpf_attr attr = zeroed_bpf_attr();
  attr.start_id = id;
  const Status found = bpf_done(BPF_PROG_GET_NEXT_ID, attr, "bpf(BPF_PROG_GET_NEXT_ID)");
  if (found) return std::optional<std::uint32_t>{attr.next_id};
  if (found.error().code == ENOENT) return std::optional<std::uint32_t>{};
  return found.error();
}

Result<BpfLinkInfo> link_info(int fd) noexcept {
  bpf_link_info info;
  if (const Status read = info_of(fd, info); !read) return read.error();
  const bool is_netns = info.type == BPF_LINK_TYPE_NETNS;
  return BpfLinkInfo{info.prog_id, is_netns ? info.netns.attach_type : 0, is_netns ? info.netns.netns_ino : 0};
}

}  // namespace fanout
