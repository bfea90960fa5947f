// System calls that a process will never need are refused from now on (seccomp(2)). What is refused fails with EPERM
// and nobody is killed: a call that a later runtime makes on its own, and can do without, does no harm. ENOSYS on a
// machine whose system calls this does not know; EINVAL or EACCES where the kernel has no filters, or none for this
// process.
#pragma once

#include "core/base/result.hpp"

namespace fanout {

// For all threads, and all that they start: what reaches into other processes, into the kernel, into other namespaces
// or into the terminal, and the way back to being looked into by others of the same user.
[[nodiscard]] Status refuse_reaching_out() noexcept;

// For a helper that has opened what it needs: the same, and starting programs and processes, opening files, making or
// connecting sockets, and changing what is said about a file. A name can still be given to an open file, changed or
// taken away.
[[nodiscard]] Status confine_helper() noexcept;

// For a worker that has opened, bound and armed all it needs: the same, and names; signals to other processes; sending
// on any socket but by write(2), and by that on none of the packet sockets, whose numbers are `first` and the `count` -
// 1 that follow it; duplicates of these under other numbers; every option of a socket but the filter of its packets;
// and memory that can be executed.
[[nodiscard]] Status confine_capture(int first, int count) noexcept;

}  // namespace fanout
