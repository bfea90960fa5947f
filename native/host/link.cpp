#include "host/link.hpp"

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/base/unique_fd.hpp"
#include "host/attributes.hpp"
#include "host/device_socket.hpp"

namespace fanout {
namespace {

// ALTIFNAMSIZ of linux/if.h, which cannot be included beside net/if.h.
constexpr std::size_t alternative_name_bytes = 128;

// IFLA_PARENT_DEV_NAME, which older headers lack.
constexpr unsigned ifla_parent_dev_name = 56;

// Without the zero that ends it.
std::string text_in(Bytes payload) {
  const auto* const text = reinterpret_cast<const char*>(payload.data());
  return {text, ::strnlen(text, payload.size())};
}

const char* macvlan_mode(std::uint32_t mode) noexcept {
  switch (mode) {
    case MACVLAN_MODE_PRIVATE:
      return "private";
    case MACVLAN_MODE_VEPA:
      return "vepa";
    case MACVLAN_MODE_BRIDGE:
      return "bridge";
    case MACVLAN_MODE_PASSTHRU:
      return "passthru";
    case MACVLAN_MODE_SOURCE:
      return "source";
    default:
      return "";
  }
}

const char* ipvlan_mode(std::uint16_t mode) noexcept {
  switch (mode) {
    case IPVLAN_MODE_L2:
      return "l2";
    case IPVLAN_MODE_L3:
      return "l3";
    case IPVLAN_MODE_L3S:
      return "l3s";
    default:
      return "";
  }
}

void parse_kind(Bytes info, LinkState& link) {
  Bytes data;
  each_attribute(info, [&](unsigned type, Bytes payload) {
    if (type == IFLA_INFO_KIND) link.kind = text_in(payload);
    if (type == IFLA_INFO_DATA) data = payload;
  });
  each_attribute(data, [&](unsigned type, Bytes payload) {
    if (link.kind == "macvlan" && type == IFLA_MACVLAN_MODE)
      link.mode = macvlan_mode(number_in<std::uint32_t>(payload));
    if (link.kind == "ipvlan" && type == IFLA_IPVLAN_MODE) link.mode = ipvlan_mode(number_in<std::uint16_t>(payload));
  });
}

void parse_xdp(Bytes info, LinkState& link) {
  std::uint8_t attached = XDP_ATTACHED_NONE;
  std::uint32_t program = 0;
  each_attribute(info, [&](unsigned type, Bytes payload) {
    if (type == IFLA_XDP_ATTACHED) attached = number_in<std::uint8_t>(payload);
    // With several of them attached only their own attributes name them.
    const bool names = type == IFLA_XDP_PROG_ID || type == IFLA_XDP_DRV_PROG_ID || type == IFLA_XDP_SKB_PROG_ID ||
                       type == IFLA_XDP_HW_PROG_ID;
    if (names && program == 0) program = number_in<std::uint32_t>(payload);
  });
  if (attached != XDP_ATTACHED_NONE) link.xdp = LinkState::Xdp{program, attached == XDP_ATTACHED_SKB, attached};
}

std::optional<LinkState::Losses> losses_in(Bytes stats) noexcept {
  // Whatever newer kernels count comes behind.
  if (stats.size() < offsetof(rtnl_link_stats64, rx_missed_errors) + sizeof(std::uint64_t)) return std::nullopt;
  const auto at = [&](std::size_t offset) { return number_in<std::uint64_t>(stats.subspan(offset)); };
  return LinkState::Losses{.dropped = at(offsetof(rtnl_link_stats64, rx_dropped)),
                           .missed = at(offsetof(rtnl_link_stats64, rx_missed_errors)),
                           .fifo = at(offsetof(rtnl_link_stats64, rx_fifo_errors)),
                           .over = at(offsetof(rtnl_link_stats64, rx_over_errors))};
}

Result<UniqueFd> route_socket() noexcept {
  UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  if (!fd) return SysError::from_errno("socket(NETLINK_ROUTE)");
  // The kernel answers at once; the limit only keeps a defect from hanging the run.
  const timeval limit{1, 0};
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return fd;
}

// One link with hundreds of virtual functions is told of in many pages.
constexpr std::size_t answer_bytes = 64 << 10;

Result<std::vector<std::byte>> receive_answer(const UniqueFd& fd) {
  std::vector<std::byte> answer(answer_bytes);
  const ssize_t received = ::recv(fd.get(), answer.data(), answer.size(), 0);
  if (received < 0) return SysError::from_errno("recv(NETLINK_ROUTE)");
  answer.resize(static_cast<std::size_t>(received));
  return answer;
}

// Asks for one link, and gives the kernel's answer.
Result<std::vector<std::byte>> ask_for_link(int index, std::string_view alternative_name) {
  const auto fd = route_socket();
  if (!fd) return fd.error();
  struct {
    nlmsghdr header;
    ifinfomsg body;
    rtattr name_head;
    char name[alternative_name_bytes];
  } request{};
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.header.nlmsg_len = offsetof(decltype(request), name_head);
  request.body.ifi_family = AF_UNSPEC;
  request.body.ifi_index = index;
  if (!alternative_name.empty()) {
    if (alternative_name.size() >= sizeof request.name) return SysError{"RTM_GETLINK", ENODEV};
    std::memcpy(request.name, alternative_name.data(), alternative_name.size());
    request.name_head.rta_type = IFLA_ALT_IFNAME;
    request.name_head.rta_len = static_cast<unsigned short>(sizeof request.name_head + alternative_name.size() + 1);
    request.header.nlmsg_len += static_cast<std::uint32_t>(aligned(request.name_head.rta_len));
  }
  if (::send(fd->get(), &request, request.header.nlmsg_len, 0) < 0) return SysError::from_errno("send(NETLINK_ROUTE)");
  return receive_answer(*fd);
}

// A question that ethtool asks, and anybody may. `query` begins with its command, and is answered in its place.
bool ask_ethtool(const std::string& name, void* query) noexcept {
  UniqueFd fd{device_socket()};
  if (!fd || name.size() >= IFNAMSIZ) return false;
  ifreq request{};
  std::memcpy(request.ifr_name, name.c_str(), name.size());
  request.ifr_data = static_cast<char*>(query);
  return ::ioctl(fd.get(), SIOCETHTOOL, &request) == 0;
}

// Drivers that spread packets by their hash tell how many rings they do it over.
std::optional<std::uint32_t> receive_rings(const std::string& name) noexcept {
  ethtool_rxnfc query{};
  query.cmd = ETHTOOL_GRXRINGS;
  if (!ask_ethtool(name, &query)) return std::nullopt;
  return static_cast<std::uint32_t>(query.data);
}

// How many bytes the key of that hash has.
std::uint32_t key_bytes_of(const std::string& name) noexcept {
  // All zero but for the command: only the sizes are told.
  ethtool_rxfh query{};
  query.cmd = ETHTOOL_GRSSH;
  return ask_ethtool(name, &query) ? query.key_size : 0;
}

std::optional<LinkState::Channels> channels_of(const std::string& name) noexcept {
  ethtool_channels query{};
  query.cmd = ETHTOOL_GCHANNELS;
  if (!ask_ethtool(name, &query) || query.max_rx + query.max_combined == 0) return std::nullopt;
  return LinkState::Channels{query.rx_count + query.combined_count, query.max_rx + query.max_combined,
                             query.max_combined != 0};
}

// A structure of ethtool's and what follows it, suitably aligned.
template <typename Head>
class Query {
 public:
  Query(std::uint32_t command, std::size_t tail_bytes) : words_((sizeof(Head) + tail_bytes + 7) / 8) {
    head()->cmd = command;
  }
  [[nodiscard]] Head* head() noexcept { return reinterpret_cast<Head*>(words_.data()); }
  [[nodiscard]] const std::byte* tail() const noexcept {
    return reinterpret_cast<const std::byte*>(words_.data()) + sizeof(Head);
  }

