// The packet sockets of a network namespace, as sock_diag(7) tells them (net/packet/diag.c). Needs no privilege, but
// for their filters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/result.hpp"

namespace fanout {

struct PacketSocketInfo {
  std::uint32_t inode = 0;
  std::uint64_t cookie = 0;   // of this socket and no other since boot
  std::uint32_t ifindex = 0;  // 0: all devices; 0xffffffff: the device is gone
  std::uint16_t protocol = 0;
  std::optional<std::uint32_t> uid;
  struct Fanout {
    std::uint16_t id = 0;
    std::uint8_t mode = 0;  // the kernel does not tell the flags here
  };
  std::optional<Fanout> fanout;

  // What follows is told only in full detail.
  std::uint32_t tpacket_version = 0;  // 0 for TPACKET_V1, which sockets without a ring have, too
  bool running = false;               // it is bound to a device that is up, or to all
  struct Ring {
    std::uint32_t block_bytes = 0;
    std::uint32_t block_count = 0;
    std::uint32_t frame_bytes = 0;
    std::uint32_t frame_count = 0;
    std::uint32_t retire_ms = 0;  // of TPACKET_V3
  };
  std::optional<Ring> receive_ring;
  struct Memory {
    std::uint32_t queued_bytes = 0;
    std::uint32_t receive_buffer_bytes = 0;
    std::uint32_t drops = 0;  // stays 0 where there is a ring
  };
  std::optional<Memory> memory;
  std::optional<bool> promiscuous;  // asked for by this socket
  // Without CAP_NET_ADMIN in the user namespace of the network namespace nothing is told of a filter. With it, a socket
  // of which no instructions come has none, or one of eBPF.
  enum class FilterKind : std::uint8_t { untold, forbidden, none_or_ebpf, classic };
  FilterKind filter_kind = FilterKind::untold;
  std::vector<std::uint64_t> filter;  // a struct sock_filter each, as it is in memory
};

// What one datagram of the answer comes to, beside the sockets in it.
struct DumpPart {
  bool is_last = false;
  bool is_interrupted = false;  // sockets came or went meanwhile: one may be missing, or be there twice
};

// Adds the sockets that are in it. EBADMSG where it is cut, or no such answer; else the error that it tells.
[[nodiscard]] Result<DumpPart> parse_dump(std::span<const std::byte> datagram, std::vector<PacketSocketInfo>& sockets);

struct PacketSocketList {
  std::vector<PacketSocketInfo> sockets;
  bool is_in_pieces = false;    // it took several datagrams
  bool is_interrupted = false;  // each time that it was asked for, or it never came twice
};

enum class Detail : std::uint8_t { groups, full };

// Of the network namespace of this thread. ENOENT or EOPNOTSUPP where the kernel was built without CONFIG_PACKET_DIAG.
[[nodiscard]] Result<PacketSocketList> list_packet_sockets(Detail detail);

}  // namespace fanout
