// What the kernel says of a link, in any bytes. The part of native/host that reads them is compiled in here: the rest
// of it asks the kernel.
#include "host/link.cpp"
#include "test/check.hpp"
#include "test/generate.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

using Octets = std::vector<std::byte>;

template <typename T>
void append(Octets& to, const T& value) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(&value);
  to.insert(to.end(), bytes, bytes + sizeof value);
}

Octets text(const char* words) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(words);
  return {bytes, bytes + std::strlen(words) + 1};
}

template <typename T>
Octets value(T number) {
  Octets out;
  append(out, number);
  return out;
}

void attribute(Octets& to, unsigned type, const Octets& payload) {
  append(to, rtattr{static_cast<unsigned short>(sizeof(rtattr) + payload.size()), static_cast<unsigned short>(type)});
  to.insert(to.end(), payload.begin(), payload.end());
  to.resize(aligned(to.size()));
}

Octets message(int index, unsigned flags, const Octets& attributes) {
  Octets body;
  ifinfomsg about{};
  about.ifi_index = index;
  about.ifi_flags = flags;
  append(body, about);
  body.insert(body.end(), attributes.begin(), attributes.end());
  Octets out;
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.nlmsg_type = RTM_NEWLINK;
  append(out, header);
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

Octets macvlan_of(std::uint32_t mode) {
  Octets data, info;
  attribute(data, IFLA_MACVLAN_MODE, value(mode));
  attribute(info, IFLA_INFO_KIND, text("macvlan"));
  attribute(info, IFLA_INFO_DATA, data);
  return info;
}

Octets whole() {
  rtnl_link_stats64 stats{};
  stats.rx_packets = 1800;
  stats.tx_packets = 7;
  stats.rx_dropped = 3;
  stats.rx_missed_errors = 5;
  Octets xdp, all;
  attribute(xdp, IFLA_XDP_ATTACHED, value<std::uint8_t>(XDP_ATTACHED_SKB));
  attribute(xdp, IFLA_XDP_PROG_ID, value<std::uint32_t>(101));
  attribute(all, IFLA_IFNAME, text("mv0"));
  attribute(all, IFLA_LINKINFO | NLA_F_NESTED, macvlan_of(MACVLAN_MODE_BRIDGE));
  attribute(all, IFLA_XDP, xdp);
  attribute(all, IFLA_STATS64, value(stats));
  attribute(all, IFLA_MTU, value<std::uint32_t>(9000));
  attribute(all, IFLA_PROMISCUITY, value<std::uint32_t>(2));
  attribute(all, IFLA_MASTER, value<std::uint32_t>(4));
  return all;
}

}  // namespace

TEST(a_link_is_read_to_its_last_attribute) {
  const auto link = parse_link(message(5, IFF_UP | IFF_RUNNING, whole()), 5);
  if (!link) __builtin_trap();
  CHECK(link->name == "mv0" && link->kind == "macvlan" && link->mode == "bridge");
  CHECK(link->running && link->xdp && link->xdp->generic);
  CHECK_EQ(link->xdp->program, 101);
  CHECK_EQ(link->rx_packets, 1800);
  CHECK_EQ(link->tx_packets, 7);
  CHECK(link->up && !link->loopback && link->mtu == 9000 && link->promiscuity == 2 && link->master == 4);
  CHECK(link->losses && link->losses->dropped == 3 && link->losses->missed == 5 && link->losses->fifo == 0);
}

TEST(statistics_of_old_kernels_end_earlier) {
  Octets all, stats(16);
  attribute(all, IFLA_STATS64, stats);
  const auto link = parse_link(message(5, 0, all), 5);
  CHECK(link && !link->losses);
}

TEST(several_programs_are_named_by_attributes_of_their_own) {
  Octets xdp, all;
  attribute(xdp, IFLA_XDP_ATTACHED, value<std::uint8_t>(XDP_ATTACHED_MULTI));
  attribute(xdp, IFLA_XDP_PROG_ID, value<std::uint32_t>(0));
  attribute(xdp, IFLA_XDP_DRV_PROG_ID, value<std::uint32_t>(12));
  attribute(all, IFLA_XDP, xdp);
  const auto link = parse_link(message(5, IFF_UP, all), 5);
  CHECK(link && link->xdp && link->xdp->program == 12 && !link->xdp->generic && !link->running);
}

TEST(another_link_an_error_and_nothing_are_told_apart) {
  CHECK(parse_link(message(6, 0, whole()), 5).error().code == ENODATA);
  CHECK(parse_link({}, 5).error().code == ENODATA);
  Octets refusal;
  append(refusal, nlmsghdr{sizeof(nlmsghdr) + sizeof(nlmsgerr), NLMSG_ERROR, 0, 0, 0});
  append(refusal, nlmsgerr{-ENODEV, {}});
  CHECK(parse_link(refusal, 5).error().code == ENODEV);
}

TEST(disciplines_of_one_link_that_see_what_it_receives) {
  const auto discipline = [](int index, std::uint32_t parent, const char* kind) {
    Octets attributes, out;
    attribute(attributes, TCA_KIND, text(kind));
    const auto length = static_cast<std::uint32_t>(sizeof(nlmsghdr) + sizeof(tcmsg) + attributes.size());
    append(out, nlmsghdr{length, RTM_NEWQDISC, 0, 0, 0});
    tcmsg about{};
    about.tcm_ifindex = index;
    about.tcm_parent = parent;
    append(out, about);
    out.insert(out.end(), attributes.begin(), attributes.end());
    return out;
  };
  Octets all;
  for (const auto& one : {discipline(5, TC_H_ROOT, "fq_codel"), discipline(4, TC_H_INGRESS, "ingress"),
                          discipline(5, TC_H_INGRESS, "clsact")})
    all.insert(all.end(), one.begin(), one.end());
  std::vector<std::string> kinds;
  const auto more = parse_disciplines(all, 5, kinds);
  CHECK(more && !*more && kinds == std::vector<std::string>{"clsact"});
  Octets done;
  append(done, nlmsghdr{sizeof(nlmsghdr) + sizeof(int), NLMSG_DONE, 0, 0, 0});
  append(done, 0);
  const auto last = parse_disciplines(done, 5, kinds);
  CHECK(last && *last && kinds.size() == 1);
  for (std::size_t length = 0; length < all.size(); ++length) {
    const Octets cut{all.begin(), all.begin() + static_cast<std::ptrdiff_t>(length)};
    (void)parse_disciplines(cut, 5, kinds);
  }
}

// Cut anywhere, and with any octets changed: an answer or an error, and nothing is read that is not there.
TEST(any_bytes_are_survived) {
  const Octets sound = message(5, IFF_UP, whole());
  for (std::size_t length = 0; length <= sound.size(); ++length) {
    const Octets cut{sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(length)};
    (void)parse_link(cut, 5);
  }
  Random random{11};
  for (int round = 0; round < 200'000; ++round) {
    Octets changed = sound;
    for (std::uint32_t changes = 1 + random.below(4); changes > 0; --changes)
      changed[random.below(static_cast<std::uint32_t>(changed.size()))] = static_cast<std::byte>(random.below(256));
    (void)parse_link(changed, 5);
  }
}
