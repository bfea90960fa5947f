#include "core/capture_file/prediction.hpp"

#include "core/packet/walk.hpp"

namespace fanout {
namespace {

const EpochWindow whole_file[1];

// The list of what is told, without messages.
struct Told {
  FlowMap& map;
  [[nodiscard]] static bool fits_another() noexcept { return true; }
  void append(const Observation& observation) noexcept { map.add(observation, 0, 0); }
};

}  // namespace

Prediction::Prediction(const Options& options, FlowMap flow_map) noexcept
    : seed_(options.seed), kernel_(options.kernel), flow_map_(std::move(flow_map)) {
  if (options.defrag) defragmenter_.emplace();
}

Result<Prediction> Prediction::create(const Options& options) noexcept {
  FlowMap::Limits limits;
  limits.members = FlowMap::placed_members;
  limits.flows_max = options.flows_max;
  limits.sights_max = options.sights_max;
  auto flow_map = FlowMap::create(limits, options.seed);
  if (!flow_map) return flow_map.error();
  return Prediction{options, std::move(*flow_map)};
}

void Prediction::add(std::span<const std::byte> frame, std::uint32_t wire_bytes, std::uint64_t time_ns) {
  now_ns_ = time_ns;
  if (time_ns != 0) {
    if (!start_ns_) start_ns_ = time_ns;
    latest_ns_ = time_ns;
  } else {
    time_ns = latest_ns_;
  }
  const std::uint64_t since_start_ns = time_ns > start_ns() ? time_ns - start_ns() : 0;
  if (!defragmenter_) return add_seen(frame, wire_bytes, since_start_ns);
  const Defragmenter::Seen seen = defragmenter_->take(frame, wire_bytes, since_start_ns);
  if (!seen.frame.empty()) add_seen(seen.frame, seen.wire_bytes, since_start_ns);
}

void Prediction::add_seen(std::span<const std::byte> frame, std::uint32_t wire_bytes, std::uint64_t time_ns) {
  Dissection packet = dissect(frame, {}, seed_, kernel_);
  Amount amount{wire_bytes, time_ns, time_ns, 1, 0};
  if (packet.fragment.datagram != 0 && packet.kind == PacketKind::fragment_later &&
      !datagrams_.continue_with(packet, amount)) {
    if (datagrams_.has_due()) tell_datagrams();
    return;
  }
  if (packet.kind != PacketKind::flow) return ignored_.add(packet);
  tell_copies(frame, packet, amount);
  tell(packet, amount);
  if (packet.fragment.datagram == 0 || packet.fragment.begin != 0) return;
  const auto [waited, marks, tags] = datagrams_.begin(packet, time_ns);
  if (waited.packets == 0) return;
  packet.marks = marks;
  packet.tags = tags;
  tell(packet, waited);
}

// Of packets that are copies the same mark, of those that are only alike another one.
void Prediction::tell_copies(std::span<const std::byte> frame, Dissection& packet, Amount& amount) {
  // Beside others that have one: of this packet nothing is known.
  if (now_ns_ == 0 && has_times()) return;
  const std::uint64_t content = content_hash_of(frame, packet, seed_);
  if (now_ns_ != 0 && copies_.looks_at(content)) copies_.look(frame, packet, content, now_ns_, false, seed_);
  const std::uint64_t of_flow = mix(content, packet.flow_hash ^ static_cast<std::uint64_t>(packet.direction));
  const Repeats::Seen seen = repeats_.see(of_flow, now_ns_);
  if (seen.again) {
    packet.marks |= mark_repeated;
    has_alike_ = true;
  }
  amount.content = content::mark(rank_of_hash(seeded_mix(content, seen.instance, seed_)), 0);
}

void Prediction::tell(const Dissection& packet, const Amount& amount) {
  packets_ += amount.packets;
  flow_map_.add(
      Observation{directed(packet.key, packet.direction), packet.stack, packet.kernel_key, amount.packets, amount.bytes,
                  amount.first_ns, amount.last_ns, packet.marks, told_tags(packet), amount.content, 0},
      0, 0);
}

void Prediction::tell_datagrams() {
  Told told{flow_map_};
  (void)datagrams_.write_due(told);
}

void Prediction::finish() {
  datagrams_.settle();
  tell_datagrams();
}

Evidence Prediction::evidence(std::size_t violations_max) const {
  return flow_map_.evidence(whole_file, violations_max, basis());
}

std::vector<ObservedFlow> Prediction::flows(std::size_t max) const { return flow_map_.flows(whole_file, max, basis()); }

FlowMap::Basis Prediction::basis() const noexcept {
  return {.placement = FlowMap::Placement::by_kernel_key, .copies_are_told = has_times()};
}

FlowMap::Basis Prediction::basis_of_replay() const noexcept {
  return {.copies_are_told = has_times(), .file = &flow_map_};
}

bool CapturePrediction::on_frame(std::span<const std::byte> frame, const CaptureRecord& record) noexcept {
  note_dissection(dissect(frame, {}, {}), record);
  plain_.add(frame, record.wire_bytes, record.time_ns);
  defragmented_.add(frame, record.wire_bytes, record.time_ns);
  return true;
}

void CapturePrediction::finish() noexcept {
  CaptureFrames::finish();
  plain_.finish();
  defragmented_.finish();
}

}  // namespace fanout
