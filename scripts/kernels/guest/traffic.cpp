#include <time.h>
#include <unistd.h>

#include "frames.hpp"

namespace guest {
namespace {

double now() {
  timespec time{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

int send(const Arguments& arguments) {
  const int fd = packet_socket(arguments[0], 0);
  if (fd < 0) return failed(arguments[0].c_str());
  const double begun = now();
  const double end = begun + std::atof(arguments[1].c_str());
  const unsigned flows = static_cast<unsigned>(std::atoi(arguments[2].c_str()));
  const double rate = std::atof(arguments[3].c_str());
  for (unsigned long packet = 0; now() < end; packet++) {
    const auto frame = tcp_frame(static_cast<unsigned>(packet / 2) % flows, packet % 2 == 1, 0);
    // The peer may be down for a while.
    (void)::send(fd, frame.data(), frame.size(), 0);
    const double ahead = begun + static_cast<double>(packet) / rate - now();
    if (ahead > 0.002) (void)::usleep(static_cast<useconds_t>(ahead * 1e6));
  }
  return 0;
}

int join(const Arguments& arguments) {
  const int fd = packet_socket(arguments[0], ETH_P_ALL);
  const int group = std::atoi(arguments[1].c_str());
  if (fd < 0 || ::setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &group, sizeof group) != 0) return failed("join");
  std::puts("joined");
  std::fflush(stdout);
  (void)::sleep(static_cast<unsigned>(std::atoi(arguments[2].c_str())));
  return 0;
}

}  // namespace guest
