// bpf(2): objects in bpffs, and what the kernel tells of programs and links.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout {

// bpf(2) refuses bytes that it does not know unless they are zero, padding included.
[[nodiscard]] bpf_attr zeroed_bpf_attr() noexcept;

// Commands that return a descriptor, and those that return none. EPERM where a filter would end the process.
[[nodiscard]] Result<UniqueFd> bpf_opened(int command, bpf_attr& attr, const char* call) noexcept;
[[nodiscard]] Status bpf_done(int command, bpf_attr& attr, const char* call) noexcept;

// Of a program or a link, below a mounted bpffs. `pin_object` makes the name, and fails where there is one (EEXIST).
[[nodiscard]] Result<UniqueFd> open_pinned(const char* path) noexcept;
[[nodiscard]] Status pin_object(int fd, const char* path) noexcept;

struct BpfProgramInfo {
  std::uint32_t id = 0, type = 0, user = 0;  // `user` loaded it
  std::uint64_t loaded_ns = 0;               // CLOCK_BOOTTIME
  std::string name;
};
[[nodiscard]] Result<BpfProgramInfo> program_info(int fd);
[[nodiscard]] Result<UniqueFd> open_program(std::uint32_t id) noexcept;
// The first program behind this one; nothing behind the last. Needs CAP_SYS_ADMIN.
[[nodiscard]] Result<std::optional<std::uint32_t>> program_after(std::uint32_t id) noexcept;

struct BpfLinkInfo {
  std::uint32_t program = 0;
  std::uint32_t attach_type = 0;
  std::uint32_t netns = 0;  // inode; zero: the namespace has gone, or this is no link to one
};
[[nodiscard]] Result<BpfLinkInfo> link_info(int fd) noexcept;

}  // namespace fanout
