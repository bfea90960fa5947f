// What drivers answer to ethtool's questions, in any bytes. The part of native/host that reads them is compiled in
// here.
#include <map>

#include "host/ethtool.cpp"
#include "test/check.hpp"
#include "test/generate.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

using Octets = std::vector<std::byte>;

void append(Octets& to, const void* from, std::size_t size) {
  const auto* const bytes = static_cast<const std::byte*>(from);
  to.insert(to.end(), bytes, bytes + size);
}

template <typename T>
Octets octets_of(const T& value) {
  Octets out;
  append(out, &value, sizeof value);
  return out;
}

void name(Octets& to, const char* text) {
  char padded[ETH_GSTRING_LEN]{};
  std::memcpy(padded, text, std::min(std::strlen(text), sizeof padded));
  append(to, padded, sizeof padded);
}

// ETH_RSS_HASH_TOP and ETH_RSS_HASH_XOR of the kernel (linux/ethtool.h, not of the UAPI).
constexpr std::uint8_t toeplitz = 1;
constexpr std::uint8_t exclusive_or = 2;

// A driver that answers with bytes, and with EOPNOTSUPP to what it has none for.
struct Driver {
  // By command; those of names by the kind of names, and those of hash fields by the flow, as well.
  std::map<std::pair<std::uint32_t, std::uint32_t>, Octets> answers;
  bool knows_transform = true;
  std::map<std::uint32_t, int> errors;

  void say(std::uint32_t command, Octets answer, std::uint32_t detail = 0) {
    answers[{command, detail}] = std::move(answer);
  }

  void say_names(std::uint32_t set, const std::vector<const char*>& names) {
    ethtool_sset_info info{};
    info.cmd = ETHTOOL_GSSET_INFO;
    info.sset_mask = std::uint64_t{1} << set;
    Octets counted = octets_of(info);
    const auto count = static_cast<std::uint32_t>(names.size());
    append(counted, &count, sizeof count);
    say(ETHTOOL_GSSET_INFO, counted, set);
    ethtool_gstrings strings{};
    strings.cmd = ETHTOOL_GSTRINGS;
    strings.string_set = set;
    strings.len = count;
    Octets named = octets_of(strings);
    for (const char* const one : names) name(named, one);
    say(ETHTOOL_GSTRINGS, named, set);
  }

  int operator()(std::span<std::byte> query) const {
    const auto command = value_at<std::uint32_t>(query, 0);
    std::uint32_t detail = 0;
    if (command == ETHTOOL_GSTRINGS || command == ETHTOOL_GRXFH) detail = value_at<std::uint32_t>(query, 4);
    if (command == ETHTOOL_GSSET_INFO)
      detail = static_cast<std::uint32_t>(std::countr_zero(value_at<std::uint64_t>(query, 8)));
    if (command == ETHTOOL_GRSSH && !knows_transform && query[transform_at] != std::byte{0}) return EINVAL;
    if (const auto error = errors.find(command); error != errors.end()) return error->second;
    const auto answer = answers.find({command, detail});
    if (answer == answers.end()) return EOPNOTSUPP;
    // Never more than there is room for: the page that nobody may write stands there.
    std::copy_n(answer->second.begin(), std::min(answer->second.size(), query.size()), query.begin());
    return 0;
  }
};

Octets rss_answer(std::uint32_t entries, std::uint32_t key_bytes, std::uint8_t function, std::byte transform) {
  ethtool_rxfh rss{};
  rss.cmd = ETHTOOL_GRSSH;
  rss.indir_size = entries;
  rss.key_size = key_bytes;
  rss.hfunc = function;
  Octets out = octets_of(rss);
  out[transform_at] = transform;
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::uint32_t queue = i % 8;
    append(out, &queue, sizeof queue);
  }
  for (std::uint32_t i = 0; i < key_bytes; ++i) out.push_back(i % 2 == 0 ? std::byte{0x6d} : std::byte{0x5a});
  return out;
}

Octets fields_answer(std::uint32_t flow, std::uint64_t fields) {
  ethtool_rxnfc query{};
  query.cmd = ETHTOOL_GRXFH;
  query.flow_type = flow;
  query.data = fields;
  return octets_of(query);
}

