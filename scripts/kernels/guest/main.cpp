#include <unistd.h>

#include "guest.hpp"

int main(int argc, char** argv) {
  if (::getpid() == 1) guest::init();
  const std::string part = argc > 1 ? argv[1] : "";
  const guest::Arguments arguments(argv + (argc > 1 ? 2 : 1), argv + argc);
  if (part == "insmod") return guest::insmod(arguments);
  if (part == "hide") return guest::hide(arguments);
  if (part == "facts" && arguments.size() == 2) return guest::facts(arguments);
  if (part == "send" && arguments.size() == 4) return guest::send(arguments);
  if (part == "join" && arguments.size() == 3) return guest::join(arguments);
  std::fprintf(stderr,
               "usage: guest insmod FILE... | hide PATH... -- COMMAND... | facts IFACE PEER | send IFACE SECONDS FLOWS RATE | "
               "join IFACE GROUP SECONDS\n");
  return 2;
}
