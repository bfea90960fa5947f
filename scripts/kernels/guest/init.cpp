#include <fcntl.h>
#include <linux/random.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "guest.hpp"

namespace guest {
namespace {

/** Busy is a place where the kernel has mounted that already. */
void mount_at(const char* type, const char* path, const char* source = nullptr, const char* options = nullptr) {
  (void)::mkdir(path, 0755);
  if (::mount(source == nullptr ? type : source, path, type, 0, options) != 0 && errno != EBUSY) failed(path);
}

/** Linux 5.10 lets getrandom(2) wait until it has gathered enough, which takes a machine without devices 10 s; nothing here is
 * secret. */
void seed_randomness() {
  constexpr int octets = 256;
  alignas(rand_pool_info) char memory[sizeof(rand_pool_info) + octets]{};
  const rand_pool_info head{.entropy_count = octets * 8, .buf_size = octets};
  std::memcpy(memory, &head, sizeof head);
  const int fd = ::open("/dev/urandom", O_RDWR | O_CLOEXEC);
  if (fd < 0 || ::ioctl(fd, RNDADDENTROPY, memory) != 0) failed("RNDADDENTROPY");
  (void)::close(fd);
}

/** Bytes go through as they are. */
void make_raw(const char* terminal) {
  const int fd = ::open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC);
  termios settings{};
  if (fd < 0 || ::tcgetattr(fd, &settings) != 0) return;
  ::cfmakeraw(&settings);
  (void)::tcsetattr(fd, TCSANOW, &settings);
  (void)::close(fd);
}

void set_up() {
  mount_at("proc", "/proc");
  mount_at("sysfs", "/sys");
  mount_at("devtmpfs", "/dev");
  mount_at("tmpfs", "/run");
  mount_at("tmpfs", "/dev/shm", nullptr, "mode=1777");
  // Distributions make the node at boot, whether the module is there or not.
  (void)::mkdir("/dev/net", 0755);
  (void)::mknod("/dev/net/tun", S_IFCHR | 0600, ::makedev(10, 200));
  seed_randomness();
  (void)::sethostname("guest", 5);
  if (const char* const folder = std::getenv("FANOUT_HOST_FOLDER")) mount_at("hostfs", "/run/host", "none", folder);
  if (const char* const results = std::getenv("FANOUT_RESULTS"))
    if (std::strncmp(results, "/dev/", 5) == 0) make_raw(results);
}

[[noreturn]] void run_command() {
  const char* const command = std::getenv("FANOUT_COMMAND");
  std::string rest = command == nullptr ? "" : command;
  std::vector<std::string> words;
  // Words are split by commas: a kernel's command line has no other way.
  for (std::size_t end; (end = rest.find(',')) != std::string::npos; rest = rest.substr(end + 1))
    words.push_back(rest.substr(0, end));
  words.push_back(rest);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  (void)::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  (void)::setenv("HOME", "/run", 1);
  (void)::setenv("TMPDIR", "/dev/shm", 1);
  ::execv(arguments[0], arguments.data());
  failed(arguments[0]);
  ::_exit(127);
}

}  // namespace

void init() {
  set_up();
  const pid_t child = ::fork();
  if (child == 0) run_command();
  // Orphans of the command come here, too.
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended == child || (ended < 0 && errno == ECHILD)) {
      std::printf("guest: the command ended with status %d\n", status);
      break;
    }
  }
  std::fflush(stdout);
  ::sync();
  // The serial line may still be sending.
  ::sleep(1);
  (void)::reboot(RB_POWER_OFF);
  ::_exit(0);
}

int insmod(const Arguments& files) {
  for (const auto& file : files) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    const bool is_loaded = fd >= 0 && (::syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST);
    if (!is_loaded) return failed(file.c_str());
    (void)::close(fd);
  }
  return 0;
}

int hide(const Arguments& arguments) {
  if (::unshare(CLONE_NEWNS) != 0) return failed("unshare");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return failed("mount");
  std::size_t i = 0;
  for (; i < arguments.size() && arguments[i] != "--"; i++)
    if (::mount("none", arguments[i].c_str(), "tmpfs", 0, "size=64k") != 0) return failed(arguments[i].c_str());
  std::vector<char*> command;
  for (i++; i < arguments.size(); i++) command.push_back(const_cast<char*>(arguments[i].c_str()));
  if (command.empty()) return 2;
  command.push_back(nullptr);
  ::execv(command[0], command.data());
  return failed(command[0]);
}

}  // namespace guest