// As an X710 answers: i40e, 16 of 64 combined channels, a table of 512, a key of 52.
Driver x710() {
  Driver driver;
  ethtool_drvinfo info{};
  std::memcpy(info.driver, "i40e", 5);
  std::memcpy(info.version, "6.8.0-51-generic", 17);
  std::memcpy(info.bus_info, "0000:3b:00.0", 13);
  driver.say(ETHTOOL_GDRVINFO, octets_of(info));
  driver.say(ETHTOOL_GRSSH, rss_answer(512, 52, toeplitz, std::byte{1}));
  driver.say_names(ETH_SS_RSS_HASH_FUNCS, {"toeplitz", "xor", "crc32"});
  driver.say(ETHTOOL_GRXFH, fields_answer(TCP_V4_FLOW, RXH_IP_SRC | RXH_IP_DST | RXH_L4_B_0_1 | RXH_L4_B_2_3),
             TCP_V4_FLOW);
  driver.say(ETHTOOL_GRXFH, fields_answer(UDP_V4_FLOW, RXH_IP_SRC | RXH_IP_DST), UDP_V4_FLOW);
  ethtool_channels channels{};
  channels.max_combined = 64;
  channels.combined_count = 16;
  channels.max_other = channels.other_count = 1;
  driver.say(ETHTOOL_GCHANNELS, octets_of(channels));
  ethtool_rxnfc count{};
  count.data = 16;
  driver.say(ETHTOOL_GRXRINGS, octets_of(count));
  count.data = 0;
  count.rule_cnt = 2;
  driver.say(ETHTOOL_GRXCLSRLCNT, octets_of(count));
  std::vector<const char*> features(40, "");
  features[0] = "rx-gro";
  features[33] = "rx-ntuple-filter";
  features[39] = "a-name-of-all-thirty-two-octets.";
  driver.say_names(ETH_SS_FEATURES, features);
  ethtool_gfeatures blocks{};
  blocks.size = 2;
  Octets active = octets_of(blocks);
  for (const std::uint32_t bits : {1U, 1U << 7}) {
    const ethtool_get_features_block block{~0U, bits, bits, 0};
    append(active, &block, sizeof block);
  }
  driver.say(ETHTOOL_GFEATURES, active);
  driver.say_names(ETH_SS_PRIV_FLAGS, {"MFP", "flow-director-atr"});
  driver.say(ETHTOOL_GPFLAGS, octets_of(ethtool_value{ETHTOOL_GPFLAGS, 2}));
  ethtool_ringparam rings{};
  rings.rx_pending = 512;
  rings.rx_max_pending = 4096;
  driver.say(ETHTOOL_GRINGPARAM, octets_of(rings));
  ethtool_coalesce coalescing{};
  coalescing.rx_coalesce_usecs = 50;
  coalescing.use_adaptive_rx_coalesce = 1;
  driver.say(ETHTOOL_GCOALESCE, octets_of(coalescing));
  driver.say_names(ETH_SS_STATS, {"rx_packets", "port.rx_dropped"});
  ethtool_stats stats{};
  stats.n_stats = 2;
  Octets counted = octets_of(stats);
  for (const std::uint64_t one : {std::uint64_t{1} << 40, std::uint64_t{7}}) append(counted, &one, sizeof one);
  driver.say(ETHTOOL_GSTATS, counted);
  return driver;
}

}  // namespace

TEST(all_answers_of_a_driver_are_read) {
  const auto facts = ethtool_facts(x710());
  CHECK(facts.driver && facts.driver->name == "i40e" && facts.driver->bus == "0000:3b:00.0");
  if (!facts.rss) __builtin_trap();
  CHECK_EQ(facts.rss->table.size(), 512);
  CHECK_EQ(facts.rss->table[9], 1);
  CHECK_EQ(facts.rss->key.size(), 52);
  CHECK(facts.rss->key[0] == std::byte{0x6d} && facts.rss->key[51] == std::byte{0x5a});
  CHECK(facts.rss->function == "toeplitz" && facts.rss->transform == 1U);
  CHECK(facts.hash_fields[0] && *facts.hash_fields[0] == 0xf0);
  CHECK(facts.hash_fields[1] && *facts.hash_fields[1] == 0x30);
  CHECK(!facts.hash_fields[2] && facts.hash_fields[2].error().code == EOPNOTSUPP);
  CHECK(facts.channels && facts.channels->used == 16 && facts.channels->most == 64);
  CHECK(facts.receive_rings && *facts.receive_rings == 16);
  CHECK(facts.steering_rules && *facts.steering_rules == 2);
  const EthtoolFacts::Switches features{
      {"rx-gro", true}, {"rx-ntuple-filter", false}, {"a-name-of-all-thirty-two-octets.", true}};
  CHECK(facts.features && *facts.features == features);
  const EthtoolFacts::Switches flags{{"MFP", false}, {"flow-director-atr", true}};
  CHECK(facts.private_flags && *facts.private_flags == flags);
  CHECK(facts.rings && facts.rings->rx == 512 && facts.rings->rx_most == 4096);
  CHECK(facts.coalescing && facts.coalescing->adaptive_rx && facts.coalescing->rx_usecs == 50);
  const auto counters = ethtool_counters(x710());
  const EthtoolCounters expected{{"rx_packets", std::uint64_t{1} << 40}, {"port.rx_dropped", 7}};
  CHECK(counters && *counters == expected);
}

