// Filters on system calls that end the process instead of refusing: what systemd's SystemCallFilter= does unless told
// otherwise (SECCOMP_RET_KILL_PROCESS in seccomp(2); SIGSYS). Nothing tells what such a filter holds but trying, in a
// process of its own.
#pragma once

namespace fanout {

// Whether this system call would end the process. It is tried with arguments that no call accepts, in a child that
// shares nothing that it could change; only where a filter is there at all (PR_GET_SECCOMP), and with false where no
// child can be had.
[[nodiscard]] bool is_deadly(long call) noexcept;

}  // namespace fanout