 private:
  std::vector<std::uint64_t> words_;
};

constexpr std::uint32_t features_max = 512;

// All that this kernel knows; none where it does not tell.
std::vector<std::string> feature_names(const std::string& name) {
  Query<ethtool_sset_info> sets{ETHTOOL_GSSET_INFO, sizeof(std::uint32_t)};
  sets.head()->sset_mask = std::uint64_t{1} << ETH_SS_FEATURES;
  if (!ask_ethtool(name, sets.head()) || sets.head()->sset_mask == 0) return {};
  const auto count = std::min(number_in<std::uint32_t>(Bytes{sets.tail(), sizeof(std::uint32_t)}), features_max);
  Query<ethtool_gstrings> strings{ETHTOOL_GSTRINGS, std::size_t{count} * ETH_GSTRING_LEN};
  strings.head()->string_set = ETH_SS_FEATURES;
  strings.head()->len = count;
  if (!ask_ethtool(name, strings.head()) || strings.head()->len > count) return {};
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < strings.head()->len; ++i)
    names.push_back(text_in(Bytes{strings.tail() + std::size_t{i} * ETH_GSTRING_LEN, ETH_GSTRING_LEN}));
  return names;
}

// By the short names that ethtool has for some of them, each once.
std::vector<std::string> offloads_of(const std::string& name) {
  constexpr std::pair<const char*, const char*> known[]{{"rx-gro", "gro"},
                                                        {"rx-gro-hw", "rx-gro-hw"},
                                                        {"rx-gro-list", "rx-gro-list"},
                                                        {"rx-udp-gro-forwarding", "rx-udp-gro-forwarding"},
                                                        {"rx-lro", "lro"},
                                                        {"tx-tcp-segmentation", "tso"},
                                                        {"tx-tcp6-segmentation", "tso"},
                                                        {"tx-generic-segmentation", "gso"},
                                                        {"tx-udp-segmentation", "tx-udp-segmentation"}};
  const auto names = feature_names(name);
  const std::size_t blocks = (names.size() + 31) / 32;
  Query<ethtool_gfeatures> query{ETHTOOL_GFEATURES, blocks * sizeof(ethtool_get_features_block)};
  query.head()->size = static_cast<std::uint32_t>(blocks);
  std::vector<std::string> found;
  if (names.empty() || !ask_ethtool(name, query.head())) return found;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto block = number_in<ethtool_get_features_block>(
        Bytes{query.tail() + i / 32 * sizeof(ethtool_get_features_block), sizeof(ethtool_get_features_block)});
    if ((block.available & ~block.never_changed & block.active & (1U << (i % 32))) == 0) continue;
    for (const auto& [feature, shown] : known)
      if (names[i] == feature && std::find(found.begin(), found.end(), shown) == found.end()) found.emplace_back(shown);
  }
  return found;
}

}  // namespace

