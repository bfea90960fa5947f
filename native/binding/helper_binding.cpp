// Processes that keep one right each, for what this one may do no more; and a name for a file without one.
#include <fcntl.h>

#include <optional>
#include <utility>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "binding/ids_from_js.hpp"
#include "host/helper.hpp"

namespace fanout::binding {
namespace {

class LinkHelperObject : public Napi::ObjectWrap<LinkHelperObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "LinkHelper",
        {InstanceMethod<&LinkHelperObject::flap>("flap"), InstanceAccessor<&LinkHelperObject::channel>("channel")});
  }

  // new LinkHelper({ interface, uid?, gid? }), or new LinkHelper({ channel }) for one that was started before this
  // program was replaced.
  explicit LinkHelperObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LinkHelperObject>(info) {
    const auto o = info[0].As<Napi::Object>();
    if (const auto channel = property(o, "channel")) {
      helper_.emplace(UniqueFd{static_cast<int>(channel->ToNumber().Int32Value())});
      return;
    }
    const Ids ids = ids_of(o);
    auto started = LinkHelper::start(o.Get("interface").ToString().Utf8Value(), property(o, "uid") ? &ids : nullptr);
    if (started)
      helper_.emplace(std::move(*started));
    else
      throw_sys_error(info.Env(), started.error());
  }

 private:
  Napi::Value flap(const Napi::CallbackInfo& info) { return done_or_throw(info.Env(), helper_->flap()); }
  Napi::Value channel(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), helper_->channel()); }

  std::optional<LinkHelper> helper_;
};

// startFileHelper({ directory, temporary, target, mode, uid, gid }): { channel, pid }, of which the caller owns the
// channel.
Napi::Value start_file_helper(const Napi::CallbackInfo& info) {
  const auto o = info[0].As<Napi::Object>();
  const auto text = [&](const char* name) { return o.Get(name).ToString().Utf8Value(); };
  auto started = FileHelper::start(
      {static_cast<int>(uint32_of(o, "directory")), text("temporary"), text("target"), uint32_of(o, "mode")},
      ids_of(o));
  if (!started) {
    throw_sys_error(info.Env(), started.error());
    return info.Env().Undefined();
  }
  auto out = Napi::Object::New(info.Env());
  out.Set("channel", started->take_channel().release());
  out.Set("pid", started->pid());
  return out;
}

// nameFile(file, temporary, target): paths in one directory.
Napi::Value name_file(const Napi::CallbackInfo& info) {
  const auto text = [&](std::size_t n) { return info[n].ToString().Utf8Value(); };
  return done_or_throw(info.Env(),
                       give_name(info[0].ToNumber().Int32Value(), AT_FDCWD, text(1).c_str(), text(2).c_str()));
}

}  // namespace

void export_helper(Napi::Env env, Napi::Object exports) {
  exports.Set("LinkHelper", LinkHelperObject::define(env));
  exports.Set("startFileHelper", Napi::Function::New<start_file_helper>(env));
  exports.Set("nameFile", Napi::Function::New<name_file>(env));
}

}  // namespace fanout::binding
