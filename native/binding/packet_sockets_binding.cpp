// Packet sockets of whatever program, and what can be known of those that are in fanout groups.
#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "binding/interface_to_js.hpp"
#include "host/member.hpp"
#include "host/packet_diag.hpp"
#include "host/packet_namespace.hpp"

namespace fanout::binding {
namespace {

Napi::Object socket_to_js(Napi::Env env, const PacketSocketInfo& socket) {
  auto out = Napi::Object::New(env);
  out.Set("inode", Napi::Number::New(env, socket.inode));
  out.Set("ifindex", Napi::Number::New(env, socket.ifindex));
  out.Set("protocol", Napi::Number::New(env, socket.protocol));
  if (socket.uid) out.Set("uid", Napi::Number::New(env, *socket.uid));
  if (socket.fanout) {
    out.Set("groupId", Napi::Number::New(env, socket.fanout->id));
    out.Set("mode", Napi::Number::New(env, socket.fanout->mode));
  }
  return out;
}

Napi::Object ring_to_js(Napi::Env env, const PacketSocketInfo::Ring& ring) {
  auto out = Napi::Object::New(env);
  out.Set("blockBytes", Napi::Number::New(env, ring.block_bytes));
  out.Set("blockCount", Napi::Number::New(env, ring.block_count));
  out.Set("frameBytes", Napi::Number::New(env, ring.frame_bytes));
  out.Set("frameCount", Napi::Number::New(env, ring.frame_count));
  out.Set("retireMs", Napi::Number::New(env, ring.retire_ms));
  return out;
}

void set_filter(Napi::Env env, Napi::Object out, const PacketSocketInfo& socket) {
  using Kind = PacketSocketInfo::FilterKind;
  if (socket.filter_kind == Kind::untold || socket.filter_kind == Kind::forbidden) return;
  out.Set("filter", array_of(env, socket.filter, [&](std::uint64_t word) { return Napi::BigInt::New(env, word); }));
}

Napi::Object full_socket_to_js(Napi::Env env, const PacketSocketInfo& socket) {
  auto out = socket_to_js(env, socket);
  out.Set("cookie", Napi::BigInt::New(env, socket.cookie));
  out.Set("tpacketVersion", Napi::Number::New(env, socket.tpacket_version + 1));
  out.Set("isRunning", socket.running);
  if (socket.receive_ring) out.Set("receiveRing", ring_to_js(env, *socket.receive_ring));
  if (socket.memory) {
    out.Set("queuedBytes", Napi::Number::New(env, socket.memory->queued_bytes));
    out.Set("receiveBufferBytes", Napi::Number::New(env, socket.memory->receive_buffer_bytes));
    out.Set("drops", Napi::Number::New(env, socket.memory->drops));
  }
  if (socket.promiscuous) out.Set("isPromiscuous", *socket.promiscuous);
  set_filter(env, out, socket);
  return out;
}

Napi::Value packet_sockets(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto list = list_packet_sockets(Detail::groups);
  if (!list) {
    throw_sys_error(env, list.error());
    return env.Undefined();
  }
  return array_of(env, list->sockets, [&](const PacketSocketInfo& socket) { return socket_to_js(env, socket); });
}

// packetNamespace(path)
Napi::Value packet_namespace(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto found = inspect_namespace(info[0].ToString().Utf8Value().c_str());
  if (!found) {
    throw_sys_error(env, found.error());
    return env.Undefined();
  }
  auto out = Napi::Object::New(env);
  out.Set("inode", number(env, found->inode));
  out.Set("isInterrupted", found->list.is_interrupted);
  out.Set("sockets", array_of(env, found->list.sockets,
                              [&](const PacketSocketInfo& socket) { return full_socket_to_js(env, socket); }));
  out.Set("interfaces", array_of(env, found->interfaces,
                                 [&](const InterfaceInfo& interface) { return interface_to_js(env, interface); }));
  return out;
}

const char* name_of(MemberFacts::Filter filter) noexcept {
  switch (filter) {
    case MemberFacts::Filter::none:
      return "none";
    case MemberFacts::Filter::classic:
      return "classic";
    case MemberFacts::Filter::ebpf:
      return "ebpf";
    default:
      return nullptr;
  }
}

// memberFacts({ pid, descriptor, inode, cookie, groupId })
Napi::Value facts_of_member(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto place = info[0].As<Napi::Object>();
  const auto number_of = [&](const char* name) { return place.Get(name).ToNumber(); };
  const auto facts =
      member_facts({number_of("pid").Int32Value(), number_of("descriptor").Int32Value(), uint64_of(place.Get("inode")),
                    uint64_of(place.Get("cookie")), static_cast<std::uint16_t>(uint32_of(place, "groupId"))});
  if (!facts) {
    throw_sys_error(env, facts.error());
    return env.Undefined();
  }
  auto out = Napi::Object::New(env);
  out.Set("mode", Napi::Number::New(env, facts->mode));
  out.Set("flags", Napi::Number::New(env, facts->flags << 8));
  if (facts->rollover) {
    auto rollover = Napi::Object::New(env);
    rollover.Set("all", number(env, facts->rollover->all));
    rollover.Set("huge", number(env, facts->rollover->huge));
    rollover.Set("failed", number(env, facts->rollover->failed));
    out.Set("rollover", rollover);
  }
  if (const char* const filter = name_of(facts->filter); filter != nullptr) {
    out.Set("filterKind", filter);
    out.Set("filterInstructions", Napi::Number::New(env, facts->filter_instructions));
  }
  return out;
}

}  // namespace

void export_packet_sockets(Napi::Env env, Napi::Object exports) {
  exports.Set("packetSockets", Napi::Function::New<packet_sockets>(env));
  exports.Set("packetNamespace", Napi::Function::New<packet_namespace>(env));
  exports.Set("memberFacts", Napi::Function::New<facts_of_member>(env));
}

}  // namespace fanout::binding
