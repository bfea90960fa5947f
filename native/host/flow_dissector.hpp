// Whether a BPF program stands in for the kernel's flow dissector (bpf(2), BPF_PROG_TYPE_FLOW_DISSECTOR).
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/result.hpp"

namespace fanout {

// The id of the program attached to the network namespace that `netns` leads to, such as /proc/self/ns/net; nothing if
// none is. EPERM without CAP_NET_ADMIN in the initial user namespace, EINVAL or ENOSYS where the kernel cannot be asked
// (before 5.10).
[[nodiscard]] Result<std::optional<std::uint32_t>> attached_flow_dissector(const char* netns) noexcept;

}  // namespace fanout
