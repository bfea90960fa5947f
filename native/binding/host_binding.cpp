// Interfaces and links of this host.
#include <cerrno>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "binding/interface_to_js.hpp"
#include "host/flow_dissector.hpp"
#include "host/interface.hpp"
#include "host/link.hpp"
#include "host/namespace.hpp"

namespace fanout::binding {
namespace {

Napi::Value describe(const Napi::CallbackInfo& info) {
  const auto described = describe_interface(info[0].ToString().Utf8Value().c_str());
  if (!described) {
    throw_sys_error(info.Env(), described.error());
    return info.Env().Undefined();
  }
  return interface_to_js(info.Env(), *described);
}

// interfaceName(index): the name it has now, or null if there is none of this index any more.
Napi::Value name_of_interface(const Napi::CallbackInfo& info) {
  const auto name = interface_name(info[0].ToNumber().Int32Value());
  if (name) return Napi::String::New(info.Env(), *name);
  if (name.error().code == ENODEV) return info.Env().Null();
  throw_sys_error(info.Env(), name.error());
  return info.Env().Undefined();
}

// linkState(ifindex): what LinkState has, or null if there is no such interface any more.
Napi::Value link_state_of(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto link = link_state(info[0].ToNumber().Int32Value());
  if (!link) {
    if (link.error().code == ENODEV) return env.Null();
    throw_sys_error(env, link.error());
    return env.Undefined();
  }
  auto out = Napi::Object::New(env);
  if (!link->kind.empty()) out.Set("kind", link->kind);
  if (!link->mode.empty()) out.Set("mode", link->mode);
  out.Set("running", link->running);
  out.Set("rxPackets", number(env, link->rx_packets));
  out.Set("txPackets", number(env, link->tx_packets));
  if (link->xdp) {
    auto xdp = Napi::Object::New(env);
    xdp.Set("program", Napi::Number::New(env, link->xdp->program));
    xdp.Set("isGeneric", link->xdp->generic);
    out.Set("xdp", xdp);
  }
  if (!link->offloads.empty())
    out.Set("offloads",
            array_of(env, link->offloads, [&](const std::string& name) { return Napi::String::New(env, name); }));
  if (link->hardware) out.Set("isHardware", true);
  if (link->key_bytes != 0) out.Set("keyBytes", Napi::Number::New(env, link->key_bytes));
  if (link->channels) {
    auto channels = Napi::Object::New(env);
    channels.Set("used", Napi::Number::New(env, link->channels->used));
    channels.Set("most", Napi::Number::New(env, link->channels->most));
    channels.Set("isCombined", link->channels->combined);
    out.Set("channels", channels);
  }
  if (link->receive_rings) out.Set("receiveRings", Napi::Number::New(env, *link->receive_rings));
  return out;
}

// plainLink(ifindex): what anybody may know of a link without its driver, or null if there is no such interface any
// more.
Napi::Value plain_link(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto link = plain_link_state(info[0].ToNumber().Int32Value());
  if (!link) {
    if (link.error().code == ENODEV) return env.Null();
    throw_sys_error(env, link.error());
    return env.Undefined();
  }
  auto out = Napi::Object::New(env);
  out.Set("kind", link->kind);
  out.Set("isUp", link->up);
  out.Set("isRunning", link->running);
  out.Set("isLoopback", link->loopback);
  out.Set("mtu", number(env, link->mtu));
  out.Set("promiscuity", number(env, link->promiscuity));
  out.Set("master", link->master);
  if (link->xdp) {
    auto xdp = Napi::Object::New(env);
    xdp.Set("program", number(env, link->xdp->program));
    xdp.Set("attached", number(env, link->xdp->attached));
    out.Set("xdp", xdp);
  }
  if (link->losses) {
    auto losses = Napi::Object::New(env);
    losses.Set("dropped", number(env, link->losses->dropped));
    losses.Set("missed", number(env, link->losses->missed));
    losses.Set("fifo", number(env, link->losses->fifo));
    losses.Set("over", number(env, link->losses->over));
    out.Set("losses", losses);
  }
  return out;
}

// ingressDisciplines(ifindex): their kinds.
Napi::Value disciplines_of(const Napi::CallbackInfo& info) {
  const auto kinds = ingress_disciplines(info[0].ToNumber().Int32Value());
  if (!kinds) {
    throw_sys_error(info.Env(), kinds.error());
    return info.Env().Undefined();
  }
  return array_of(info.Env(), *kinds, [&](const std::string& kind) { return Napi::String::New(info.Env(), kind); });
}

// flowDissector(netns): the id of the BPF program in the place of the kernel's flow dissector there, or null if there
// is none.
Napi::Value flow_dissector(const Napi::CallbackInfo& info) {
  const auto program = attached_flow_dissector(info[0].ToString().Utf8Value().c_str());
  if (!program) {
    throw_sys_error(info.Env(), program.error());
    return info.Env().Undefined();
  }
  if (!*program) return info.Env().Null();
  return Napi::Number::New(info.Env(), **program);
}

// enterNetworkNamespace(path)
Napi::Value enter_namespace(const Napi::CallbackInfo& info) {
  return done_or_throw(info.Env(), enter_network_namespace(info[0].ToString().Utf8Value().c_str()));
}

}  // namespace

void export_host(Napi::Env env, Napi::Object exports) {
  exports.Set("describeInterface", Napi::Function::New<describe>(env));
  exports.Set("interfaceName", Napi::Function::New<name_of_interface>(env));
  exports.Set("linkState", Napi::Function::New<link_state_of>(env));
  exports.Set("plainLink", Napi::Function::New<plain_link>(env));
  exports.Set("ingressDisciplines", Napi::Function::New<disciplines_of>(env));
  exports.Set("enterNetworkNamespace", Napi::Function::New<enter_namespace>(env));
  exports.Set("flowDissector", Napi::Function::New<flow_dissector>(env));
}

}  // namespace fanout::binding
