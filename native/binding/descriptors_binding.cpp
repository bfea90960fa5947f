// Descriptors: what they are given for, who inherits them, and their way between processes.
#include <fcntl.h>

#include <vector>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "host/descriptors.hpp"
#include "host/memory_file.hpp"

namespace fanout::binding {
namespace {

int descriptor_of(const Napi::Value& value) { return value.ToNumber().Int32Value(); }

// [ours, theirs], which the caller owns.
Napi::Value pair_or_throw(Napi::Env env, Result<Pair> pair) {
  if (!pair) {
    throw_sys_error(env, pair.error());
    return env.Undefined();
  }
  auto out = Napi::Array::New(env, 2);
  out.Set(0U, pair->first.release());
  out.Set(1U, pair->second.release());
  return out;
}

Napi::Value new_stream_pair(const Napi::CallbackInfo& info) { return pair_or_throw(info.Env(), stream_pair()); }
Napi::Value new_message_pair(const Napi::CallbackInfo& info) { return pair_or_throw(info.Env(), message_pair()); }

// sendDescriptor(channel, place, descriptor)
Napi::Value send_one(const Napi::CallbackInfo& info) {
  return done_or_throw(
      info.Env(), send_descriptor(descriptor_of(info[0]), info[1].ToNumber().Uint32Value(), descriptor_of(info[2])));
}

// receiveDescriptor(channel): { place, descriptor }, which the caller owns.
Napi::Value receive_one(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto received = receive_descriptor(descriptor_of(info[0]));
  if (!received) {
    throw_sys_error(env, received.error());
    return env.Undefined();
  }
  auto out = Napi::Object::New(env);
  out.Set("place", received->place);
  out.Set("descriptor", received->descriptor.release());
  return out;
}

// putInPlace(descriptor, place)
Napi::Value put(const Napi::CallbackInfo& info) {
  return done_or_throw(info.Env(), put_in_place(UniqueFd{descriptor_of(info[0])}, descriptor_of(info[1])));
}

// closeInherited(kept)
Napi::Value close_what_was_inherited(const Napi::CallbackInfo& info) {
  const auto list = info[0].As<Napi::Array>();
  std::vector<int> kept;
  for (std::uint32_t i = 0; i < list.Length(); ++i) kept.push_back(descriptor_of(list.Get(i)));
  return done_or_throw(info.Env(), close_inherited(kept));
}

// closeOnExec(descriptors)
Napi::Value close_on_exec(const Napi::CallbackInfo& info) {
  const auto list = info[0].As<Napi::Array>();
  for (std::uint32_t i = 0; i < list.Length(); ++i)
    if (::fcntl(list.Get(i).ToNumber().Int32Value(), F_SETFD, FD_CLOEXEC) != 0)
      return done_or_throw(info.Env(), SysError::from_errno("fcntl(F_SETFD)"));
  return info.Env().Undefined();
}

// sealedMemoryFile(name, bytes)
Napi::Value memory_file(const Napi::CallbackInfo& info) {
  return descriptor_or_throw(info.Env(), sealed_memory_file(info[0].ToString().Utf8Value().c_str(), bytes_of(info[1])));
}

}  // namespace

void export_descriptors(Napi::Env env, Napi::Object exports) {
  exports.Set("streamPair", Napi::Function::New<new_stream_pair>(env));
  exports.Set("messagePair", Napi::Function::New<new_message_pair>(env));
  exports.Set("sendDescriptor", Napi::Function::New<send_one>(env));
  exports.Set("receiveDescriptor", Napi::Function::New<receive_one>(env));
  exports.Set("putInPlace", Napi::Function::New<put>(env));
  exports.Set("closeOnExec", Napi::Function::New<close_on_exec>(env));
  exports.Set("sealedMemoryFile", Napi::Function::New<memory_file>(env));
  exports.Set("closeInherited", Napi::Function::New<close_what_was_inherited>(env));
}

}  // namespace fanout::binding
