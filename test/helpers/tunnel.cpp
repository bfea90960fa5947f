// tunnel TYPE NAME NAME: two TUN devices, and what is sent on one of them is received on the other, as through a tunnel. TYPE is the
// link type that both claim (ARPHRD_* of linux/if_arp.h). Says "ready", and goes on until it is killed.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

int device(const char* name, unsigned long type) {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (fd < 0 || ::ioctl(fd, TUNSETIFF, &request) != 0 || ::ioctl(fd, TUNSETLINK, type) != 0) {
    std::perror(name);
    std::exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const unsigned long type = std::strtoul(argv[1], nullptr, 10);
  const int ends[]{device(argv[2], type), device(argv[3], type)};
  std::puts("ready");
  std::fflush(stdout);
  static char packet[1 << 16];
  for (;;) {
    pollfd waiting[]{{ends[0], POLLIN, 0}, {ends[1], POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0) return 1;
    for (int i = 0; i < 2; ++i) {
      if ((waiting[i].revents & POLLIN) == 0) continue;
      const ssize_t length = ::read(ends[i], packet, sizeof packet);
      // An end that is down refuses the packet, which is then lost as on any cable.
      if (length > 0) (void)!::write(ends[1 - i], packet, static_cast<std::size_t>(length));
    }
  }
}
