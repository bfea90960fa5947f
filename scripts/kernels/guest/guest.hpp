// What runs inside another kernel beside the tool itself: one static program with several parts, so that the guest needs no other
// software than Node.js, ip(8) and unshare(1).
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace guest {

using Arguments = std::vector<std::string>;

/** As process 1: mounts what a program expects, starts the command of FANOUT_COMMAND, and ends the machine when it has ended. */
[[noreturn]] void init();
/** insmod FILE...: loads modules, in the order given. */
int insmod(const Arguments& files);
/** hide PATH... -- COMMAND...: runs the command where nothing is at these paths. */
int hide(const Arguments& arguments);
/** facts IFACE PEER: what this kernel answers and delivers, one fact a line, name and value parted by a tab. */
int facts(const Arguments& arguments);
/** send IFACE SECONDS FLOWS PACKETS_PER_SECOND: both directions of so many TCP flows. */
int send(const Arguments& arguments);
/** join IFACE GROUP SECONDS: a member of another program, which reads nothing. */
int join(const Arguments& arguments);

inline int failed(const char* what) {
  std::fprintf(stderr, "guest: %s: %s\n", what, std::strerror(errno));
  return 1;
}

}  // namespace guest
