// The BPF programs of this project: loaded, attached, pinned, and given to groups of other processes.
#include <algorithm>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "core/socket/fanout.hpp"
#include "host/bpf.hpp"
#include "host/descriptors.hpp"
#include "host/flow_dissector.hpp"
#include "host/steering.hpp"

namespace fanout::binding {
namespace {

std::string text_of(const Napi::Value& value) { return value.ToString().Utf8Value(); }
int fd_of(const Napi::Value& value) { return value.ToNumber().Int32Value(); }

SteeringProgram program_called(const std::string& name) {
  if (name == "dissect") return SteeringProgram::dissect;
  return name == "first" ? SteeringProgram::first : SteeringProgram::steer;
}

std::optional<SteeringKeys> keys_of(const Napi::Value& value) {
  SteeringKeys keys{};
  if (!value.IsTypedArray()) return std::nullopt;
  const auto given = value.As<Napi::BigUint64Array>();
  if (given.ElementLength() != keys.size()) return std::nullopt;
  std::copy(given.Data(), given.Data() + keys.size(), keys.begin());
  return keys;
}

// loadSteering({ program, name, policy, layers, keys }): a descriptor of the program; an error of the call has
// `verifier` where that refused.
Napi::Value load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto options = info[0].As<Napi::Object>();
  const auto loaded = load_steering(program_called(text_of(options.Get("program"))),
                                    {text_of(options.Get("name")), uint32_of(options, "policy"),
                                     uint64_of(options.Get("layers")), keys_of(options.Get("keys"))});
  if (const int* const descriptor = std::get_if<int>(&loaded)) return Napi::Number::New(env, *descriptor);
  const auto& refusal = std::get<SteeringRefusal>(loaded);
  Napi::Error error = make_sys_error(env, refusal.error);
  if (!refusal.verifier.empty()) error.Set("verifier", Napi::String::New(env, refusal.verifier));
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

// openPinned(path): a program or a link.
Napi::Value open_object(const Napi::CallbackInfo& info) {
  return descriptor_or_throw(info.Env(), open_pinned(text_of(info[0]).c_str()));
}

// pinObject(descriptor, path)
Napi::Value pin(const Napi::CallbackInfo& info) {
  return done_or_throw(info.Env(), pin_object(fd_of(info[0]), text_of(info[1]).c_str()));
}

// programInfo(descriptor): { id, type, user, name, loadedNs }
Napi::Value describe_program(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto program = program_info(fd_of(info[0]));
  if (!program) {
    throw_sys_error(env, program.error());
    return env.Undefined();
  }
  auto out = Napi::Object::New(env);
  out.Set("id", program->id);
  out.Set("type", program->type);
  out.Set("user", program->user);
  out.Set("name", program->name);
  out.Set("loadedNs", number(env, program->loaded_ns));
  return out;
}

// openProgram(id)
Napi::Value open_by_id(const Napi::CallbackInfo& info) {
  return descriptor_or_throw(info.Env(), open_program(info[0].ToNumber().Uint32Value()));
}

// programAfter(id): the id of the next program, or null
Napi::Value next_program(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto next = program_after(info[0].ToNumber().Uint32Value());
  if (!next) {
    throw_sys_error(env, next.error());
    return env.Undefined();
  }
  return *next ? Napi::Value{Napi::Number::New(env, **next)} : env.Null();
}

// linkInfo(descriptor): { program, netns, isDissector }
Napi::Value describe_link(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto link = link_info(fd_of(info[0]));
  if (!link) {
    throw_sys_error(env, link.error());
    return env.Undefined();
  }
  auto out = Napi::Object::New(env);
  out.Set("program", link->program);
  out.Set("netns", link->netns);
  out.Set("isDissector", link->attach_type == BPF_FLOW_DISSECTOR);
  return out;
}

// attachFlowDissector(netns, program): a descriptor of the link
Napi::Value attach(const Napi::CallbackInfo& info) {
  return descriptor_or_throw(info.Env(), attach_flow_dissector(text_of(info[0]).c_str(), fd_of(info[1])));
}

// replaceFlowDissector(link, program)
Napi::Value replace(const Napi::CallbackInfo& info) {
  return done_or_throw(info.Env(), replace_flow_dissector(fd_of(info[0]), fd_of(info[1])));
}

// hasContinue(program)
Napi::Value can_continue(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto answer = has_continue(fd_of(info[0]));
  if (!answer) {
    throw_sys_error(env, answer.error());
    return env.Undefined();
  }
  return Napi::Boolean::New(env, *answer);
}

// takeDescriptor(pid, number): a copy of a descriptor of another process
Napi::Value take(const Napi::CallbackInfo& info) {
  return descriptor_or_throw(info.Env(), take_descriptor(fd_of(info[0]), fd_of(info[1])));
}

// groupOf(descriptor): { id, mode, flags }, or null
Napi::Value group(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto membership = membership_of(fd_of(info[0]));
  if (!membership) return env.Null();
  auto out = Napi::Object::New(env);
  out.Set("id", membership->id);
  out.Set("mode", membership->mode);
  out.Set("flags", membership->flags);
  return out;
}

// steerGroup(socket, program)
Napi::Value steer(const Napi::CallbackInfo& info) {
  return done_or_throw(info.Env(), set_group_ebpf(fd_of(info[0]), fd_of(info[1])));
}

}  // namespace

void export_steering(Napi::Env env, Napi::Object exports) {
  exports.Set("loadSteering", Napi::Function::New<load>(env));
  exports.Set("openPinned", Napi::Function::New<open_object>(env));
  exports.Set("pinObject", Napi::Function::New<pin>(env));
  exports.Set("programInfo", Napi::Function::New<describe_program>(env));
  exports.Set("openProgram", Napi::Function::New<open_by_id>(env));
  exports.Set("programAfter", Napi::Function::New<next_program>(env));
  exports.Set("linkInfo", Napi::Function::New<describe_link>(env));
  exports.Set("attachFlowDissector", Napi::Function::New<attach>(env));
  exports.Set("replaceFlowDissector", Napi::Function::New<replace>(env));
  exports.Set("hasContinue", Napi::Function::New<can_continue>(env));
  exports.Set("takeDescriptor", Napi::Function::New<take>(env));
  exports.Set("groupOf", Napi::Function::New<group>(env));
  exports.Set("steerGroup", Napi::Function::New<steer>(env));
}

}  // namespace fanout::binding
