// What needs a privilege, and giving it up.
#include <fcntl.h>
#include <sys/syscall.h>

#include <iterator>
#include <utility>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "core/base/deadly_call.hpp"
#include "core/socket/fanout.hpp"
#include "host/helper.hpp"
#include "host/memory_file.hpp"
#include "core/socket/packet_socket.hpp"
#include "host/privileges.hpp"
#include "host/seccomp.hpp"

namespace fanout::binding {
namespace {

Napi::Value done_or_throw(Napi::Env env, const Status& status) {
  if (!status) throw_sys_error(env, status.error());
  return env.Undefined();
}

// The caller owns what it is given: closing it is its affair.
Napi::Value descriptor_or_throw(Napi::Env env, Result<UniqueFd> fd) {
  if (!fd) {
    throw_sys_error(env, fd.error());
    return env.Undefined();
  }
  return Napi::Number::New(env, fd->release());
}

Ids ids_of(const Napi::Object& o) { return {uint32_of(o, "uid"), uint32_of(o, "gid")}; }

// hasFanoutArgs(descriptor): whether this kernel takes groups with a limit of members. The packet socket stays as it is.
Napi::Value fanout_args(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), has_fanout_args(info[0].ToNumber().Int32Value()));
}

// openPacketSocket(fromNetworkHeader): a packet socket with protocol 0, which gets nothing yet.
Napi::Value open_packet_socket(const Napi::CallbackInfo& info) {
  const bool from_network = info[0].ToBoolean();
  return descriptor_or_throw(info.Env(), PacketSocket::open_descriptor(from_network ? PacketSocket::From::network_header
                                                                                    : PacketSocket::From::link_header));
}

// openPinnedProgram(path)
Napi::Value open_program(const Napi::CallbackInfo& info) {
  return descriptor_or_throw(info.Env(), open_pinned_program(info[0].ToString().Utf8Value().c_str()));
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

// become({ uid, gid })
Napi::Value become_user(const Napi::CallbackInfo& info) {
  return done_or_throw(info.Env(), become(ids_of(info[0].As<Napi::Object>())));
}

Napi::Value refuse_reaching(const Napi::CallbackInfo& info) { return done_or_throw(info.Env(), refuse_reaching_out()); }

// confineCapture(first, count): `count` packet sockets, from the descriptor `first` on.
Napi::Value confine_to_capture(const Napi::CallbackInfo& info) {
  return done_or_throw(info.Env(), confine_capture(info[0].ToNumber().Int32Value(), info[1].ToNumber().Int32Value()));
}

// What a run needs of the kernel beside what Node.js has called by the time that this is loaded.
constexpr std::pair<const char*, long> needed_calls[] = {
    {"bind", SYS_bind},
    {"capget", SYS_capget},
    {"capset", SYS_capset},
    {"chdir", SYS_chdir},
    {"clone3", SYS_clone3},
    {"dup3", SYS_dup3},
    {"execve", SYS_execve},
    {"fchmod", SYS_fchmod},
    {"getsockopt", SYS_getsockopt},
    {"memfd_create", SYS_memfd_create},
    {"recvfrom", SYS_recvfrom},
    {"recvmsg", SYS_recvmsg},
    {"sched_getaffinity", SYS_sched_getaffinity},
    {"sendfile", SYS_sendfile},
    {"sendmsg", SYS_sendmsg},
    {"sendto", SYS_sendto},
    {"setgroups", SYS_setgroups},
    {"setresgid", SYS_setresgid},
    {"setresuid", SYS_setresuid},
    {"setsockopt", SYS_setsockopt},
    {"shutdown", SYS_shutdown},
    {"socket", SYS_socket},
    {"socketpair", SYS_socketpair},
    {"tgkill", SYS_tgkill},
};

// deadlyCalls(): names of the system calls that a run needs and that a filter kills this process for.
Napi::Value deadly_calls(const Napi::CallbackInfo& info) {
  auto names = Napi::Array::New(info.Env());
  for (const auto& [name, call] : needed_calls)
    if (is_deadly(call)) names.Set(names.Length(), name);
  return names;
}

class LinkHelperObject : public Napi::ObjectWrap<LinkHelperObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "LinkHelper",
        {InstanceMethod<&LinkHelperObject::flap>("flap"), InstanceAccessor<&LinkHelperObject::channel>("channel")});
  }

  // new LinkHelper({ interface, uid?, gid? }), or new LinkHelper({ channel }) for one that was started before this program was
  // replaced.
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

// startFileHelper({ directory, temporary, target, mode, uid, gid }): { channel, pid }, of which the caller owns the channel.
Napi::Value start_file_helper(const Napi::CallbackInfo& info) {
  const auto o = info[0].As<Napi::Object>();
  const auto text = [&](const char* name) { return o.Get(name).ToString().Utf8Value(); };
  auto started = FileHelper::start(
      {static_cast<int>(uint32_of(o, "directory")), text("temporary"), text("target"), uint32_of(o, "mode")}, ids_of(o));
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
  return done_or_throw(info.Env(), give_name(info[0].ToNumber().Int32Value(), AT_FDCWD, text(1).c_str(), text(2).c_str()));
}

}  // namespace

void export_privileges(Napi::Env env, Napi::Object exports) {
  exports.Set("openPacketSocket", Napi::Function::New<open_packet_socket>(env));
  exports.Set("hasFanoutArgs", Napi::Function::New<fanout_args>(env));
  exports.Set("openPinnedProgram", Napi::Function::New<open_program>(env));
  exports.Set("deadlyCalls", Napi::Function::New<deadly_calls>(env));
  exports.Set("closeOnExec", Napi::Function::New<close_on_exec>(env));
  exports.Set("sealedMemoryFile", Napi::Function::New<memory_file>(env));
  exports.Set("become", Napi::Function::New<become_user>(env));
  exports.Set("refuseReachingOut", Napi::Function::New<refuse_reaching>(env));
  exports.Set("confineCapture", Napi::Function::New<confine_to_capture>(env));
  exports.Set("LinkHelper", LinkHelperObject::define(env));
  exports.Set("startFileHelper", Napi::Function::New<start_file_helper>(env));
  exports.Set("nameFile", Napi::Function::New<name_file>(env));
}

}  // namespace fanout::binding
