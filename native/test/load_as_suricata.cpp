// load_as_suricata OBJECT: the calls of libbpf by which Suricata loads what `ebpf-lb-file` names (EBPFLoadFile() in
// src/util-ebpf.c), and the one by which it steers its group (src/source-af-packet.c). Prints how many maps there are.
// In a network namespace of its own, whose lo is up.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstring>

namespace {

int failed(const char* what) {
  std::perror(what);
  return 1;
}

bpf_program* program_in(bpf_object* object, const char* section) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    if (std::strcmp(bpf_program__section_name(program), section) != 0) continue;
    bpf_program__set_type(program, BPF_PROG_TYPE_SOCKET_FILTER);
    return program;
  }
  return nullptr;
}

int steer_group(int program) {
  const int fd = ::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex("lo"));
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return failed("bind");
  const unsigned group = 99 | PACKET_FANOUT_EBPF << 16;
  if (::setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &group, sizeof group) != 0) return failed("PACKET_FANOUT");
  if (::setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof program) != 0)
    return failed("PACKET_FANOUT_DATA");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  // Needed before Linux 5.11, and not allowed in every container.
  (void)::setrlimit(RLIMIT_MEMLOCK, &none);
  bpf_object* const object = bpf_object__open(argv[1]);
  if (libbpf_get_error(object) != 0) return failed("bpf_object__open");
  const bpf_program* const program = program_in(object, "loadbalancer");
  if (program == nullptr) return failed("no section loadbalancer");
  if (bpf_object__load(object) != 0) return failed("bpf_object__load");
  int maps = 0;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__fd(map) < 0) return failed("bpf_map__fd");
    ++maps;
  }
  if (steer_group(bpf_program__fd(program)) != 0) return 1;
  std::printf("%d maps\n", maps);
  return 0;
}
