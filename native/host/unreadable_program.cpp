#include "host/unreadable_program.hpp"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <cstdio>
#include <utility>

namespace fanout {
namespace {

#ifndef MFD_EXEC
constexpr unsigned MFD_EXEC = 0x10;  // since Linux 6.3
#endif

// The path of the dynamic loader, as the first object in the list, the program itself, has it; nothing of one that is
// linked statically.
int find_loader(dl_phdr_info* program, std::size_t, void* found) noexcept {
  for (int i = 0; i < program->dlpi_phnum; ++i)
    if (program->dlpi_phdr[i].p_type == PT_INTERP)
      *static_cast<const char**>(found) =
          reinterpret_cast<const char*>(program->dlpi_addr + program->dlpi_phdr[i].p_vaddr);
  return 1;
}

Result<UniqueFd> executable_memory_file() noexcept {
  UniqueFd fd{::memfd_create("fanout-cluster", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC)};
  if (!fd && errno == EINVAL) fd.reset(::memfd_create("fanout-cluster", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return SysError::from_errno("memfd_create");
  return fd;
}

Status copy_all(int to, int from) noexcept {
  constexpr std::size_t piece = std::size_t{1} << 30;
  for (;;) {
    const ssize_t copied = ::sendfile(to, from, nullptr, piece);
    if (copied == 0) return Done{};
    if (copied < 0 && errno != EINTR) return SysError::from_errno("sendfile");
  }
}

}  // namespace

Result<UnreadableProgram> unreadable_program() noexcept {
  const char* loader = nullptr;
  (void)::dl_iterate_phdr(find_loader, &loader);
  const UniqueFd original{::open(loader == nullptr ? "/proc/self/exe" : loader, O_RDONLY | O_CLOEXEC)};
  if (!original) return SysError::from_errno("open");
  auto copy = executable_memory_file();
  if (!copy) return copy.error();
  if (const auto copied = copy_all(copy->get(), original.get()); !copied) return copied.error();
  if (::fcntl(copy->get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    return SysError::from_errno("fcntl(F_ADD_SEALS)");
  // A descriptor that may write keeps execve(2) from it (ETXTBSY).
  constexpr mode_t execute_only = S_IXUSR | S_IXGRP | S_IXOTH;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", copy->get());
  UniqueFd file{::open(path, O_PATH | O_CLOEXEC)};
  if (!file) return SysError::from_errno("open(memfd)");
  if (::fchmod(copy->get(), execute_only) != 0) return SysError::from_errno("fchmod");
  return UnreadableProgram{std::move(file), loader != nullptr};
}

Status hide_from_user() noexcept {
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return SysError::from_errno("prctl(PR_SET_DUMPABLE)");
  return Done{};
}

}  // namespace fanout
