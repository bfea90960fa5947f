// A file without a name (memfd_create(2)), whose content nobody can change any more.
#pragma once

#include <span>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout {

// Closes on execve(2). `name` is what /proc/PID/fd shows.
[[nodiscard]] Result<UniqueFd> sealed_memory_file(const char* name, std::span<const std::byte> bytes) noexcept;

}  // namespace fanout
