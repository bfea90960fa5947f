#include "host/steering.hpp"

#include <sys/random.h>
#include <sys/resource.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "core/base/unique_fd.hpp"
#include "host/bpf.hpp"
#include "host/steering_programs.hpp"

namespace fanout {
namespace {

using steering_programs::MapShape;
using steering_programs::MapUse;

static_assert(sizeof(bpf_insn) == sizeof(std::uint64_t));

// Immediates that are set here, by their upper half (native/steering/options.h).
constexpr std::uint32_t mark = 0x5eedfc00, mark_bits = 0xffffff00;
constexpr std::uint32_t policy_mark = 0xfe, layers_mark = 0xff;

struct Compiled {
  bpf_prog_type type;
  bool has_attach_type;
  std::span<const MapShape> maps;
  std::span<const MapUse> map_uses;
  std::span<const std::uint64_t> instructions;
};

constexpr bpf_insn to_first[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
};

Compiled compiled(SteeringProgram which) noexcept {
  using namespace steering_programs;
  if (which == SteeringProgram::first) {
    static const auto words = std::bit_cast<std::array<std::uint64_t, std::size(to_first)>>(to_first);
    return {BPF_PROG_TYPE_SOCKET_FILTER, false, {}, {}, words};
  }
  if (which == SteeringProgram::dissect)
    return {BPF_PROG_TYPE_FLOW_DISSECTOR, true, dissect::maps, dissect::map_uses, dissect::instructions};
  return {BPF_PROG_TYPE_SOCKET_FILTER, false, steer::maps, steer::map_uses, steer::instructions};
}

Result<UniqueFd> make_map(const MapShape& shape) noexcept {
  bpf_attr attr = zeroed_bpf_attr();
  attr.map_type = shape.type;
  attr.key_size = shape.key_bytes;
  attr.value_size = shape.value_bytes;
  attr.max_entries = shape.entries;
  return bpf_opened(BPF_MAP_CREATE, attr, "bpf(BPF_MAP_CREATE)");
}

std::uint64_t immediate_of(std::uint32_t which, const SteeringSettings& settings, const SteeringKeys& secret) noexcept {
  if (which == policy_mark) return settings.policy;
  if (which == layers_mark) return settings.layers;
  return which < secret.size() ? secret[which] : 0;
}

std::vector<bpf_insn> program_with(const Compiled& source, const SteeringSettings& settings, const SteeringKeys& secret,
                                   std::span<const UniqueFd> maps) {
  std::vector<bpf_insn> program(source.instructions.size());
  std::memcpy(program.data(), source.instructions.data(), source.instructions.size_bytes());
  for (const auto& [at, map] : source.map_uses) {
    program[at].src_reg = BPF_PSEUDO_MAP_FD;
    program[at].imm = maps[map].get();
  }
  for (std::size_t i = 0; i + 1 < program.size(); ++i) {
    bpf_insn &low = program[i], &high = program[i + 1];
    if (low.code != (BPF_LD | BPF_IMM | BPF_DW) || low.src_reg != 0) continue;
    const auto upper = static_cast<std::uint32_t>(high.imm);
    if ((upper & mark_bits) != mark) continue;
    const std::uint64_t value = immediate_of(upper & ~mark_bits, settings, secret);
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

using Loaded = std::variant<int, SteeringRefusal>;

Loaded load(SteeringProgram which, const SteeringSettings& settings) {
  // The committed instructions are as they stand in the memory of a little-endian machine.
  if constexpr (std::endian::native != std::endian::little)
    return SteeringRefusal{SysError{"load_steering", ENOTSUP}, {}};
  SteeringKeys secret = settings.keys.value_or(SteeringKeys{});
  if (!settings.keys && ::getrandom(secret.data(), sizeof secret, 0) != static_cast<ssize_t>(sizeof secret))
    return SteeringRefusal{SysError::from_errno("getrandom"), {}};
  const Compiled source = compiled(which);
  std::vector<UniqueFd> maps;
  for (const MapShape& shape : source.maps) {
    auto map = make_map(shape);
    if (!map) return SteeringRefusal{map.error(), {}};
    maps.push_back(std::move(*map));
  }

  const auto program = program_with(source, settings, secret, maps);
  bpf_attr attr = zeroed_bpf_attr();
  attr.prog_type = source.type;
  if (source.has_attach_type) attr.expected_attach_type = BPF_FLOW_DISSECTOR;
  attr.insns = reinterpret_cast<std::uintptr_t>(program.data());
  attr.insn_cnt = static_cast<std::uint32_t>(program.size());
  attr.license = reinterpret_cast<std::uintptr_t>("Dual MIT/GPL");
  settings.name.copy(attr.prog_name, sizeof attr.prog_name - 1);
  constexpr const char* call = "bpf(BPF_PROG_LOAD)";
  auto loaded = bpf_opened(BPF_PROG_LOAD, attr, call);
  if (loaded) return loaded->release();
  const SysError error = loaded.error();
  if (error.code == EPERM) return SteeringRefusal{error, {}};
  // Once more, only to hear why: a log takes the verifier's time.
  std::string log(1 << 20, '\0');
  attr.log_level = 1;
  attr.log_size = static_cast<std::uint32_t>(log.size());
  attr.log_buf = reinterpret_cast<std::uintptr_t>(log.data());
  loaded = bpf_opened(BPF_PROG_LOAD, attr, call);
  if (loaded) return loaded->release();
  return SteeringRefusal{error, last_line(log)};
}

// Before Linux 5.11 maps and programs count as locked memory of their user, of which 64 KiB are usual. They stay
// allowed when the limit is low again.
class NoLimitOfLockedMemory {
 public:
  NoLimitOfLockedMemory() noexcept {
    constexpr rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    is_lifted_ = ::getrlimit(RLIMIT_MEMLOCK, &before_) == 0 && ::setrlimit(RLIMIT_MEMLOCK, &none) == 0;
  }
  ~NoLimitOfLockedMemory() {
    if (is_lifted_) (void)::setrlimit(RLIMIT_MEMLOCK, &before_);
  }
  NoLimitOfLockedMemory(const NoLimitOfLockedMemory&) = delete;
  NoLimitOfLockedMemory& operator=(const NoLimitOfLockedMemory&) = delete;

  [[nodiscard]] bool is_lifted() const noexcept { return is_lifted_; }

 private:
  rlimit before_{};
  bool is_lifted_ = false;
};

}  // namespace

std::variant<int, SteeringRefusal> load_steering(SteeringProgram which, const SteeringSettings& settings) {
  Loaded first = load(which, settings);
  const auto* const refusal = std::get_if<SteeringRefusal>(&first);
  if (refusal == nullptr || refusal->error.code != EPERM) return first;
  const NoLimitOfLockedMemory lifted;
  return lifted.is_lifted() ? load(which, settings) : first;
}

}  // namespace fanout
