// System calls that a process will never need are refused from now on (seccomp(2)). What is refused fails with EPERM and nobody
// is killed: a call that a later runtime makes on its own, and can do without, does no harm.
#pragma once

#include "result.hpp"

namespace fanout {

// For all threads, and all that they start: what reaches into other processes, into the kernel, or into other namespaces. ENOSYS
// on a machine whose system calls this does not know; EINVAL or EACCES where the kernel has no filters, or none for this process.
[[nodiscard]] Status refuse_reaching_out() noexcept;

// As well: starting programs and processes, opening files, and making or connecting sockets. For a worker that has opened all it
// needs.
[[nodiscard]] Status refuse_opening() noexcept;

}  // namespace fanout
