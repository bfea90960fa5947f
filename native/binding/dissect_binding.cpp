// dissectFrame(): what a worker makes of one frame.
#include <array>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "binding/flow_text.hpp"
#include "binding/kernel_model_from_js.hpp"
#include "core/packet/dissect.hpp"

namespace fanout::binding {
namespace {

const char* kind_text(PacketKind kind) {
  switch (kind) {
    case PacketKind::flow:
      return "flow";
    case PacketKind::other_ethertype:
      return "other-ethertype";
    case PacketKind::other_protocol:
      return "other-protocol";
    case PacketKind::icmp_error:
      return "icmp-error";
    case PacketKind::icmp_other:
      return "icmp-other";
    case PacketKind::fragment_later:
      return "fragment-later";
    case PacketKind::truncated:
      return "truncated";
    case PacketKind::malformed:
      return "malformed";
  }
  return "";
}

Napi::Array marks_to_js(Napi::Env env, std::uint8_t marks) {
  struct Name {
    std::uint8_t mark;
    const char* text;
  };
  constexpr std::array names{Name{mark_flow_label, "flow-label"}, Name{mark_fragment, "fragment"},
                             Name{mark_stale_ipv6, "stale-ipv6"}, Name{mark_echo_request, "echo-request"},
                             Name{mark_icmp_error, "icmp-error"}, Name{mark_sent_tagged, "sent-tagged"}};
  auto out = Napi::Array::New(env);
  for (const Name& name : names)
    if ((marks & name.mark) != 0) out.Set(out.Length(), name.text);
  return out;
}

// dissectFrame(frame, { tagTci?, sentFrom?, kernel? }?)
Napi::Value dissect_frame(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto bytes = typed_array<std::uint8_t>(env, info[0], napi_uint8_array, "frame");
  if (!bytes) return env.Undefined();
  const auto frame = std::as_bytes(*bytes);
  const auto how = info[1].IsObject() ? info[1].As<Napi::Object>() : Napi::Object::New(env);
  StrippedTag tag;
  if (const auto tci_given = property(how, "tagTci"); tci_given) {
    const auto tci = integer_in(env, *tci_given, "tagTci", 0, 0xffff);
    if (!tci) return env.Undefined();
    tag = {.present = true, .tci = static_cast<std::uint16_t>(*tci)};
  }
  const KernelModel kernel = kernel_model_from_js(how).value_or(KernelModel{});
  Dissection found;
  if (const auto sent = property(how, "sentFrom"); sent && sent->IsObject()) {
    const auto from = sent->As<Napi::Object>();
    const auto protocol = integer_in(env, from.Get("protocol"), "protocol", 0, 0xffff);
    if (!protocol) return env.Undefined();
    const auto network_at = integer_in(env, from.Get("networkAt"), "networkAt", 0, 0xffff);
    if (!network_at) return env.Undefined();
    const NetworkStart where{static_cast<std::uint16_t>(*protocol), static_cast<std::uint16_t>(*network_at)};
    found = dissect_sent(frame, tag, where, HashSeed{}, kernel);
  } else {
    found = dissect(frame, tag, HashSeed{}, kernel);
  }
  if (tag.present) found.tags = with_tag(found, tag);
  auto out = Napi::Object::New(env);
  out.Set("kind", kind_text(found.kind));
  out.Set("stack", found.stack.text());
  out.Set("kernelKey", hex64(found.kernel_key));
  out.Set("marks", marks_to_js(env, found.marks));
  out.Set("tags", Napi::Number::New(env, found.tags));
  out.Set("ethertype", Napi::Number::New(env, found.ethertype));
  out.Set("protocol", Napi::Number::New(env, found.protocol));
  if (found.kind != PacketKind::flow) return out;
  out.Set("flow", flow_to_js(env, found.key));
  out.Set("direction", direction_text(found.direction));
  return out;
}

}  // namespace

void export_dissect(Napi::Env env, Napi::Object exports) {
  exports.Set("dissectFrame", Napi::Function::New<dissect_frame>(env, "dissectFrame"));
}

}  // namespace fanout::binding
