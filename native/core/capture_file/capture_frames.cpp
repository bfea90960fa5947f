#include "core/capture_file/capture_frames.hpp"

#include <linux/if_ether.h>

#include <optional>

namespace fanout {
namespace {

std::optional<LeftOutReason> refusal(Convertible convertible) noexcept {
  switch (convertible) {
    case Convertible::yes:
      return std::nullopt;
    case Convertible::link_type:
      return LeftOutReason::link_type;
    case Convertible::protocol:
      return LeftOutReason::protocol;
    case Convertible::encrypted:
      return LeftOutReason::encrypted;
    case Convertible::cut:
      return LeftOutReason::cut;
  }
  return LeftOutReason::link_type;
}

// skb_vlan_untag() frees a packet that has less than two octets behind its first tag, and no socket ever sees it.
bool is_cut_in_tag(std::span<const std::byte> frame) noexcept {
  const unsigned type = std::to_integer<unsigned>(frame[12]) << 8 | std::to_integer<unsigned>(frame[13]);
  return (type == ETH_P_8021Q || type == ETH_P_8021AD) && frame.size() < ETH_HLEN + 4 + 2;
}

}  // namespace

void CaptureFrames::restart() noexcept {
  parser_ = {};
  counts_ = {};
}

bool CaptureFrames::on_record(const CaptureRecord& record) noexcept {
  LinkFrame link = as_ethernet(record.link_type, record.bytes);
  bool is_wanted = take(link, record);
  while (!link.more.empty()) {
    link = next_aggregated(link.more);
    // What was begun is brought to its end: the parser cannot stop inside a packet.
    is_wanted = take(link, record) && is_wanted;
  }
  return is_wanted;
}

bool CaptureFrames::take(const LinkFrame& link, const CaptureRecord& record) noexcept {
  if (const auto reason = refusal(link.convertible)) {
    leave_out(*reason, record.link_type);
    return true;
  }
  if (link.size() > frame_bytes_max_) {
    leave_out(LeftOutReason::too_long, record.link_type);
    return true;
  }
  std::span<const std::byte> frame = link.rest;
  if (link.header_bytes != 0) {
    made_.assign(link.header.begin(), link.header.begin() + link.header_bytes);
    made_.insert(made_.end(), link.rest.begin(), link.rest.end());
    frame = made_;
  }
  if (is_cut_in_tag(frame)) {
    leave_out(LeftOutReason::cut, record.link_type);
    return true;
  }
  ++counts_.frames;
  return on_frame(frame, record);
}

void CaptureFrames::note_dissection(const Dissection& dissection, const CaptureRecord& record) noexcept {
  if (dissection.kind == PacketKind::truncated && record.bytes.size() < record.wire_bytes) ++counts_.cut_headers;
}

void CaptureFrames::leave_out(LeftOutReason reason, std::uint16_t link_type) noexcept {
  for (LeftOut& entry : std::span{counts_.left_out}.first(counts_.left_out_used)) {
    if (entry.reason != reason || entry.link_type != link_type) continue;
    ++entry.packets;
    return;
  }
  if (counts_.left_out_used == counts_.left_out.size()) {
    ++counts_.left_out_otherwise;
    return;
  }
  counts_.left_out[counts_.left_out_used++] = {reason, link_type, 1};
}

}  // namespace fanout
