#include "host/memory_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace fanout {

Result<UniqueFd> sealed_memory_file(const char* name, std::span<const std::byte> bytes) noexcept {
  UniqueFd fd{::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!fd) return SysError::from_errno("memfd_create");
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return SysError::from_errno("write(memfd)");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return SysError::from_errno("lseek(memfd)");
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    return SysError::from_errno("fcntl(F_ADD_SEALS)");
  return fd;
}

}  // namespace fanout
