#include "host/seccomp.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/deadly_call.hpp"

namespace fanout {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t machine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t machine = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::uint32_t machine = AUDIT_ARCH_RISCV64;
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
constexpr std::uint32_t machine = AUDIT_ARCH_PPC64LE;
#elif defined(__s390x__)
constexpr std::uint32_t machine = AUDIT_ARCH_S390X;
#else
constexpr std::uint32_t machine = 0;  // where arguments are in another order, or lie in two registers
#endif

// Not every machine has every call, nor do headers know those of later kernels. From 424 on all machines have the same
// numbers.
constexpr std::uint32_t reaching_out[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    438,  // pidfd_getfd
    440,  // process_madvise
    SYS_kcmp,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    428,  // open_tree
    429,  // move_mount
    430,  // fsopen
    431,  // fsconfig
    432,  // fsmount
    433,  // fspick
    442,  // mount_setattr
    467,  // open_tree_attr
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_acct,
    SYS_quotactl,
    443,  // quotactl_fd
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_syslog,
    SYS_vhangup,
    SYS_personality,
    SYS_userfaultfd,
    SYS_fanotify_init,
    // What outlives a process, and is open to others of its user.
    SYS_mq_open,
    SYS_mq_unlink,
    SYS_shmget,
    SYS_semget,
    SYS_msgget,
#ifdef SYS_ipc
    SYS_ipc,
#endif
#ifdef SYS_kexec_load
    SYS_kexec_load,
#endif
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
#endif
};

constexpr std::uint32_t opening[] = {
    SYS_execve,
    SYS_execveat,
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_openat,
    437,  // openat2
    SYS_memfd_create,
    447,  // memfd_secret
    SYS_truncate,
    SYS_chdir,
    SYS_fchdir,
    SYS_mkdirat,
    SYS_symlinkat,
    SYS_mknodat,
    SYS_inotify_init1,
    SYS_inotify_add_watch,
    SYS_fchmodat,
    452,  // fchmodat2
    SYS_fchown,
    SYS_fchownat,
    SYS_utimensat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    463,  // setxattrat
    466,  // removexattrat
    469,  // file_setattr
    // They do what the calls above do, where no filter sees it.
    425,  // io_uring_setup
    426,  // io_uring_enter
    427,  // io_uring_register
#ifdef SYS_open
    SYS_open,
    SYS_creat,
    SYS_mkdir,
    SYS_symlink,
    SYS_mknod,
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
    SYS_inotify_init,
#endif
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
};

constexpr std::uint32_t naming[] = {
    SYS_unlinkat,  SYS_linkat, SYS_fchmod,
#ifdef SYS_rename
    SYS_rename,    SYS_link,   SYS_unlink, SYS_rmdir,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_renameat2
    SYS_renameat2,
#endif
};

// All by which bytes leave through a descriptor but write(2) and writev(2), which frames go by; signals; and limits of
// other processes.
constexpr std::uint32_t acting_on_others[] = {
    SYS_sendto,
    SYS_sendmsg,
    SYS_sendmmsg,
    SYS_pwrite64,
    SYS_pwritev,
    SYS_pwritev2,
    SYS_sendfile,
    SYS_splice,
    SYS_vmsplice,
    SYS_tee,
    SYS_copy_file_range,
    SYS_kill,
    SYS_tkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    424,  // pidfd_send_signal
    434,  // pidfd_open
    SYS_setpriority,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_ioprio_set,
    SYS_migrate_pages,
    SYS_move_pages,
};

constexpr std::uint32_t load(std::size_t offset) { return static_cast<std::uint32_t>(offset); }
constexpr sock_filter statement(std::uint16_t code, std::uint32_t k) { return {code, 0, 0, k}; }
constexpr sock_filter jump(std::uint16_t code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
  return {code, yes, no, k};
}
constexpr std::uint32_t refuse(std::uint32_t error) { return SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA); }

class Program {
 public:
  // Another calling convention of the same machine has other numbers: nothing here uses it.
  Program() noexcept {
    add(statement(BPF_LD | BPF_W | BPF_ABS, load(offsetof(seccomp_data, arch))));
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, machine, 1, 0));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
    add(load_number());
#ifdef __x86_64__
    constexpr std::uint32_t x32 = 0x40000000;
    add(jump(BPF_JMP | BPF_JGE | BPF_K, x32, 0, 1));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
