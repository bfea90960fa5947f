#include "lab/kernel_hash.hpp"

#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "core/base/deadly_call.hpp"
#include "core/base/mapped_region.hpp"

namespace fanout {
namespace {

constexpr std::size_t members_max = 256;  // MAX_TAP_QUEUES in drivers/net/tun.c
constexpr std::size_t frame_max = 2048;
constexpr char device[] = "hash0";
// A frame is on its queue when send() returns, unless the queueing discipline was busy.
constexpr int looks_max = 50;
constexpr timespec between_looks{0, 1'000'000};
// The whole takes a few ms.
constexpr unsigned patience_s = 10;

// What the child leaves, in memory that it shares: the errno of what failed, or 0, and then a member for each frame.
struct Shared {
  std::atomic<int> error{EINTR};
  std::uint8_t members[];
};

// In the child: this process may have had many threads, and only one has come along. Nothing here allocates or locks.
class Child {
 public:
  int ask(std::span<const std::span<const std::byte>> frames, std::size_t members, std::uint8_t* out) noexcept {
    if (const int error = enter(); error != 0) return error;
    if (const int error = make_device(members); error != 0) return error;
    for (std::size_t i = 0; i < frames.size(); ++i)
      if (const int error = ask_one(frames[i], members, out[i]); error != 0) return error;
    return 0;
  }

 private:
  // An ordinary user may make a network namespace inside a new user namespace. No user needs to be mapped there.
  static int enter() noexcept {
    if (is_deadly(SYS_unshare)) return EPERM;
    if (::unshare(CLONE_NEWNET) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) return 0;
    return errno;
  }

  int make_device(std::size_t members) noexcept {
    ifreq request{};
    std::memcpy(request.ifr_name, device, sizeof device);
    for (std::size_t i = 0; i < members; ++i) {
      queues_[i] = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
      request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
      if (queues_[i] < 0 || ::ioctl(queues_[i], TUNSETIFF, &request) != 0) return errno;
    }
    sender_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (sender_ < 0 || ::ioctl(sender_, SIOCGIFINDEX, &request) != 0) return errno;
    address_.sll_family = AF_PACKET;
    address_.sll_ifindex = request.ifr_ifindex;
    address_.sll_halen = 6;
    request.ifr_flags = IFF_UP;
    return ::ioctl(sender_, SIOCSIFFLAGS, &request) == 0 ? 0 : errno;
  }

  int ask_one(std::span<const std::byte> frame, std::size_t members, std::uint8_t& member) noexcept {
    const auto* to = reinterpret_cast<const sockaddr*>(&address_);
    if (::sendto(sender_, frame.data(), frame.size(), 0, to, sizeof address_) < 0) return errno;
    for (int look = 0; look < looks_max; ++look) {
      for (std::size_t i = 0; i < members; ++i)
        if (holds(queues_[i], frame)) {
          member = static_cast<std::uint8_t>(i);
          return 0;
        }
      ::nanosleep(&between_looks, nullptr);
    }
    return ETIMEDOUT;
  }

  // What the kernel sends of its own accord is not what was asked for.
  bool holds(int queue, std::span<const std::byte> frame) noexcept {
    for (;;) {
      const ssize_t length = ::read(queue, buffer_.data(), buffer_.size());
      if (length < 0) return false;
      const std::span<const std::byte> read{buffer_.data(), static_cast<std::size_t>(length)};
      if (read.size() >= frame.size() && std::equal(frame.begin(), frame.end(), read.begin())) return true;
    }
  }

  std::array<int, members_max> queues_{};
  int sender_ = -1;
  sockaddr_ll address_{};
  std::array<std::byte, frame_max> buffer_{};
};

}  // namespace

Result<std::vector<std::uint8_t>> members_by_kernel_hash(std::span<const std::span<const std::byte>> frames,
                                                         std::size_t members) noexcept {
  const auto is_long = [](std::span<const std::byte> frame) { return frame.size() > frame_max; };
  if (members == 0 || members > members_max || std::any_of(frames.begin(), frames.end(), is_long))
    return SysError{"TUNSETIFF", EINVAL};
  const std::size_t bytes = sizeof(Shared) + frames.size();
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return SysError::from_errno("mmap");
  auto* const shared = new (memory) Shared;
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::alarm(patience_s);
    shared->error = Child{}.ask(frames, members, shared->members);
    ::_exit(0);
  }
  Result<std::vector<std::uint8_t>> found = SysError::from_errno("fork");
  if (child > 0) {
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    const int error = shared->error;
    if (error == 0)
      found = std::vector<std::uint8_t>(shared->members, shared->members + frames.size());
    else
      found = SysError{"the kernel's hash", error};
  }
  ::munmap(memory, bytes);
  return found;
}

}  // namespace fanout