Result<LinkState> parse_link(Bytes answer, int index) {
  while (answer.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, answer.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > answer.size()) break;
    const Bytes body = answer.subspan(sizeof header, header.nlmsg_len - sizeof header);
    if (header.nlmsg_type == NLMSG_ERROR) return SysError{"RTM_GETLINK", -number_in<int>(body)};
    if (header.nlmsg_type == RTM_NEWLINK && body.size() >= sizeof(ifinfomsg)) {
      const auto about = number_in<ifinfomsg>(body);
      if (about.ifi_index == index) {
        LinkState link;
        link.running = (about.ifi_flags & IFF_RUNNING) != 0;
        link.up = (about.ifi_flags & IFF_UP) != 0;
        link.loopback = (about.ifi_flags & IFF_LOOPBACK) != 0;
        each_attribute(body.subspan(std::min(aligned(sizeof about), body.size())), [&](unsigned type, Bytes payload) {
          if (type == IFLA_IFNAME) link.name = text_in(payload);
          if (type == IFLA_LINKINFO) parse_kind(payload, link);
          if (type == IFLA_XDP) parse_xdp(payload, link);
          if (type == ifla_parent_dev_name) link.hardware = true;
          if (type == IFLA_MTU) link.mtu = number_in<std::uint32_t>(payload);
          if (type == IFLA_PROMISCUITY) link.promiscuity = number_in<std::uint32_t>(payload);
          if (type == IFLA_MASTER) link.master = number_in<int>(payload);
          if (type == IFLA_STATS64) link.losses = losses_in(payload);
          if (type == IFLA_STATS64 && payload.size() >= 2 * sizeof(std::uint64_t)) {
            link.rx_packets = number_in<std::uint64_t>(payload.subspan(offsetof(rtnl_link_stats64, rx_packets)));
            link.tx_packets = number_in<std::uint64_t>(payload.subspan(offsetof(rtnl_link_stats64, tx_packets)));
          }
        });
        return link;
      }
    }
    answer = answer.subspan(std::min(aligned(header.nlmsg_len), answer.size()));
  }
  return SysError{"RTM_GETLINK", ENODATA};
}

