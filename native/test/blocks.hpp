// TPACKET_V3 blocks by hand, as the kernel lays them out: description, then for each packet a header, its link-level
// address and the frame.
#pragma once

#include <linux/if_packet.h>

#include <cstring>
#include <utility>

#include "core/socket/rx_ring.hpp"
#include "test/packets.hpp"

namespace fanout::test {

inline constexpr std::size_t link_offset = TPACKET_ALIGN(sizeof(tpacket3_hdr));
inline constexpr std::size_t frame_offset = TPACKET_ALIGN(link_offset + sizeof(sockaddr_ll));

class BlockBuilder {
 public:
  explicit BlockBuilder(std::size_t bytes) : bytes_(bytes) {
    tpacket_block_desc description{};
    description.version = TPACKET_V3;
    description.hdr.bh1.block_status = TP_STATUS_USER;
    description.hdr.bh1.offset_to_first_pkt = static_cast<std::uint32_t>(end_);
    std::memcpy(bytes_.data(), &description, sizeof description);
  }

  // Appends a packet; the header may be changed first. Gives the offset of its header.
  template <typename Change>
  std::size_t add(const Octets& frame, Change&& change) {
    const std::size_t at = end_;
    end_ = TPACKET_ALIGN(at + frame_offset + frame.size());
    if (last_ != 0)
      change_header(last_, [&](tpacket3_hdr& h) { h.tp_next_offset = static_cast<std::uint32_t>(at - last_); });
    last_ = at;
    tpacket3_hdr header{};
    header.tp_snaplen = header.tp_len = static_cast<std::uint32_t>(frame.size());
    header.tp_mac = frame_offset;
    header.tp_net = frame_offset + 14;
    change(header);
    std::memcpy(&bytes_.at(at), &header, sizeof header);
    std::memcpy(&bytes_.at(at + frame_offset), frame.data(), frame.size());
    set_hardware_type(at, hardware::ethernet);
    change_description([](tpacket_hdr_v1& d) { ++d.num_pkts; });
    return at;
  }
  std::size_t add(const Octets& frame) {
    return add(frame, [](tpacket3_hdr&) {});
  }

  template <typename Change>
  void change_header(std::size_t at, Change&& change) {
    tpacket3_hdr header;
    std::memcpy(&header, &bytes_.at(at), sizeof header);
    change(header);
    std::memcpy(&bytes_.at(at), &header, sizeof header);
  }
  template <typename Change>
  void change_description(Change&& change) {
    tpacket_block_desc description;
    std::memcpy(&description, bytes_.data(), sizeof description);
    change(description.hdr.bh1);
    std::memcpy(bytes_.data(), &description, sizeof description);
  }
  void set_packet_type(std::size_t at, unsigned type) {
    bytes_.at(at + link_offset + offsetof(sockaddr_ll, sll_pkttype)) = static_cast<std::byte>(type);
  }
  void set_hardware_type(std::size_t at, std::uint16_t type) {
    std::memcpy(&bytes_.at(at + link_offset + offsetof(sockaddr_ll, sll_hatype)), &type, sizeof type);
  }
  void set_protocol(std::size_t at, unsigned ethertype) {
    bytes_.at(at + link_offset + offsetof(sockaddr_ll, sll_protocol)) = static_cast<std::byte>(ethertype >> 8);
    bytes_.at(at + link_offset + offsetof(sockaddr_ll, sll_protocol) + 1) = static_cast<std::byte>(ethertype);
  }

  [[nodiscard]] Octets& bytes() { return bytes_; }

 private:
  Octets bytes_;
  std::size_t end_ = TPACKET_ALIGN(sizeof(tpacket_block_desc));
  std::size_t last_ = 0;
};

}  // namespace fanout::test
