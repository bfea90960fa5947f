// A packet socket that delivers nothing until it is told to, and its kernel statistics.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout {

// Totals since the last clear. `packets` counts what the kernel handed to this socket, `drops` what found the ring full
// (PACKET_STATISTICS counts drops into tp_packets as well; here they are apart).
struct KernelCounters {
  std::uint64_t packets = 0;
  std::uint64_t drops = 0;
  std::uint64_t freezes = 0;
};

class PacketSocket {
 public:
  // Where what it delivers, and shows to filters, begins.
  enum class From : bool { link_header, network_header };

  // Protocol 0: no packet is delivered before bind(2) names a protocol, so none precedes ring and filter. Needs
  // CAP_NET_RAW.
  [[nodiscard]] static Result<UniqueFd> open_descriptor(From from = From::link_header) noexcept;
  // One that somebody else opened in this way; no privilege is needed from here on. ENOTSOCK or EINVAL if it is
  // anything else.
  [[nodiscard]] static Result<PacketSocket> adopt(UniqueFd fd) noexcept;

  // Replaces the filter in one step. Programs return how many bytes of a packet to keep.
  [[nodiscard]] Status attach_filter(std::span<const sock_filter> program) noexcept;
  [[nodiscard]] Status attach_drop_all() noexcept;
  [[nodiscard]] Status attach_keep(std::uint32_t snaplen) noexcept;

  // From here on the device's packets (ETH_P_ALL) reach the filter.
  [[nodiscard]] Status bind_device(int ifindex) noexcept;
  // Counted by the kernel per device and given back when the socket closes.
  [[nodiscard]] Status add_promiscuous(int ifindex) noexcept;

  // The kernel resets PACKET_STATISTICS at every read: this is the only reader, and it accumulates.
  [[nodiscard]] Result<KernelCounters> read_counters() noexcept;
  [[nodiscard]] Status clear_counters() noexcept;

  // SO_ERROR: ENETDOWN once after the device went down or away.
  [[nodiscard]] int take_error() noexcept;
  [[nodiscard]] std::uint64_t inode() const noexcept;
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  explicit PacketSocket(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  UniqueFd fd_;
  KernelCounters total_;
};

}  // namespace fanout
