// without FEATURE... -- COMMAND...: runs the command as on a kernel without these features. A filter on system calls gives the
// answers that such a kernel gives; each is the one that the kernel's source has for it, named beside it.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Condition {
  int argument;
  std::uint32_t value;
  /** All of these bits are looked for, instead of the whole value. */
  bool is_mask;
};

/** Instead of an error: the process ends, as by a filter of systemd that says nothing else. */
constexpr int deadly = -1;

/** The call, what its arguments are then, and its answer. */
struct Refusal {
  const char* feature;
  long call;
  std::vector<Condition> conditions;
  int error;
};

constexpr std::uint32_t any_namespace =
    CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

// What systemd's @system-service leaves out (systemd-analyze syscall-filter): @clock, @debug, @module, @mount, @raw-io, @reboot, @swap
// and some of no group.
constexpr long beyond_system_service[] = {
    SYS_bpf,           SYS_seccomp,         SYS_mount,           SYS_umount2,           SYS_pivot_root,        SYS_move_mount,
    SYS_open_tree,     SYS_fsopen,          SYS_fsconfig,        SYS_fsmount,           SYS_fspick,            SYS_chroot,
    SYS_init_module,   SYS_finit_module,    SYS_delete_module,   SYS_ioperm,            SYS_iopl,              SYS_reboot,
    SYS_kexec_load,    SYS_swapon,          SYS_swapoff,         SYS_adjtimex,          SYS_clock_settime,     SYS_clock_adjtime,
    SYS_settimeofday,  SYS_ptrace,          SYS_perf_event_open, SYS_process_vm_readv,  SYS_process_vm_writev, SYS_pidfd_getfd,
    SYS_userfaultfd,   SYS_quotactl,        SYS_acct,            SYS_vhangup,           SYS_fanotify_init,     SYS_open_by_handle_at,
    SYS_sethostname,   SYS_setdomainname,   SYS_syslog,
};

const std::vector<Refusal> refusals{
    // packet_setsockopt() before 9c661b0b8544: optlen != sizeof(int).
    {"fanout-args", SYS_setsockopt, {{1, SOL_PACKET, false}, {2, PACKET_FANOUT, false}, {4, 8, false}}, EINVAL},
    // netlink_create(): no such protocol without CONFIG_SOCK_DIAG, on which packet_diag rests.
    {"packet-diag", SYS_socket, {{0, AF_NETLINK, false}, {2, NETLINK_SOCK_DIAG, false}}, EPROTONOSUPPORT},
    // seccomp() of kernel/sys_ni.c, and prctl() without CONFIG_SECCOMP.
    {"seccomp", SYS_seccomp, {}, ENOSYS},
    {"seccomp", SYS_prctl, {{0, PR_SET_SECCOMP, false}}, EINVAL},
    // kernel/sys_ni.c without CONFIG_BPF_SYSCALL.
    {"bpf", SYS_bpf, {}, ENOSYS},
    // unshare_userns() and copy_user_ns() of linux/user_namespace.h without CONFIG_USER_NS.
    {"user-namespaces", SYS_unshare, {{0, CLONE_NEWUSER, true}}, EINVAL},
    {"user-namespaces", SYS_clone, {{0, CLONE_NEWUSER, true}}, EINVAL},
    // RestrictNamespaces= of a unit, and what the seccomp profiles of containers refuse without CAP_SYS_ADMIN.
    {"namespaces", SYS_unshare, {{0, any_namespace, true}}, EPERM},
    {"namespaces", SYS_clone, {{0, any_namespace, true}}, EPERM},
    {"namespaces", SYS_setns, {}, EPERM},
    {"namespaces", SYS_clone3, {}, ENOSYS},
    // RestrictAddressFamilies= of a unit that does not name them.
    {"packet-family", SYS_socket, {{0, AF_PACKET, false}}, EAFNOSUPPORT},
    {"netlink-family", SYS_socket, {{0, AF_NETLINK, false}}, EAFNOSUPPORT},
    {"unix-family", SYS_socket, {{0, AF_UNIX, false}}, EAFNOSUPPORT},
    {"inet-family", SYS_socket, {{0, AF_INET, false}}, EAFNOSUPPORT},
    {"inet-family", SYS_socket, {{0, AF_INET6, false}}, EAFNOSUPPORT},
    {"deadly-bpf", SYS_bpf, {}, deadly},
    {"deadly-seccomp", SYS_seccomp, {}, deadly},
    {"deadly-unshare", SYS_unshare, {}, deadly},
    {"deadly-memfd_create", SYS_memfd_create, {}, deadly},
    {"deadly-setgroups", SYS_setgroups, {}, deadly},
    {"deadly-sendmsg", SYS_sendmsg, {}, deadly},
};

void add(std::vector<sock_filter>& program, const Refusal& refusal) {
  const auto load = [&](std::size_t offset) {
    program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
  };
  // Two instructions for each condition, and the answer at the end: whoever does not fit jumps behind it.
  auto left = static_cast<std::uint8_t>(2 * refusal.conditions.size() + 1);
  load(offsetof(seccomp_data, nr));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(refusal.call), 0, left));
  for (const auto& [argument, value, is_mask] : refusal.conditions) {
    left = static_cast<std::uint8_t>(left - 2);
    load(offsetof(seccomp_data, args) + 8 * static_cast<std::size_t>(argument));
    program.push_back(BPF_JUMP(BPF_JMP | (is_mask ? BPF_JSET : BPF_JEQ) | BPF_K, value, 0, left));
  }
  const auto answer =
      refusal.error == deadly ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(refusal.error);
  program.push_back(BPF_STMT(BPF_RET | BPF_K, answer));
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<sock_filter> program;
  int i = 1;
  for (; i < argc && std::string{argv[i]} != "--"; i++) {
    bool is_known = false;
    for (const auto& refusal : refusals)
      if (refusal.feature == std::string{argv[i]}) add(program, refusal), is_known = true;
    for (const auto& [unit, error] : {std::pair{"system-service-only", EPERM}, std::pair{"deadly-system-service-only", deadly}}) {
      if (unit != std::string{argv[i]}) continue;
      for (const long call : beyond_system_service) add(program, {unit, call, {}, error});
      is_known = true;
    }
    if (!is_known) return std::fprintf(stderr, "without: no feature %s\n", argv[i]), 125;
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  // Root needs no promise to gain nothing; others do.
  if (::geteuid() != 0) (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) return std::perror("without: prctl"), 125;
  if (i + 1 < argc) ::execvp(argv[i + 1], argv + i + 1);
  return std::perror("without: execvp"), 125;
}
