// Attributes of netlink messages (rtnetlink(7), sock_diag(7)): whatever the bytes are, nothing outside of them is read.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace fanout {

using Bytes = std::span<const std::byte>;

constexpr std::size_t aligned(std::size_t length) noexcept { return (length + 3) & ~std::size_t{3}; }

// Calls `visit(type, payload)` for each attribute that lies within the bytes.
template <typename Visit>
void each_attribute(Bytes bytes, Visit&& visit) {
  while (bytes.size() >= sizeof(rtattr)) {
    rtattr head;
    std::memcpy(&head, bytes.data(), sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > bytes.size()) return;
    visit(static_cast<unsigned>(head.rta_type & NLA_TYPE_MASK), bytes.subspan(sizeof head, head.rta_len - sizeof head));
    bytes = bytes.subspan(std::min(aligned(head.rta_len), bytes.size()));
  }
}

// Zero where there are fewer bytes than it takes.
template <typename T>
T number_in(Bytes payload) noexcept {
  T value{};
  if (payload.size() >= sizeof value) std::memcpy(&value, payload.data(), sizeof value);
  return value;
}

}  // namespace fanout
