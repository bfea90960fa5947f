#include "seccomp.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

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

// Not every machine has every call.
constexpr std::uint32_t reaching_out[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
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
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_syslog,
    SYS_vhangup,
#ifdef SYS_kexec_load
    SYS_kexec_load,
#endif
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_userfaultfd
    SYS_userfaultfd,
#endif
#ifdef SYS_kcmp
    SYS_kcmp,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_fsopen
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_move_mount,
    SYS_open_tree,
#endif
#ifdef SYS_mount_setattr
    SYS_mount_setattr,
#endif
#ifdef SYS_iopl
    SYS_iopl,
    SYS_ioperm,
#endif
};

constexpr std::uint32_t opening[] = {
    SYS_execve,         SYS_execveat,       SYS_socket,
    SYS_connect,        SYS_listen,         SYS_accept,
    SYS_accept4,        SYS_openat,         SYS_truncate,
    SYS_unlinkat,       SYS_mkdirat,        SYS_linkat,
    SYS_symlinkat,      SYS_fchmodat,       SYS_fchownat,
    SYS_mknodat,        SYS_inotify_init1,  SYS_fanotify_init,
#ifdef SYS_open
    SYS_open,           SYS_creat,          SYS_unlink,
    SYS_rmdir,          SYS_rename,         SYS_mkdir,
    SYS_link,           SYS_symlink,        SYS_chmod,
    SYS_chown,          SYS_lchown,         SYS_mknod,
#endif
#ifdef SYS_openat2
    SYS_openat2,
#endif
// It does what the calls above do, where no filter sees it.
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_renameat2
    SYS_renameat2,
#endif
#ifdef SYS_fork
    SYS_fork,           SYS_vfork,
#endif
};

constexpr std::uint32_t load(std::size_t offset) { return static_cast<std::uint32_t>(offset); }
constexpr sock_filter statement(std::uint16_t code, std::uint32_t k) { return {code, 0, 0, k}; }
constexpr sock_filter jump(std::uint16_t code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) { return {code, yes, no, k}; }
constexpr std::uint32_t refuse(std::uint32_t error) { return SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA); }

class Program {
 public:
  // Another calling convention of the same machine has other numbers: nothing here uses it.
  Program() noexcept {
    add(statement(BPF_LD | BPF_W | BPF_ABS, load(offsetof(seccomp_data, arch))));
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, machine, 1, 0));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
    add(statement(BPF_LD | BPF_W | BPF_ABS, load(offsetof(seccomp_data, nr))));
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

  // clone(2) goes on to make threads. Its successor has its flags in memory, where no filter can see them; the C library falls
  // back.
  void refuse_clone(std::uint32_t needed, std::uint32_t forbidden) noexcept {
#ifdef SYS_clone3
    refuse_calls(std::array<std::uint32_t, 1>{SYS_clone3}, ENOSYS);
#endif
#ifdef __s390x__
    constexpr std::size_t flags = 1;
#else
    constexpr std::size_t flags = 0;
#endif
    constexpr std::uint32_t low_word = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;
    // Behind clone(2) itself: [load flags] [forbidden?] [refuse] [needed?] [refuse] [load number again].
    add(jump(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 6));
    add(statement(BPF_LD | BPF_W | BPF_ABS, load(offsetof(seccomp_data, args) + 8 * flags) + low_word));
    add(jump(BPF_JMP | BPF_JSET | BPF_K, forbidden, 0, 1));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
    add(jump(BPF_JMP | BPF_JSET | BPF_K, needed, 1, 0));
    add(statement(BPF_RET | BPF_K, refuse(EPERM)));
    add(statement(BPF_LD | BPF_W | BPF_ABS, load(offsetof(seccomp_data, nr))));
  }

  [[nodiscard]] Status install() noexcept {
    if (machine == 0) return SysError{"seccomp", ENOSYS};
    add(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog program{count_, filter_.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SysError::from_errno("prctl(PR_SET_NO_NEW_PRIVS)");
    // Older kernels slow a process with a filter down unless told not to (Documentation/userspace-api/spec_ctrl.rst).
    for (const unsigned flags : {SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_TSYNC}) {
      const long result = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
      if (result == 0) return Done{};
      // A thread that has a filter of its own.
      if (result > 0) return SysError{"seccomp", ESRCH};
      if (errno != EINVAL) break;
    }
    return SysError::from_errno("seccomp");
  }

 private:
  void add(sock_filter instruction) noexcept { filter_[count_++] = instruction; }

  std::array<sock_filter, 2 * (std::size(reaching_out) + std::size(opening)) + 32> filter_{};
  unsigned short count_ = 0;
};

constexpr std::uint32_t new_namespaces =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr std::uint32_t anything = 0xffffffff;

}  // namespace

Status refuse_reaching_out() noexcept {
  Program program;
  program.refuse_calls(reaching_out);
  program.refuse_clone(anything, new_namespaces);
  return program.install();
}

Status refuse_opening() noexcept {
  Program program;
  program.refuse_calls(opening);
  program.refuse_clone(CLONE_THREAD, new_namespaces);
  return program.install();
}

}  // namespace fanout
