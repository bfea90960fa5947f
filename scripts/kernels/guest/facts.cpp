#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "frames.hpp"

namespace guest {
namespace {

constexpr unsigned ignore_outgoing = 0x4000;
constexpr unsigned unknown_flag = 0x0100;

struct Args {
  std::uint16_t id;
  std::uint16_t type_flags;
  std::uint32_t members_max;
};

const char* answer(int error) { return error == 0 ? "ok" : ::strerrorname_np(error); }

int join_short(int fd, unsigned group, unsigned type_flags) {
  const unsigned word = group | type_flags << 16;
  return ::setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &word, sizeof word) == 0 ? 0 : errno;
}

int join_long(int fd, unsigned group, unsigned members_max) {
  const Args args{static_cast<std::uint16_t>(group), 0, members_max};
  return ::setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &args, sizeof args) == 0 ? 0 : errno;
}

void set_link(const std::string& interface, bool up) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  (void)::ioctl(fd, SIOCGIFFLAGS, &request);
  request.ifr_flags = static_cast<short>(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  if (::ioctl(fd, SIOCSIFFLAGS, &request) != 0) failed("SIOCSIFFLAGS");
  (void)::close(fd);
}

/** Sockets of one group, which end with it. */
class Group {
 public:
  ~Group() {
    for (const int fd : sockets_) (void)::close(fd);
  }
  int add(const std::string& interface) {
    const int fd = packet_socket(interface, ETH_P_ALL);
    (void)::fcntl(fd, F_SETFL, O_NONBLOCK);
    sockets_.push_back(fd);
    return fd;
  }
  const std::vector<int>& sockets() const { return sockets_; }

 private:
  std::vector<int> sockets_;
};

void limits(const std::string& interface) {
  {
    Group group;
    std::printf("fanout_args (8 octets)\t%s\n", answer(join_long(group.add(interface), 1, 300)));
  }
  {
    Group group;
    int error = 0;
    while (error == 0 && group.sockets().size() < 300) error = join_short(group.add(interface), 2, 0);
    std::printf("members of a group without a limit of its own\t%zu, then %s\n", group.sockets().size() - (error != 0),
                answer(error));
  }
  {
    Group group;
    int error = 0;
    while (error == 0 && group.sockets().size() < 600) error = join_long(group.add(interface), 3, 500);
    std::printf("members of a group for 500\t%zu, then %s\n", group.sockets().size() - (error != 0), answer(error));
  }
  {
    Group group;
    std::printf("a flag that no kernel knows\t%s\n", answer(join_short(group.add(interface), 4, unknown_flag)));
  }
  std::printf("modes 0 to 9\t");
  for (unsigned mode = 0; mode < 10; mode++) {
    Group group;
    std::printf("%s%s", mode == 0 ? "" : " ", answer(join_short(group.add(interface), 10 + mode, mode)));
  }
  std::printf("\n");
}

void link_down(const std::string& interface) {
  set_link(interface, false);
  {
    Group group;
    std::printf("a group on a link that is down\t%s\n", answer(join_short(group.add(interface), 20, 0)));
  }
  set_link(interface, true);
  ::usleep(200'000);
}

/** Reads all there is, and calls `seen` with the kind of each packet (PACKET_OUTGOING is 4). */
template <typename Seen>
void drain(int fd, Seen seen) {
  char frame[2048];
  sockaddr_ll from{};
  socklen_t length = sizeof from;
  while (::recvfrom(fd, frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&from), &length) > 0) {
    seen(from.sll_pkttype);
    length = sizeof from;
  }
}

void outgoing(const std::string& interface) {
  const int sender = packet_socket(interface, 0);
  for (const unsigned flags : {0U, ignore_outgoing}) {
    Group group;
    const int member = group.add(interface);
    const int error = join_short(member, 30, flags);
    drain(member, [](int) {});
    for (unsigned flow = 0; flow < 10; flow++) {
      const auto frame = tcp_frame(flow, false, 0);
      (void)::send(sender, frame.data(), frame.size(), 0);
    }
    ::usleep(50'000);
    int seen = 0;
    drain(member, [&](int kind) { seen += kind == PACKET_OUTGOING ? 1 : 0; });
    std::printf("sent packets that a group %s sees\tjoin %s, %d of 10\n", flags == 0 ? "without flags" : "with IGNORE_OUTGOING",
                answer(error), seen);
  }
  (void)::close(sender);
}

/** Which members get 60 flows, and how many flows have their directions on two. */
void spread(const std::string& sending, const std::string& capturing, int tags) {
  constexpr int members = 16;
  const int sender = packet_socket(sending, 0);
  Group group;
  for (int i = 0; i < members; i++) (void)join_short(group.add(capturing), 40, 0);
  for (const int member : group.sockets()) drain(member, [](int) {});
  std::set<int> used;
  int parted = 0;
  int lost = 0;
  for (unsigned flow = 0; flow < 60; flow++) {
    int member_of[2] = {-1, -1};
    for (const bool reverse : {false, true}) {
      const auto frame = tcp_frame(flow, reverse, tags);
      (void)::send(sender, frame.data(), frame.size(), 0);
      for (int wait = 0; wait < 200 && member_of[reverse] < 0; wait++) {
        for (int i = 0; i < members; i++)
          drain(group.sockets()[static_cast<std::size_t>(i)], [&](int) { member_of[reverse] = i; });
        if (member_of[reverse] < 0) ::usleep(500);
      }
      if (member_of[reverse] < 0)
        lost++;
      else
        used.insert(member_of[reverse]);
    }
    parted += member_of[0] != member_of[1] ? 1 : 0;
  }
  std::printf("frames with %d VLAN tag%s, captured %s\t%zu of %d members, %d of 60 flows split%s\n", tags, tags == 1 ? "" : "s",
              sending == capturing ? "where they were sent" : "at the peer", used.size(), members, parted,
              lost > 0 ? ", LOST" : "");
  (void)::close(sender);
}

}  // namespace

int facts(const Arguments& arguments) {
  const std::string& interface = arguments[0];
  const std::string& peer = arguments[1];
  const rlimit files{4096, 4096};
  (void)::setrlimit(RLIMIT_NOFILE, &files);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  limits(interface);
  link_down(interface);
  outgoing(interface);
  for (const int tags : {0, 1, 2}) {
    spread(interface, interface, tags);
    spread(interface, peer, tags);
  }
  return 0;
}

}  // namespace guest
