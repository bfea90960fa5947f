// Sends frames out of an interface, past its queueing discipline: the lab's way in where no TAP may be opened is one
// end of a veth pair, whose other end receives what is sent here.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <utility>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"
#include "lab/frame_sink.hpp"

namespace fanout {

class PacketSender final : public FrameSink {
 public:
  // Needs CAP_NET_RAW.
  [[nodiscard]] static Result<PacketSender> open(std::string_view interface) noexcept;
  // By a packet socket with protocol 0 that somebody else opened.
  [[nodiscard]] static Result<PacketSender> over(UniqueFd packet_socket, std::string_view interface) noexcept;

  // The receiving end of a veth sees the queue of the sender's CPU, whatever the frame asks for.
  [[nodiscard]] std::size_t queue_count() const noexcept override { return std::numeric_limits<std::size_t>::max(); }

  [[nodiscard]] Result<Taken> send(std::span<const OutgoingFrame> frames) noexcept override;

 private:
  explicit PacketSender(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace fanout