#endif
  }

  void refuse_calls(std::span<const std::uint32_t> calls, std::uint32_t error = EPERM) noexcept {
    for (const std::uint32_t call : calls) {
      add(jump(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
      add(statement(BPF_RET | BPF_K, refuse(error)));
    }
  }

  // Where an argument, of which the kernel takes 32 bits, is one of `count` numbers from `first` on.
  void refuse_between(std::uint32_t call, unsigned argument, std::uint32_t first, std::uint32_t count) noexcept {
    // Behind the call itself: [load argument] [from first on?] [beyond the last?] [refuse] [load number again].
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 5));
    add(low_word_of(argument));
    add(jump(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2));
    add(jump(BPF_JMP | BPF_JGE | BPF_K, first + count, 1, 0));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
    add(load_number());
  }

  // Refuses a call whose argument has one or more of these bits.
  void refuse_flagged(std::uint32_t call, unsigned argument, std::uint32_t bits) noexcept {
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4));
    add(low_word_of(argument));
    add(jump(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
    add(load_number());
  }

  // Where it is anything else than `allowed`.
  void refuse_unless(std::uint32_t call, unsigned argument, std::uint32_t allowed) noexcept {
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 4));
    add(low_word_of(argument));
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, allowed, 1, 0));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
    add(load_number());
  }

  // Where one argument is `selected` and another is not `allowed`.
  void refuse_selected(std::uint32_t call, unsigned selector, std::uint32_t selected, unsigned argument,
                       std::uint32_t allowed) noexcept {
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 6));
    add(low_word_of(selector));
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, selected, 0, 3));
    add(low_word_of(argument));
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, allowed, 1, 0));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
    add(load_number());
  }

  // clone(2) goes on to make threads. Its successor has its flags in memory, where no filter can see them; the C
  // library falls back.
  void refuse_clone(std::uint32_t needed, std::uint32_t forbidden) noexcept {
    refuse_calls(std::array<std::uint32_t, 1>{435}, ENOSYS);  // clone3
#ifdef __s390x__
    constexpr unsigned flags = 1;
#else
    constexpr unsigned flags = 0;
#endif
    // Behind clone(2) itself: [load flags] [forbidden?] [refuse] [needed?] [refuse] [load number again].
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 6));
    add(low_word_of(flags));
    add(jump(BPF_JMP | BPF_JSET | BPF_K, forbidden, 0, 1));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
    add(jump(BPF_JMP | BPF_JSET | BPF_K, needed, 1, 0));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
    add(load_number());
  }

  [[nodiscard]] Status install() noexcept {
    if (machine == 0) return SysError{"seccomp", ENOSYS};
    add(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog program{count_, filter_.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SysError::from_errno("prctl(PR_SET_NO_NEW_PRIVS)");
    if (is_deadly(SYS_seccomp)) return SysError{"seccomp", EPERM};
    // Older kernels slow a process with a filter down unless told not to (Documentation/userspace-api/spec_ctrl.rst).
    for (const unsigned flags :
         {SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_TSYNC}) {
      const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
      if (result == 0) return Done{};
      // A thread that has a filter of its own.
      if (result > 0) return SysError{"seccomp", ESRCH};
      if (errno != EINVAL) break;
    }
    return SysError::from_errno("seccomp");
  }

 private:
  static constexpr sock_filter load_number() {
    return statement(BPF_LD | BPF_W | BPF_ABS, load(offsetof(seccomp_data, nr)));
  }
  static constexpr sock_filter low_word_of(unsigned argument) {
    constexpr std::uint32_t low_word = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;
    return statement(BPF_LD | BPF_W | BPF_ABS, load(offsetof(seccomp_data, args) + 8 * argument) + low_word);
  }

  void add(sock_filter instruction) noexcept { filter_[count_++] = instruction; }

  std::array<sock_filter,
             2 * (std::size(reaching_out) + std::size(opening) + std::size(naming) + std::size(acting_on_others)) + 128>
      filter_{};
  unsigned short count_ = 0;
};

constexpr std::uint32_t new_namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr std::uint32_t anything = 0xffffffff;

void refuse_reaching_out_in(Program& program) noexcept {
  program.refuse_calls(reaching_out);
  // As root's terminal knows it, what a process without any right puts into its input comes from the person at the
  // keyboard.
  program.refuse_between(SYS_ioctl, 1, TIOCSTI, 1);
  program.refuse_between(SYS_ioctl, 1, TIOCLINUX, 1);
  program.refuse_selected(SYS_prctl, 0, PR_SET_DUMPABLE, 1, 0);
  program.refuse_between(SYS_prctl, 0, PR_SET_PTRACER, 1);
}

}  // namespace

Status refuse_reaching_out() noexcept {
  Program program;
  refuse_reaching_out_in(program);
  program.refuse_clone(anything, new_namespaces);
  return program.install();
}

Status confine_helper() noexcept {
  Program program;
  refuse_reaching_out_in(program);
  program.refuse_calls(opening);
  program.refuse_clone(CLONE_THREAD, new_namespaces);
  return program.install();
}

Status confine_capture(int first, int count) noexcept {
  Program program;
  program.refuse_calls(opening);
  program.refuse_calls(naming);
  program.refuse_calls(acting_on_others);
  program.refuse_clone(CLONE_THREAD, new_namespaces);
  const auto place = static_cast<std::uint32_t>(first);
  const auto places = static_cast<std::uint32_t>(count);
  for (const std::uint32_t call : {SYS_write, SYS_writev, SYS_dup, SYS_dup3})
    program.refuse_between(call, 0, place, places);
#ifdef SYS_dup2
  program.refuse_between(SYS_dup2, 0, place, places);
#endif
  // A duplicate could be made of any descriptor; nobody here makes one.
  program.refuse_between(SYS_fcntl, 1, F_DUPFD, 1);
  program.refuse_between(SYS_fcntl, 1, F_DUPFD_CLOEXEC, 1);
  program.refuse_unless(SYS_setsockopt, 1, SOL_SOCKET);
  program.refuse_unless(SYS_setsockopt, 2, SO_ATTACH_FILTER);
  // V8 runs without a compiler there (src/collector/processes/supervisor.ts).
  for (const std::uint32_t call : {SYS_mmap, SYS_mprotect}) program.refuse_flagged(call, 2, PROT_EXEC);
  program.refuse_flagged(SYS_pkey_mprotect, 2, PROT_EXEC);
  program.refuse_unless(SYS_tgkill, 0, static_cast<std::uint32_t>(::getpid()));
  program.refuse_unless(SYS_prlimit64, 0, 0);
  return program.install();
}

}  // namespace fanout
