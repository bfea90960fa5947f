// confined none|collector|helper|worker: confines itself as such a process does, tries what it should not be able to,
// and prints one JSON object: call -> errno, or 0 where it went through. Arguments are such that nothing comes of a
// call that is allowed. Needs CAP_NET_RAW.
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "core/socket/packet_socket.hpp"
#include "host/seccomp.hpp"

namespace {

void* const bad = reinterpret_cast<void*>(1);
const char* separator = "";

template <typename Call>
void attempt(const char* name, Call&& call) {
  errno = 0;
  const long result = static_cast<long>(call());
  std::printf("%s\"%s\":%d", separator, name, result < 0 ? errno : 0);
  separator = ",";
}

long raw(long number, long a = -1, long b = -1, long c = -1, long d = -1, long e = -1) {
  return ::syscall(number, a, b, c, d, e);
}

constexpr int place = 20;

}  // namespace

int main(int, char** argv) {
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  const std::string mode = argv[1] == nullptr ? "" : argv[1];
  const pid_t sibling = ::fork();
  if (sibling == 0) {
    // The other one may lose the right to end it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::pause();
    ::_exit(0);
  }
  auto opened = fanout::PacketSocket::open_descriptor();
  if (!opened) return 2;
  ::dup2(opened->get(), place);
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 2;
  const int file = ::memfd_create("file", 0);
  if (mode != "none" && !fanout::refuse_reaching_out()) return 3;
  if (mode == "helper" && !fanout::confine_helper()) return 3;
  if (mode == "worker" && !fanout::confine_capture(place, 1)) return 3;

  const auto address = [](const void* pointer) { return reinterpret_cast<long>(pointer); };
  std::printf("{");
  // Into other processes, the kernel, the terminal.
  attempt("ptrace", [] { return raw(SYS_ptrace); });
  attempt("process_vm_readv", [] { return raw(SYS_process_vm_readv); });
  attempt("pidfd_getfd", [] { return raw(438); });
  attempt("process_madvise", [] { return raw(440); });
  attempt("bpf", [] { return raw(SYS_bpf); });
  attempt("perf_event_open", [] { return raw(SYS_perf_event_open); });
  attempt("unshare", [] { return raw(SYS_unshare, 0); });
  attempt("setns", [] { return raw(SYS_setns); });
  attempt("open_tree", [] { return raw(428); });
  attempt("move_mount", [] { return raw(429); });
  attempt("fsopen", [] { return raw(430, 1, 0); });
  attempt("mount_setattr", [] { return raw(442); });
  attempt("open_tree_attr", [] { return raw(467); });
  attempt("keyctl", [] { return raw(SYS_keyctl); });
  attempt("personality", [] { return raw(SYS_personality, 0xffffffff); });
  attempt("userfaultfd", [] { return raw(SYS_userfaultfd); });
  attempt("mq_open", [&] { return raw(SYS_mq_open, address(bad)); });
  attempt("shmget", [] { return raw(SYS_shmget, 0, 0, 0); });
  attempt("semget", [] { return raw(SYS_semget, 0, -1, 0); });
  attempt("msgget", [] { return raw(SYS_msgget, 77, 0); });
  attempt("ioctl(TIOCSTI)", [] { return ::ioctl(0, TIOCSTI, "x"); });
  attempt("prctl(PR_SET_DUMPABLE, 1)", [] { return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); });
  attempt("prctl(PR_SET_DUMPABLE, 0)", [] { return ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); });
  // Opening, starting, changing what is said about files.
  attempt("execve", [&] { return raw(SYS_execve, address(bad)); });
  attempt("execveat", [&] { return raw(SYS_execveat, -1, address(bad)); });
  attempt("openat", [] { return ::open("/proc/self/stat", O_RDONLY); });
  attempt("openat2", [&] { return raw(437, -1, address(bad)); });
  attempt("memfd_create", [] { return ::memfd_create("more", 0); });
  attempt("socket", [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); });
  attempt("socketpair", [] {
    int more[2];
    return ::socketpair(AF_UNIX, SOCK_STREAM, 0, more);
  });
  attempt("bind", [] { return raw(SYS_bind); });
  attempt("connect", [] { return raw(SYS_connect); });
  attempt("chdir", [&] { return raw(SYS_chdir, address(bad)); });
  attempt("fchmodat", [&] { return raw(SYS_fchmodat, -1, address(bad)); });
  attempt("fchmodat2", [&] { return raw(452, -1, address(bad)); });
  attempt("fchown", [] { return raw(SYS_fchown); });
  attempt("utimensat", [&] { return raw(SYS_utimensat, -1, address(bad)); });
  attempt("setxattr", [&] { return raw(SYS_setxattr, address(bad)); });
  attempt("fsetxattr", [] { return raw(SYS_fsetxattr); });
  attempt("removexattr", [&] { return raw(SYS_removexattr, address(bad)); });
  attempt("setxattrat", [&] { return raw(463, -1, address(bad)); });
  attempt("file_setattr", [&] { return raw(469, -1, address(bad)); });
  attempt("inotify_init1", [] { return raw(SYS_inotify_init1, 0); });
  attempt("io_uring_setup", [&] { return raw(425, 1, address(bad)); });
  attempt("truncate", [&] { return raw(SYS_truncate, address(bad)); });
  attempt("mkdirat", [&] { return raw(SYS_mkdirat, -1, address(bad)); });
  attempt("symlinkat", [&] { return raw(SYS_symlinkat, address(bad)); });
  attempt("mknodat", [&] { return raw(SYS_mknodat, -1, address(bad)); });
  attempt("fork", [] {
    const auto child = static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    if (child == 0) ::_exit(0);
    if (child > 0) ::waitpid(child, nullptr, 0);
    return child;
  });
  // Names.
  attempt("linkat", [&] { return raw(SYS_linkat, -1, address(bad)); });
  attempt("unlinkat", [&] { return raw(SYS_unlinkat, -1, address(bad)); });
  attempt("renameat2", [&] { return raw(SYS_renameat2, -1, address(bad)); });
  attempt("fchmod", [] { return raw(SYS_fchmod); });
  // To others, and by the packet socket.
  char frame[60] = {2};
  iovec part{frame, sizeof frame};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  sockaddr_ll loopback{};
  loopback.sll_family = AF_PACKET;
  loopback.sll_ifindex = static_cast<int>(::if_nametoindex("lo"));
  loopback.sll_halen = 6;
  attempt("write to the packet socket", [&] { return ::write(place, frame, sizeof frame); });
  attempt("writev to the packet socket", [&] { return ::writev(place, &part, 1); });
  attempt("write, with a number of 64 bits",
          [&] { return raw(SYS_write, (1L << 32) + place, address(frame), sizeof frame); });
  attempt("pwritev2", [&] { return raw(SYS_pwritev2, place, address(&part), 1); });
  attempt("sendto another interface", [&] {
    return ::sendto(place, frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&loopback), sizeof loopback);
  });
  attempt("sendmsg", [&] { return ::sendmsg(pair[0], &message, MSG_DONTWAIT); });
  attempt("sendmmsg", [&] { return raw(SYS_sendmmsg, pair[0], address(bad), 1, 0); });
  attempt("sendfile", [&] { return raw(SYS_sendfile, place, file, 0, 1); });
  attempt("splice", [&] { return raw(SYS_splice, file, 0, place, 0, 1); });
  attempt("dup of the packet socket", [] { return ::dup(place); });
  attempt("dup3 of the packet socket", [] { return ::dup3(place, place + 5, 0); });
  attempt("dup2 of the packet socket", [] { return ::dup2(place, place + 6); });
  attempt("fcntl(F_DUPFD)", [] { return ::fcntl(place, F_DUPFD, 0); });
  attempt("fcntl(F_DUPFD_CLOEXEC)", [] { return ::fcntl(place, F_DUPFD_CLOEXEC, 0); });
  packet_mreq promiscuous{};
  promiscuous.mr_ifindex = loopback.sll_ifindex;
  promiscuous.mr_type = PACKET_MR_PROMISC;
  attempt("promiscuous mode",
          [&] { return ::setsockopt(place, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous); });
  const int nothing = 0;
  attempt("SO_DETACH_FILTER",
          [&] { return ::setsockopt(place, SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof nothing); });
  attempt("PACKET_TX_RING", [&] { return ::setsockopt(place, SOL_PACKET, PACKET_TX_RING, &nothing, sizeof nothing); });
  attempt("kill", [&] { return ::kill(sibling, 0); });
  attempt("tgkill of another process", [&] { return raw(SYS_tgkill, sibling, sibling, 0); });
  attempt("pidfd_open", [&] { return raw(434, sibling, 0); });
  attempt("prlimit of another process", [&] {
    rlimit limit{};
    return ::prlimit(sibling, RLIMIT_CORE, nullptr, &limit);
  });
  attempt("setpriority", [&] { return ::setpriority(PRIO_PROCESS, static_cast<id_t>(sibling), 0); });
  attempt("mmap(PROT_EXEC)", [] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
  });
  void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  attempt("mprotect(PROT_EXEC)", [&] { return ::mprotect(page, 4096, PROT_READ | PROT_EXEC); });
  attempt("pkey_mprotect(PROT_EXEC)", [&] { return raw(SYS_pkey_mprotect, address(page), 4096, PROT_EXEC, -1); });
  // What every one of them goes on to do.
  attempt("write", [&] { return ::write(pair[0], frame, 1); });
  attempt("read", [&] { return ::read(pair[1], frame, 1); });
  attempt("tgkill of itself", [] { return raw(SYS_tgkill, ::getpid(), ::getpid(), 0); });
  attempt("prlimit of itself", [] {
    rlimit limit{};
    return ::getrlimit(RLIMIT_NOFILE, &limit);
  });
  attempt("mmap", [] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0;
  });
  const sock_filter keep[]{{BPF_RET | BPF_K, 0, 0, 0}};
  const sock_fprog filter{1, const_cast<sock_filter*>(keep)};
  attempt("SO_ATTACH_FILTER",
          [&] { return ::setsockopt(place, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter); });
  tpacket_stats_v3 statistics{};
  socklen_t length = sizeof statistics;
  attempt("PACKET_STATISTICS",
          [&] { return ::getsockopt(place, SOL_PACKET, PACKET_STATISTICS, &statistics, &length); });
  std::printf("}\n");
  return 0;
}
