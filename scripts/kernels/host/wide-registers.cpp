// A library to load beside user-mode Linux, on a host whose CPU has more register state than that kernel has room for (AMX: 11
// KiB against 2.6): the host's kernel takes the whole state of a process or none (xstateregs_set in
// arch/x86/kernel/fpu/regset.c), and the guest's first process would die of it. What the guest has no room for stays as it is in
// the process.
#include <dlfcn.h>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include <cstdarg>
#include <cstddef>
#include <cstring>

namespace {

// Intel SDM volume 1, 13.4.2: the XSAVE header begins with the bit map of the components that are not in their initial state.
constexpr size_t state_bits_at = 512;
constexpr size_t whole_max = 1 << 16;

using Ptrace = long (*)(__ptrace_request, pid_t, void*, void*);

long set_part(Ptrace next, pid_t pid, const iovec& part) {
  alignas(64) static char whole[whole_max];
  iovec all{whole, sizeof whole};
  void* const kind = reinterpret_cast<void*>(NT_X86_XSTATE);
  if (next(PTRACE_GETREGSET, pid, kind, &all) != 0) return -1;
  unsigned long had = 0;
  std::memcpy(&had, whole + state_bits_at, sizeof had);
  std::memcpy(whole, part.iov_base, part.iov_len < all.iov_len ? part.iov_len : all.iov_len);
  // The guest's bit map is of the state that it has read, which may have been another process's.
  constexpr unsigned long beyond = 3UL << 17;
  unsigned long has = 0;
  std::memcpy(&has, whole + state_bits_at, sizeof has);
  has = (has & ~beyond) | (had & beyond);
  std::memcpy(whole + state_bits_at, &has, sizeof has);
  return next(PTRACE_SETREGSET, pid, kind, &all);
}

}  // namespace

// ptrace(2) as the C library declares it.
extern "C" long ptrace(__ptrace_request request, ...) {
  static const auto next = reinterpret_cast<Ptrace>(dlsym(RTLD_NEXT, "ptrace"));
  va_list arguments;
  va_start(arguments, request);
  const auto pid = va_arg(arguments, pid_t);
  auto* const address = va_arg(arguments, void*);
  auto* const data = va_arg(arguments, void*);
  va_end(arguments);
  if (request == PTRACE_SETREGSET && reinterpret_cast<long>(address) == NT_X86_XSTATE)
    return set_part(next, pid, *static_cast<const iovec*>(data));
  return next(request, pid, address, data);
}
