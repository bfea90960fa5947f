#include "host/steering.hpp"

#include <linux/bpf.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <vector>

#include "core/base/deadly_call.hpp"
#include "core/base/unique_fd.hpp"
#include "host/steering_program.hpp"

namespace fanout {
namespace {

using namespace steering_program;

static_assert(sizeof(bpf_insn) == sizeof(std::uint64_t));

// Immediates that are set here, by their upper half (native/steering/options.h).
constexpr std::uint32_t mark = 0x5eedfc00, mark_bits = 0xffffff00;
constexpr std::uint32_t policy_mark = 0xfe, layers_mark = 0xff, keys = 11;

Result<UniqueFd> bpf(int command, bpf_attr& attr, const char* call) noexcept {
  if (is_deadly(SYS_bpf)) return SysError{call, EPERM};
  UniqueFd fd{static_cast<int>(::syscall(SYS_bpf, command, &attr, sizeof attr))};
  if (!fd) return SysError::from_errno(call);
  return fd;
}

// bpf(2) refuses bytes that it does not know unless they are zero, padding included.
bpf_attr zeroed() noexcept {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  return attr;
}

Result<UniqueFd> make_map(bpf_map_type type, std::size_t key_bytes, std::size_t value_bytes,
                          std::uint32_t entries) noexcept {
  bpf_attr attr = zeroed();
  attr.map_type = type;
  attr.key_size = static_cast<std::uint32_t>(key_bytes);
  attr.value_size = static_cast<std::uint32_t>(value_bytes);
  attr.max_entries = entries;
  return bpf(BPF_MAP_CREATE, attr, "bpf(BPF_MAP_CREATE)");
}

std::uint64_t immediate_of(std::uint32_t which, SteeringPolicy policy, std::uint32_t layers,
                           const std::array<std::uint64_t, keys>& secret) noexcept {
  if (which == policy_mark) return static_cast<std::uint32_t>(policy);
  if (which == layers_mark) return layers;
  return which < keys ? secret[which] : 0;
}

std::vector<bpf_insn> program_with(SteeringPolicy policy, std::uint32_t layers,
                                   const std::array<std::uint64_t, keys>& secret, const std::array<int, 2>& maps) {
  std::vector<bpf_insn> program(std::size(instructions));
  std::memcpy(program.data(), instructions, sizeof instructions);
  for (const auto& [at, map] : map_uses) {
    program[at].src_reg = BPF_PSEUDO_MAP_FD;
    program[at].imm = maps[map];
  }
  for (std::size_t i = 0; i + 1 < program.size(); ++i) {
    bpf_insn &low = program[i], &high = program[i + 1];
    if (low.code != (BPF_LD | BPF_IMM | BPF_DW) || low.src_reg != 0) continue;
    const auto upper = static_cast<std::uint32_t>(high.imm);
    if ((upper & mark_bits) != mark) continue;
    const std::uint64_t value = immediate_of(upper & ~mark_bits, policy, layers, secret);
    low.imm = static_cast<std::int32_t>(value);
    high.imm = static_cast<std::int32_t>(value >> 32);
  }
  return program;
}

std::string last_line(const std::string& log) {
  std::size_t end = log.find('\0');
  end = end == std::string::npos ? log.size() : end;
  // Of the statistics behind it nobody learns why.
  const std::size_t statistics = log.rfind("\nprocessed ", end);
  if (statistics != std::string::npos) end = statistics;
  while (end > 0 && log[end - 1] == '\n') --end;
  const std::size_t before = end == 0 ? std::string::npos : log.rfind('\n', end - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return log.substr(begin, end - begin);
}

}  // namespace

std::variant<int, SteeringRefusal> load_steering(SteeringPolicy policy, std::uint32_t layers) {
  // The committed instructions are as they stand in the memory of a little-endian machine.
  if constexpr (std::endian::native != std::endian::little)
    return SteeringRefusal{SysError{"load_steering", ENOTSUP}, {}};
  constexpr std::uint32_t fragments_max = 65536;
  std::array<std::uint64_t, keys> secret;
  if (::getrandom(secret.data(), sizeof secret, 0) != static_cast<ssize_t>(sizeof secret))
    return SteeringRefusal{SysError::from_errno("getrandom"), {}};
  const auto fragments = make_map(BPF_MAP_TYPE_LRU_HASH, sizeof(std::uint64_t), sizeof(std::uint64_t), fragments_max);
  if (!fragments) return SteeringRefusal{fragments.error(), {}};
  const auto walk = make_map(BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(std::uint32_t), walk_bytes, 1);
  if (!walk) return SteeringRefusal{walk.error(), {}};

  const auto program = program_with(policy, layers, secret, {fragments->get(), walk->get()});
  bpf_attr attr = zeroed();
  attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attr.insns = reinterpret_cast<std::uintptr_t>(program.data());
  attr.insn_cnt = static_cast<std::uint32_t>(program.size());
  attr.license = reinterpret_cast<std::uintptr_t>("Dual MIT/GPL");
  std::memcpy(attr.prog_name, "fc_steer", sizeof "fc_steer");
  auto loaded = bpf(BPF_PROG_LOAD, attr, "bpf(BPF_PROG_LOAD)");
  if (loaded) return loaded->release();
  const SysError error = loaded.error();
  if (error.code == EPERM) return SteeringRefusal{error, {}};
  // Once more, only to hear why: a log takes the verifier's time.
  std::string log(1 << 20, '\0');
  attr.log_level = 1;
  attr.log_size = static_cast<std::uint32_t>(log.size());
  attr.log_buf = reinterpret_cast<std::uintptr_t>(log.data());
  loaded = bpf(BPF_PROG_LOAD, attr, "bpf(BPF_PROG_LOAD)");
  if (loaded) return loaded->release();
  return SteeringRefusal{error, last_line(log)};
}

}  // namespace fanout
