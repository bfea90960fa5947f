#include "host/packet_namespace.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <optional>
#include <set>

#include "core/base/deadly_call.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout {
namespace {

constexpr std::uint32_t device_is_gone = 0xffffffff;

// Interfaces that have gone since are left out.
std::vector<InterfaceInfo> interfaces_of(const std::vector<PacketSocketInfo>& sockets) {
  std::set<std::uint32_t> indices;
  for (const PacketSocketInfo& socket : sockets)
    if (socket.ifindex != 0 && socket.ifindex != device_is_gone) indices.insert(socket.ifindex);
  std::vector<InterfaceInfo> interfaces;
  for (const std::uint32_t index : indices) {
    const auto name = interface_name(static_cast<int>(index));
    if (!name) continue;
    // By then the name may be another one's.
    auto info = describe_interface(name->c_str());
    if (info && info->index == static_cast<int>(index)) interfaces.push_back(std::move(*info));
  }
  return interfaces;
}

Result<PacketNamespace> inspect_here(std::uint64_t inode) {
  auto list = list_packet_sockets(Detail::full);
  if (!list) return list.error();
  PacketNamespace out{inode, std::move(*list), {}};
  out.interfaces = interfaces_of(out.list.sockets);
  return out;
}

struct Visit {
  int descriptor;
  std::uint64_t inode;
  std::optional<Result<PacketNamespace>> result;
};

void* visit(void* argument) {
  auto& there = *static_cast<Visit*>(argument);
  if (::setns(there.descriptor, CLONE_NEWNET) != 0)
    there.result = SysError::from_errno("setns");
  else
    there.result = inspect_here(there.inode);
  return nullptr;
}

}  // namespace

Result<PacketNamespace> inspect_namespace(const char* path) {
  // Of a pipe that somebody put there nobody may be on the other side.
  const UniqueFd fd{::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd) return SysError::from_errno("open(netns)");
  struct stat there {};
  struct stat here {};
  if (::fstat(fd.get(), &there) != 0) return SysError::from_errno("fstat(netns)");
  if (::stat("/proc/thread-self/ns/net", &here) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev)
    return inspect_here(there.st_ino);
  if (is_deadly(SYS_setns)) return SysError{"setns", EPERM};

  Visit to{fd.get(), there.st_ino, std::nullopt};
  pthread_t thread{};
  if (const int error = ::pthread_create(&thread, nullptr, visit, &to); error != 0)
    return SysError{"pthread_create", error};
  ::pthread_join(thread, nullptr);
  return std::move(*to.result);
}

}  // namespace fanout
