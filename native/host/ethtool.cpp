#include "host/ethtool.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "core/base/mapped_region.hpp"
#include "core/base/unique_fd.hpp"
#include "host/device_socket.hpp"

namespace fanout {
namespace {

using Bytes = std::span<const std::byte>;

// Far more than any driver has.
constexpr std::uint32_t features_max = 512;
constexpr std::uint32_t counters_max = 1 << 17;
constexpr std::uint32_t table_max = 1 << 16;
constexpr std::uint32_t key_max = 1 << 12;
// Of a mask in an octet, and of one in a word.
constexpr std::uint32_t hash_functions_max = 8;
constexpr std::uint32_t private_flags_max = 32;

// The octet behind hfunc is input_xfrm since Linux 6.8, and had to be zero before.
constexpr std::size_t transform_at = offsetof(ethtool_rxfh, hfunc) + 1;
constexpr std::byte no_transform_known{0xff};  // RXH_XFRM_NO_CHANGE

template <typename T>
T value_at(Bytes bytes, std::size_t at) noexcept {
  T value{};
  if (at <= bytes.size() && sizeof value <= bytes.size() - at) std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Up to the zero that ends it, or as much as there is.
std::string text_at(Bytes bytes, std::size_t at, std::size_t size) {
  if (at >= bytes.size()) return {};
  const auto* const text = reinterpret_cast<const char*>(bytes.data()) + at;
  return {text, ::strnlen(text, std::min(size, bytes.size() - at))};
}

template <std::size_t Size>
std::string text_of(const char (&text)[Size]) {
  return {text, ::strnlen(text, Size)};
}

// A structure of ethtool's, and room behind it.
template <typename Head>
int ask_whole(const AskEthtool& ask, Head& head, std::vector<std::byte>& tail) {
  std::vector<std::byte> query(sizeof head + tail.size());
  std::memcpy(query.data(), &head, sizeof head);
  std::copy(tail.begin(), tail.end(), query.begin() + sizeof head);
  if (const int error = ask(query); error != 0) return error;
  std::memcpy(&head, query.data(), sizeof head);
  std::copy(query.begin() + sizeof head, query.end(), tail.begin());
  return 0;
}

template <typename Head>
int ask_head(const AskEthtool& ask, Head& head) {
  std::vector<std::byte> nothing;
  return ask_whole(ask, head, nothing);
}

SysError refused(int error) noexcept { return SysError{"ioctl(SIOCETHTOOL)", error}; }

// How many names there are of a kind (ETH_SS_*).
Result<std::uint32_t> count_of(const AskEthtool& ask, unsigned set) {
  ethtool_sset_info info{};
  info.cmd = ETHTOOL_GSSET_INFO;
  info.sset_mask = std::uint64_t{1} << set;
  std::vector<std::byte> tail(sizeof(std::uint32_t));
  if (const int error = ask_whole(ask, info, tail); error != 0) return refused(error);
  // Kinds that the driver lacks are cleared.
  if (info.sset_mask != std::uint64_t{1} << set) return refused(EOPNOTSUPP);
  return value_at<std::uint32_t>(tail, 0);
}

Result<std::vector<std::string>> names_of(const AskEthtool& ask, unsigned set, std::uint32_t most) {
  const auto count = count_of(ask, set);
  if (!count) return count.error();
  if (*count > most) return refused(EOVERFLOW);
  ethtool_gstrings strings{};
  strings.cmd = ETHTOOL_GSTRINGS;
  strings.string_set = set;
  strings.len = *count;
  std::vector<std::byte> tail(std::size_t{*count} * ETH_GSTRING_LEN);
  if (const int error = ask_whole(ask, strings, tail); error != 0) return refused(error);
  // The driver has another number of queues by now.
  if (strings.len != *count) return refused(EAGAIN);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < *count; ++i) names.push_back(text_at(tail, i * ETH_GSTRING_LEN, ETH_GSTRING_LEN));
  return names;
}

Result<EthtoolFacts::Driver> driver_of(const AskEthtool& ask) {
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  if (const int error = ask_head(ask, info); error != 0) return refused(error);
  return EthtoolFacts::Driver{text_of(info.driver), text_of(info.version), text_of(info.bus_info)};
}

// The name of the only bit in the mask.
std::string function_of(const AskEthtool& ask, std::uint8_t mask) {
  if (!std::has_single_bit(mask)) return {};
  const auto names = names_of(ask, ETH_SS_RSS_HASH_FUNCS, hash_functions_max);
  const auto bit = static_cast<std::size_t>(std::countr_zero(mask));
  return names && bit < names->size() ? (*names)[bit] : std::string{};
}

// Kernels that do not know the transform refuse a question with anything in its place.
int ask_rss(const AskEthtool& ask, ethtool_rxfh& rss, std::vector<std::byte>& config, bool& tells_transform) {
  const ethtool_rxfh asked = rss;
  auto* const transform = reinterpret_cast<std::byte*>(&rss) + transform_at;
  *transform = no_transform_known;
  const int error = ask_whole(ask, rss, config);
  tells_transform = error == 0 && *transform != no_transform_known;
  if (error != EINVAL) return error;
  rss = asked;
  return ask_whole(ask, rss, config);
}

Result<EthtoolFacts::Rss> rss_of(const AskEthtool& ask) {
  // All zero but for the command: only the sizes are told.
  ethtool_rxfh sizes{};
  sizes.cmd = ETHTOOL_GRSSH;
  if (const int error = ask_head(ask, sizes); error != 0) return refused(error);
  if (sizes.indir_size > table_max || sizes.key_size > key_max) return refused(EOVERFLOW);
  ethtool_rxfh rss{};
  rss.cmd = ETHTOOL_GRSSH;
  rss.indir_size = sizes.indir_size;
  rss.key_size = sizes.key_size;
  const std::size_t table_bytes = std::size_t{sizes.indir_size} * sizeof(std::uint32_t);
  std::vector<std::byte> config(table_bytes + sizes.key_size);
  bool tells_transform = false;
  if (const int error = ask_rss(ask, rss, config, tells_transform); error != 0) return refused(error);
  // Tables change their size with the number of queues.
  if (rss.indir_size != sizes.indir_size || rss.key_size != sizes.key_size) return refused(EAGAIN);
  EthtoolFacts::Rss out;
  out.function = function_of(ask, rss.hfunc);
  for (std::size_t at = 0; at < table_bytes; at += sizeof(std::uint32_t))
    out.table.push_back(value_at<std::uint32_t>(config, at));
  out.key.assign(config.begin() + static_cast<std::ptrdiff_t>(table_bytes), config.end());
  if (tells_transform)
    out.transform = static_cast<unsigned>(*(reinterpret_cast<const std::byte*>(&rss) + transform_at));
  return out;
}

Result<std::uint64_t> hash_fields_of(const AskEthtool& ask, std::uint32_t flow) {
  ethtool_rxnfc query{};
  query.cmd = ETHTOOL_GRXFH;
  query.flow_type = flow;
  if (const int error = ask_head(ask, query); error != 0) return refused(error);
  return std::uint64_t{query.data};
}

Result<EthtoolFacts::Channels> channels_of(const AskEthtool& ask) {
  ethtool_channels query{};
  query.cmd = ETHTOOL_GCHANNELS;
  if (const int error = ask_head(ask, query); error != 0) return refused(error);
  const std::uint32_t used = query.rx_count + query.combined_count;
  // Those with transmission and those without are two names of the same queues, where a driver has both.
  const std::uint32_t most = std::max(query.max_rx, query.max_combined);
  if (used == 0) return refused(ENODATA);
  return EthtoolFacts::Channels{used, std::max(used, most)};
}

Result<std::uint32_t> receive_rings_of(const AskEthtool& ask) {
  ethtool_rxnfc query{};
  query.cmd = ETHTOOL_GRXRINGS;
  if (const int error = ask_head(ask, query); error != 0) return refused(error);
  return static_cast<std::uint32_t>(query.data);
}

Result<std::uint32_t> steering_rules_of(const AskEthtool& ask) {
  ethtool_rxnfc query{};
  query.cmd = ETHTOOL_GRXCLSRLCNT;
  if (const int error = ask_head(ask, query); error != 0) return refused(error);
  return std::uint32_t{query.rule_cnt};
}

Result<EthtoolFacts::Switches> features_of(const AskEthtool& ask) {
  const auto names = names_of(ask, ETH_SS_FEATURES, features_max);
  if (!names) return names.error();
  const std::size_t blocks = (names->size() + 31) / 32;
  ethtool_gfeatures query{};
  query.cmd = ETHTOOL_GFEATURES;
  query.size = static_cast<std::uint32_t>(blocks);
  std::vector<std::byte> tail(blocks * sizeof(ethtool_get_features_block));
  if (const int error = ask_whole(ask, query, tail); error != 0) return refused(error);
  EthtoolFacts::Switches out;
  for (std::size_t i = 0; i < names->size(); ++i) {
    const auto block = value_at<ethtool_get_features_block>(tail, i / 32 * sizeof(ethtool_get_features_block));
    // Bits without a name are kept free for what is to come.
    if (!(*names)[i].empty()) out.emplace_back((*names)[i], (block.active >> (i % 32) & 1) != 0);
  }
  return out;
}

Result<EthtoolFacts::Switches> private_flags_of(const AskEthtool& ask) {
  const auto names = names_of(ask, ETH_SS_PRIV_FLAGS, private_flags_max);
  if (!names) return names.error();
  ethtool_value flags{};
  flags.cmd = ETHTOOL_GPFLAGS;
  if (const int error = ask_head(ask, flags); error != 0) return refused(error);
  EthtoolFacts::Switches out;
  for (std::size_t i = 0; i < names->size(); ++i) out.emplace_back((*names)[i], (flags.data >> i & 1) != 0);
  return out;
}

Result<EthtoolFacts::Rings> rings_of(const AskEthtool& ask) {
  ethtool_ringparam query{};
  query.cmd = ETHTOOL_GRINGPARAM;
  if (const int error = ask_head(ask, query); error != 0) return refused(error);
  return EthtoolFacts::Rings{query.rx_pending, query.rx_max_pending};
}

Result<EthtoolFacts::Coalescing> coalescing_of(const AskEthtool& ask) {
  ethtool_coalesce query{};
  query.cmd = ETHTOOL_GCOALESCE;
  if (const int error = ask_head(ask, query); error != 0) return refused(error);
  return EthtoolFacts::Coalescing{query.use_adaptive_rx_coalesce != 0, query.rx_coalesce_usecs};
}

int ask_kernel(const std::string& name, std::span<std::byte> query) {
  if (name.empty() || name.size() >= IFNAMSIZ) return ENODEV;
  const UniqueFd fd{device_socket()};
  if (!fd) return errno;
  // The kernel writes as many names and counters as there are by then, however many it was asked for: what is too many
  // meets a page that nobody may write.
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t room = (query.size() + page - 1) / page * page;
  const auto memory = MappedRegion::anonymous(room + page, Pages::small);
  if (!memory) return memory.error().code;
  if (::mprotect(memory->data() + room, page, PROT_NONE) != 0) return errno;
  std::byte* const place = memory->data() + room - query.size();
  std::memcpy(place, query.data(), query.size());
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  request.ifr_data = reinterpret_cast<char*>(place);
  if (::ioctl(fd.get(), SIOCETHTOOL, &request) != 0) return errno == EFAULT ? EAGAIN : errno;
  std::memcpy(query.data(), place, query.size());
  return 0;
}

}  // namespace

AskEthtool ask_kernel_about(std::string name) {
  return [name = std::move(name)](std::span<std::byte> query) { return ask_kernel(name, query); };
}

EthtoolFacts ethtool_facts(const AskEthtool& ask) {
  return EthtoolFacts{
      .driver = driver_of(ask),
      .rss = rss_of(ask),
      .hash_fields = {hash_fields_of(ask, TCP_V4_FLOW), hash_fields_of(ask, UDP_V4_FLOW),
                      hash_fields_of(ask, TCP_V6_FLOW), hash_fields_of(ask, UDP_V6_FLOW)},
      .channels = channels_of(ask),
      .receive_rings = receive_rings_of(ask),
      .steering_rules = steering_rules_of(ask),
      .features = features_of(ask),
      .private_flags = private_flags_of(ask),
      .rings = rings_of(ask),
      .coalescing = coalescing_of(ask),
  };
}

Result<EthtoolCounters> ethtool_counters(const AskEthtool& ask) {
  const auto names = names_of(ask, ETH_SS_STATS, counters_max);
  if (!names) return names.error();
  ethtool_stats query{};
  query.cmd = ETHTOOL_GSTATS;
  query.n_stats = static_cast<std::uint32_t>(names->size());
  std::vector<std::byte> tail(names->size() * sizeof(std::uint64_t));
  if (const int error = ask_whole(ask, query, tail); error != 0) return refused(error);
  if (query.n_stats != names->size()) return refused(EAGAIN);
  EthtoolCounters out;
  for (std::size_t i = 0; i < names->size(); ++i)
    out.emplace_back((*names)[i], value_at<std::uint64_t>(tail, i * sizeof(std::uint64_t)));
  return out;
}

}  // namespace fanout
