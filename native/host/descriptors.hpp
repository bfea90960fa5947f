// Descriptors on their way between processes: pairs of sockets, rights over them (SCM_RIGHTS, unix(7)), and what came
// along unasked.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout {

using Pair = std::pair<UniqueFd, UniqueFd>;

// For frames: a stream of bytes in both directions.
[[nodiscard]] Result<Pair> stream_pair() noexcept;
// For descriptors: whole messages, and reading never waits.
[[nodiscard]] Result<Pair> message_pair() noexcept;

// What a descriptor is sent as: the number that both ends know it by.
struct Handed {
  std::uint32_t place = 0;
  UniqueFd descriptor;
};

// The sender keeps its own. Never waits: EAGAIN where the other end has not read for long, EPIPE where it has gone.
[[nodiscard]] Status send_descriptor(int channel, std::uint32_t place, int descriptor) noexcept;
// EAGAIN where there is none yet, EPIPE where there will be none any more.
[[nodiscard]] Result<Handed> receive_descriptor(int channel) noexcept;

// A copy of one of another process (pidfd_getfd(2), Linux 5.6): needs what ptrace(2) needs.
[[nodiscard]] Result<UniqueFd> take_descriptor(int pid, int number) noexcept;

// Takes the place of whatever had this number, and is closed on execve(2).
[[nodiscard]] Status put_in_place(UniqueFd descriptor, int place) noexcept;

// Closes what the program that started this one left open, but for the standard streams and those to be kept; these are
// not passed on any more. To be called before this process opens files or sockets of its own. Node.js has opened event
// queues and pipes by then, and marked some of what it found as its own (close-on-exec): of what it does not open
// itself, all is closed; and of pipes those that have no other end in this process.
[[nodiscard]] Status close_inherited(std::span<const int> kept) noexcept;

}  // namespace fanout