TEST(kernels_that_know_no_transform_are_asked_without) {
  Driver driver = x710();
  driver.knows_transform = false;
  driver.say(ETHTOOL_GRSSH, rss_answer(512, 52, exclusive_or, std::byte{0}));
  const auto rss = ethtool_facts(driver).rss;
  CHECK(rss && !rss->transform && rss->function == "xor" && rss->key.size() == 52);
}

TEST(what_is_not_shown_is_left_out) {
  Driver driver = x710();
  driver.say(ETHTOOL_GRSSH, rss_answer(0, 0, 0, std::byte{0}));
  const auto rss = ethtool_facts(driver).rss;
  CHECK(rss && rss->key.empty() && rss->table.empty() && rss->function.empty() && rss->transform == 0U);
  // A function without a name, and several at once.
  driver.say(ETHTOOL_GRSSH, rss_answer(8, 0, 1 << 3, std::byte{0}));
  CHECK(ethtool_facts(driver).rss->function.empty());
  driver.say(ETHTOOL_GRSSH, rss_answer(8, 0, 3, std::byte{0}));
  CHECK(ethtool_facts(driver).rss->function.empty());
}

TEST(each_refusal_has_its_error) {
  Driver silent;
  CHECK_EQ(ethtool_facts(silent).rss.error().code, EOPNOTSUPP);
  CHECK_EQ(ethtool_facts(silent).features.error().code, EOPNOTSUPP);
  CHECK_EQ(ethtool_counters(silent).error().code, EOPNOTSUPP);
  silent.errors = {{ETHTOOL_GRINGPARAM, EPERM}};
  CHECK_EQ(ethtool_facts(silent).rings.error().code, EPERM);
  // Kinds of names that the driver lacks.
  ethtool_sset_info info{};
  Octets none = octets_of(info);
  none.resize(none.size() + 4);
  silent.say(ETHTOOL_GSSET_INFO, none, ETH_SS_PRIV_FLAGS);
  CHECK_EQ(ethtool_facts(silent).private_flags.error().code, EOPNOTSUPP);
}

TEST(sizes_beyond_reason_are_refused_before_room_is_made) {
  Driver driver = x710();
  driver.say(ETHTOOL_GRSSH, rss_answer(table_max + 1, 0, 1, std::byte{0}));
  CHECK_EQ(ethtool_facts(driver).rss.error().code, EOVERFLOW);
  driver.say_names(ETH_SS_PRIV_FLAGS, std::vector<const char*>(33, "flag"));
  CHECK_EQ(ethtool_facts(driver).private_flags.error().code, EOVERFLOW);
}

TEST(answers_that_grew_meanwhile_are_to_be_asked_again) {
  Driver driver = x710();
  ethtool_stats stats{};
  stats.n_stats = 3;
  driver.say(ETHTOOL_GSTATS, octets_of(stats));
  CHECK_EQ(ethtool_counters(driver).error().code, EAGAIN);
  ethtool_gstrings strings{};
  strings.len = 1 << 30;
  driver.say(ETHTOOL_GSTRINGS, octets_of(strings), ETH_SS_STATS);
  CHECK_EQ(ethtool_counters(driver).error().code, EAGAIN);
}

// Older kernels write all names, whatever room there is, and newer ones those to whom no number is named: they meet the
// page behind it.
TEST(the_kernel_writes_nothing_behind_the_question) {
  ethtool_gstrings strings{};
  strings.cmd = ETHTOOL_GSTRINGS;
  strings.string_set = ETH_SS_FEATURES;
  Octets query = octets_of(strings);
  query.resize(query.size() + ETH_GSTRING_LEN);
  CHECK_EQ(ask_kernel("lo", query), EAGAIN);
  CHECK(features_of(ask_kernel_about("lo")));
  CHECK_EQ(ask_kernel("", query), ENODEV);
  CHECK_EQ(ask_kernel("a-name-that-is-too-long", query), ENODEV);
}

// With any octets of any answer changed, and cut anywhere: nothing is read that is not there.
TEST(any_answers_are_survived) {
  const Driver sound = x710();
  Random random{23};
  for (int round = 0; round < 4'000; ++round) {
    Driver changed = sound;
    auto one = changed.answers.begin();
    std::advance(one, random.below(static_cast<std::uint32_t>(changed.answers.size())));
    Octets& answer = one->second;
    for (std::uint32_t changes = 1 + random.below(4); changes > 0; --changes)
      answer[random.below(std::min(static_cast<std::uint32_t>(answer.size()), 64U))] =
          static_cast<std::byte>(random.below(256));
    if (random.below(4) == 0) answer.resize(random.below(static_cast<std::uint32_t>(answer.size())));
    (void)ethtool_facts(changed);
    (void)ethtool_counters(changed);
  }
}
