// Where an injector's frames go: the queues of a TAP, or a packet socket on one end of a veth pair.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/result.hpp"

namespace fanout {

struct OutgoingFrame {
  std::span<const std::byte> bytes;
  std::uint16_t queue = 0;
};

// How far a send came. `refused` is the errno of the frame after the last one taken if the kernel had no room for it
// just now (EAGAIN, ENOBUFS): nothing of it was delivered, so offering it again keeps the count exact.
struct Taken {
  std::size_t frames = 0;
  int refused = 0;
};

class FrameSink {
 public:
  virtual ~FrameSink() = default;

  // How many queues a frame may name; a sink that cannot choose the queue takes any number and ignores it.
  [[nodiscard]] virtual std::size_t queue_count() const noexcept = 0;
  // Sends in order. Several threads may send at the same time, each on queues of its own. A failure is reported only
  // when no frame of this call was taken.
  [[nodiscard]] virtual Result<Taken> send(std::span<const OutgoingFrame> frames) noexcept = 0;
};

}  // namespace fanout
