// The encapsulation of a packet, outermost layer first, packed into 64 bits so that it can be compared and sent as one
// integer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fanout {

// Part of the wire protocol: append only.
enum class Layer : std::uint8_t {
  none = 0,
  eth,
  vlan,
  pppoe,
  mpls,
  ipv4,
  ipv6,
  frag,
  tcp,
  udp,
  udplite,
  sctp,
  dccp,
  icmp,
  icmp6,
  esp,
  ah,
  ipcomp,
  gre,
  nvgre,
  erspan,
  vxlan,
  geneve,
  gtpu,
  l2tp,
  teredo,
  etherip,
  pw,
  ppp,
  other,
  hsr,
  batman,
  cmd,         // Cisco MetaData
  fabricpath,  // Cisco
  vntag,       // Cisco, once IEEE 802.1Qbh
  etag,        // IEEE 802.1BR
  nsh,
  pbb,   // the service tag of IEEE 802.1ah; the backbone's own is a VLAN tag
  snap,  // IEEE 802.2 in front of an ethertype
  fr,    // frame relay
  garland,
  wlan,    // IEEE 802.11
  srv6l2,  // Ethernet directly in IP (protocol 143)
  eoip,    // MikroTik's Ethernet over IP
  ext,     // an extension header of IPv6 at which the kernel stops
  ayiya,
  lisp,
  capwap,
};

inline constexpr std::array<std::string_view, 48> layer_names{
    "",        "eth",    "vlan",   "pppoe",      "mpls",  "ipv4",   "ipv6",    "frag",   "tcp",  "udp",
    "udplite", "sctp",   "dccp",   "icmp",       "icmp6", "esp",    "ah",      "ipcomp", "gre",  "nvgre",
    "erspan",  "vxlan",  "geneve", "gtpu",       "l2tp",  "teredo", "etherip", "pw",     "ppp",  "other",
    "hsr",     "batman", "cmd",    "fabricpath", "vntag", "etag",   "nsh",     "pbb",    "snap", "fr",
    "garland", "wlan",   "srv6l2", "eoip",       "ext",   "ayiya",  "lisp",    "capwap"};

class Stack {
 public:
  static constexpr unsigned bits_per_layer = 6;
  static constexpr unsigned depth_max = 10;

  constexpr Stack() noexcept = default;
  constexpr explicit Stack(std::uint64_t packed) noexcept : packed_(packed) {}

  // Layers beyond depth_max are dropped and leave the overflow mark.
  constexpr void push(Layer layer) noexcept {
    if ((packed_ >> (bits_per_layer * (depth_max - 1))) != 0)
      packed_ |= overflow_mark;
    else
      packed_ = (packed_ << bits_per_layer) | static_cast<std::uint64_t>(layer);
  }

  [[nodiscard]] constexpr std::uint64_t packed() const noexcept { return packed_; }
  [[nodiscard]] constexpr Layer innermost() const noexcept { return static_cast<Layer>(packed_ & layer_mask); }
  constexpr bool operator==(const Stack&) const noexcept = default;

  // From the innermost: layer_at(0). Layer::none beyond the outermost.
  [[nodiscard]] constexpr Layer layer_at(unsigned i) const noexcept {
    return static_cast<Layer>(packed_ >> (bits_per_layer * i) & layer_mask);
  }

  // What the packets of a datagram have in common, whole or in pieces.
  [[nodiscard]] constexpr Stack without_fragments() const noexcept { return without(Layer::frag); }

  [[nodiscard]] constexpr Stack without(Layer left_out) const noexcept {
    Stack out;
    for (unsigned i = depth_max; i-- > 0;) {
      const Layer layer = layer_at(i);
      if (layer != Layer::none && layer != left_out) out.push(layer);
    }
    out.packed_ |= packed_ & overflow_mark;
    return out;
  }

  // "vlan/ipv4/tcp"; unknown codes (from a newer peer) read "?".
  [[nodiscard]] std::string text() const {
    std::string out;
    for (unsigned i = depth_max; i-- > 0;) {
      const auto code = static_cast<std::size_t>((packed_ >> (bits_per_layer * i)) & layer_mask);
      if (code == 0) continue;
      if (!out.empty()) out += '/';
      out += code < layer_names.size() ? layer_names[code] : std::string_view{"?"};
    }
    if ((packed_ & overflow_mark) != 0) out += "/...";
    return out;
  }

 private:
  static constexpr std::uint64_t layer_mask = (1U << bits_per_layer) - 1;
  static constexpr std::uint64_t overflow_mark = std::uint64_t{1} << 63;
  std::uint64_t packed_ = 0;
};

}  // namespace fanout
