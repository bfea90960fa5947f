// What needs a privilege, and giving it up.
#include <sys/syscall.h>

#include <utility>

#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "binding/ids_from_js.hpp"
#include "core/base/deadly_call.hpp"
#include "core/socket/fanout.hpp"
#include "core/socket/packet_socket.hpp"
#include "host/privileges.hpp"
#include "host/seccomp.hpp"

namespace fanout::binding {
namespace {

// hasFanoutArgs(descriptor): whether this kernel takes groups with a limit of members. The packet socket stays as it
// is.
Napi::Value fanout_args(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), has_fanout_args(info[0].ToNumber().Int32Value()));
}

// openPacketSocket(fromNetworkHeader): a packet socket with protocol 0, which gets nothing yet.
Napi::Value open_packet_socket(const Napi::CallbackInfo& info) {
  const bool from_network = info[0].ToBoolean();
  return descriptor_or_throw(info.Env(), PacketSocket::open_descriptor(from_network ? PacketSocket::From::network_header
                                                                                    : PacketSocket::From::link_header));
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

}  // namespace

void export_privileges(Napi::Env env, Napi::Object exports) {
  exports.Set("openPacketSocket", Napi::Function::New<open_packet_socket>(env));
  exports.Set("hasFanoutArgs", Napi::Function::New<fanout_args>(env));
  exports.Set("deadlyCalls", Napi::Function::New<deadly_calls>(env));
  exports.Set("become", Napi::Function::New<become_user>(env));
  exports.Set("refuseReachingOut", Napi::Function::New<refuse_reaching>(env));
  exports.Set("confineCapture", Napi::Function::New<confine_to_capture>(env));
}

}  // namespace fanout::binding
