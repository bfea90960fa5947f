// Any bytes as a sequence of frames: two octets of length, one of time, then the frame. Both groups are predicted, and
// every packet must be accounted for; no choice of the tool's own, such as the seed of its tables, may show in what is
// said of a flow.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core/capture_file/prediction.hpp"

// The entry point of libFuzzer, which also replay_main.cpp calls.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

using namespace fanout;

void require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}

struct Frame {
  std::vector<std::byte> bytes;  // a copy of its own, so that the sanitizer sees what is read beyond it
  std::uint32_t wire_bytes = 0;
  std::uint64_t time_ns = 0;
};

std::vector<Frame> frames_of(std::span<const std::byte> input) {
  std::vector<Frame> out;
  std::uint64_t now_ns = 1'700'000'000'000'000'000;
  while (input.size() >= 3) {
    const auto octet = [&](std::size_t at) { return std::to_integer<std::size_t>(input[at]); };
    const std::size_t wanted = octet(0) << 8 | octet(1);
    // Mostly neighbours, some a minute apart, and some back in time.
    const std::size_t step = octet(2);
    now_ns += step < 250 ? step * 1'000 : (step == 250 ? std::uint64_t{0} - 1'000'000'000 : 12'000'000'000);
    input = input.subspan(3);
    const std::size_t length = std::min(wanted, input.size());
    // A length that is not there is what a snap length leaves of a frame.
    if (length > 0)
      out.push_back({{input.begin(), input.begin() + static_cast<std::ptrdiff_t>(length)},
                     static_cast<std::uint32_t>(wanted),
                     now_ns});
    input = input.subspan(length);
  }
  return out;
}

constexpr std::uint32_t flows_max = 64, sights_max = 1024;

Prediction predicted(const std::vector<Frame>& frames, bool defrag, HashSeed seed) {
  auto prediction =
      Prediction::create({.defrag = defrag, .flows_max = flows_max, .sights_max = sights_max, .seed = seed});
  if (!prediction) std::abort();
  for (const Frame& f : frames) prediction->add(f.bytes, f.wire_bytes, f.time_ns);
  prediction->finish();
  return std::move(*prediction);
}

std::uint64_t accounted(const Prediction& prediction, const Evidence& e) {
  std::uint64_t packets =
      e.judged_packets + e.unjoined_fragments + e.unmatched_errors + prediction.tally().untracked_packets;
  for (const IgnoredCounts::Entry& entry : prediction.ignored()) packets += entry.packets;
  return packets;
}

void check_evidence(const Evidence& e, std::size_t violations_max) {
  const FlowCounts& f = e.flows;
  const std::uint64_t violated = f.split + f.asymmetric + f.duplicated;
  require(f.total == f.one_way + f.consistent + violated, "every flow has one verdict");
  require(e.violations.size() + e.violations_omitted == violated && e.violations.size() <= violations_max,
          "every violation is listed or omitted");
  for (const Violation& v : e.violations) {
    require(!v.signature.one_kernel_key, "packets of one key are together");
    require(v.sights.size() > 1, "a violation has more than one key");
  }
}

// Copies are told by the least of some packets, and which is least is a matter of the seed: whether a flow is split is
// not.
bool alike(const Evidence& x, const Evidence& y) {
  const auto kept = [](const Evidence& e) { return e.flows.one_way + e.flows.consistent; };
  return x.flows.total == y.flows.total && kept(x) == kept(y) && x.two_way == y.two_way &&
         x.judged_packets == y.judged_packets && x.unjoined_fragments == y.unjoined_fragments &&
         x.unmatched_errors == y.unmatched_errors;
}

void check_plain(const std::vector<Frame>& frames) {
  const Prediction prediction = predicted(frames, false, HashSeed{1});
  const Evidence e = prediction.evidence(4);
  check_evidence(e, 4);
  require(accounted(prediction, e) == frames.size(), "every packet is accounted for");
  require(prediction.counts().unseen == 0, "without reassembly nothing is kept back");
  require(prediction.flows(1000).size() <= flows_max, "flows are bounded");
  if (prediction.tally().untracked_packets != 0) return;
  const Prediction other = predicted(frames, false, HashSeed{0xfeedface});
  require(alike(e, other.evidence(4)), "the same evidence, whatever the seed");
}

void check_defragmented(const std::vector<Frame>& frames) {
  Defragmenter defragmenter;
  std::uint64_t seen = 0;
  for (const Frame& f : frames) {
    const std::uint64_t start_ns = frames.front().time_ns;
    const std::uint64_t since_start_ns = f.time_ns > start_ns ? f.time_ns - start_ns : 0;
    const Defragmenter::Seen out = defragmenter.take(f.bytes, f.wire_bytes, since_start_ns);
    if (out.frame.empty()) continue;
    ++seen;
    const bool is_same = out.frame.data() == f.bytes.data();
    require(!is_same || (out.frame.size() == f.bytes.size() && out.wire_bytes == f.wire_bytes),
            "what passes is not changed");
    require(is_same || out.frame.size() <= 18 + 60 + 512, "of a whole packet only the beginning is kept");
  }
  require(seen + defragmenter.lost() <= frames.size(), "a packet is seen or lost");

  const Prediction prediction = predicted(frames, true, HashSeed{1});
  const Evidence e = prediction.evidence(4);
  check_evidence(e, 4);
  require(accounted(prediction, e) == seen, "every packet that is seen is accounted for");
  require(prediction.counts().unseen == defragmenter.lost(), "so is what is kept back");
}

}  // namespace

int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::vector<Frame> frames = frames_of(std::as_bytes(std::span{data, size}));
  check_plain(frames);
  check_defragmented(frames);
  return 0;
}