Result<LinkState> plain_link_state(int index) {
  const auto answer = ask_for_link(index, {});
  if (!answer) return answer.error();
  return parse_link(*answer, index);
}

Result<LinkState> link_state(int index) {
  auto link = plain_link_state(index);
  if (link) {
    link->receive_rings = receive_rings(link->name);
    link->key_bytes = key_bytes_of(link->name);
    link->channels = channels_of(link->name);
    link->offloads = offloads_of(link->name);
  }
  return link;
}

Result<int> index_of_alternative_name(std::string_view name) {
  const auto answer = ask_for_link(0, name);
  if (!answer) return answer.error();
  const Bytes bytes{*answer};
  if (bytes.size() < sizeof(nlmsghdr)) return SysError{"RTM_GETLINK", ENODATA};
  const auto header = number_in<nlmsghdr>(bytes);
  const Bytes body = bytes.subspan(sizeof header);
  if (header.nlmsg_type == RTM_NEWLINK && body.size() >= sizeof(ifinfomsg)) return number_in<ifinfomsg>(body).ifi_index;
  const int error = header.nlmsg_type == NLMSG_ERROR ? -number_in<int>(body) : ENODATA;
  // A kernel without such names calls the question invalid.
  return SysError{"RTM_GETLINK", error == EINVAL || error == EOPNOTSUPP ? ENODEV : error};
}

Result<bool> parse_disciplines(Bytes answer, int index, std::vector<std::string>& kinds) {
  while (answer.size() >= sizeof(nlmsghdr)) {
    const auto header = number_in<nlmsghdr>(answer);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > answer.size()) break;
    const Bytes body = answer.subspan(sizeof header, header.nlmsg_len - sizeof header);
    if (header.nlmsg_type == NLMSG_ERROR) return SysError{"RTM_GETQDISC", -number_in<int>(body)};
    if (header.nlmsg_type == NLMSG_DONE) {
      const int error = number_in<int>(body);
      if (error < 0) return SysError{"RTM_GETQDISC", -error};
      return true;
    }
    if (header.nlmsg_type == RTM_NEWQDISC && body.size() >= sizeof(tcmsg)) {
      const auto about = number_in<tcmsg>(body);
      if (about.tcm_ifindex == index && about.tcm_parent == TC_H_INGRESS)
        each_attribute(body.subspan(sizeof about), [&](unsigned type, Bytes payload) {
          if (type == TCA_KIND) kinds.push_back(text_in(payload));
        });
    }
    answer = answer.subspan(std::min(aligned(header.nlmsg_len), answer.size()));
  }
  return false;
}

Result<std::vector<std::string>> ingress_disciplines(int index) {
  const auto fd = route_socket();
  if (!fd) return fd.error();
  struct {
    nlmsghdr header;
    tcmsg body;
  } request{};
  request.header.nlmsg_type = RTM_GETQDISC;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_len = sizeof request;
  request.body.tcm_family = AF_UNSPEC;
  request.body.tcm_ifindex = index;
  if (::send(fd->get(), &request, sizeof request, 0) < 0) return SysError::from_errno("send(NETLINK_ROUTE)");
  std::vector<std::string> kinds;
  // Of all devices, whichever is asked for: some hundred in each part.
  for (int parts = 0; parts < 10'000; ++parts) {
    const auto answer = receive_answer(*fd);
    if (!answer) return answer.error();
    const auto is_last = parse_disciplines(*answer, index, kinds);
    if (!is_last) return is_last.error();
    if (*is_last || answer->empty()) return kinds;
  }
  return SysError{"RTM_GETQDISC", EOVERFLOW};
}

}  // namespace fanout
