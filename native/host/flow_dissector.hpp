// BPF programs that stand in for the kernel's flow dissector (bpf(2), BPF_PROG_TYPE_FLOW_DISSECTOR).
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout {

// The id of the program attached to the network namespace that `netns` leads to, such as /proc/self/ns/net; nothing if
// none is. EPERM without CAP_NET_ADMIN in the initial user namespace, EINVAL or ENOSYS where the kernel cannot be asked
// (before 5.10).
[[nodiscard]] Result<std::optional<std::uint32_t>> attached_flow_dissector(const char* netns) noexcept;

// Attached to the namespace at this path for as long as the link is open somewhere, or pinned. EEXIST: there is one
// already, in this namespace or in the initial one, or, where this is the initial one, in any
// (net/core/flow_dissector.c, flow_dissector_bpf_prog_attach_check()). Linux 5.8.
[[nodiscard]] Result<UniqueFd> attach_flow_dissector(const char* netns, int program) noexcept;

// In one step another program in place of the one that the link has.
[[nodiscard]] Status replace_flow_dissector(int link, int program) noexcept;

// Whether the kernel goes on by itself where the program says BPF_FLOW_DISSECTOR_CONTINUE (Linux 6.1): older ones take
// that answer for "no packet". The program must leave frames of LLDP to the kernel.
[[nodiscard]] Result<bool> has_continue(int program) noexcept;

}  // namespace fanout
