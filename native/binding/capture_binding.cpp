// class Capture: one member of the group, for the worker.
#include "binding/bindings.hpp"
#include "binding/convert.hpp"
#include "binding/kernel_model_from_js.hpp"
#include "core/worker/capture.hpp"

namespace fanout::binding {
namespace {

std::vector<sock_filter> program_of(const Napi::Value& value) {
  // [code, jt, jf, k] per instruction.
  std::vector<sock_filter> program;
  if (!value.IsArray()) return program;
  const auto list = value.As<Napi::Array>();
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const auto instruction = list.Get(i).As<Napi::Array>();
    const auto field = [&](std::uint32_t n) { return instruction.Get(n).ToNumber().Uint32Value(); };
    program.push_back({static_cast<std::uint16_t>(field(0)), static_cast<std::uint8_t>(field(1)),
                       static_cast<std::uint8_t>(field(2)), field(3)});
  }
  return program;
}

CaptureConfig config_of(const Napi::Object& o) {
  CaptureConfig config;
  config.ifindex = static_cast<int>(uint32_of(o, "ifindex"));
  config.member = uint32_of(o, "member");
  config.ring = {uint32_of(o, "blockBytes"), uint32_of(o, "blockCount"), uint32_of(o, "blockTimeoutMs")};
  config.snaplen = uint32_of(o, "snaplen");
  config.filter = program_of(o.Get("filter"));
  config.promiscuous = bool_of(o, "promiscuous");
  config.ignore_outgoing = bool_of(o, "ignoreOutgoing");
  if (const auto cpu = o.Get("cpu"); cpu.IsNumber()) config.cpu = static_cast<int>(cpu.ToNumber().Int32Value());
  config.flows_max = uint32_of(o, "flowsMax");
  config.work_ns = uint32_of(o, "workNs");
  config.news_interval_ms = uint32_of(o, "newsIntervalMs");
  config.seed.value = uint64_of(o.Get("hashSeed"));
  config.lab_tags = bool_of(o, "labTags");
  config.replayed = bool_of(o, "replayed");
  config.eager = bool_of(o, "eager");
  if (const auto mtu = o.Get("mtu"); mtu.IsNumber()) config.mtu = mtu.ToNumber().Uint32Value();
  config.kernel = kernel_model_from_js(o);
  return config;
}

// In the order of OrderTotals in src/addon/capture.ts.
Napi::Array order_to_js(Napi::Env env, const OrderCounts& c) {
  const std::array counts{c.checked, c.inversions, c.flows, c.syn_ack_first, c.ack_first, c.time_stamp};
  return array_of(env, counts, [&](std::uint64_t count) { return number(env, count); });
}

// In the order of CopyTotals there.
Napi::Array copies_to_js(Napi::Env env, const CopyCounts& c) {
  const std::array counts{c.looked, c.again, c.crossed, c.apart_ns};
  return array_of(env, counts, [&](std::uint64_t count) { return number(env, count); });
}

// In the order of LargeTotals there.
Napi::Array large_to_js(Napi::Env env, const LargeCounts& c) {
  const std::array counts{c.received, c.sent, c.merged, std::uint64_t{c.largest}};
  return array_of(env, counts, [&](std::uint64_t count) { return number(env, count); });
}

Napi::Object counters_to_js(Napi::Env env, const CaptureCounters& c) {
  auto out = Napi::Object::New(env);
  out.Set("packets", number(env, c.kernel.packets));
  out.Set("drops", number(env, c.kernel.drops));
  out.Set("freezes", number(env, c.kernel.freezes));
  out.Set("captured", number(env, c.captured));
  out.Set("bytes", number(env, c.bytes));
  out.Set("outgoing", number(env, c.outgoing));
  out.Set("judged", number(env, c.judged));
  out.Set("overflowed", number(env, c.overflowed));
  out.Set("ignored", array_of(env, c.ignored, [&](const IgnoredCounts::Entry& e) {
            auto pair = Napi::Array::New(env, 2);
            pair.Set(0U, Napi::Number::New(env, e.reason));
            pair.Set(1U, number(env, e.packets));
            return pair;
          }));
  auto rollover = Napi::Array::New(env);
  if (c.rollover) {
    rollover.Set(0U, number(env, c.rollover->all));
    rollover.Set(1U, number(env, c.rollover->huge));
    rollover.Set(2U, number(env, c.rollover->failed));
  }
  out.Set("rollover", rollover);
  out.Set("order", order_to_js(env, c.order));
  out.Set("copies", copies_to_js(env, c.copies));
  out.Set("large", large_to_js(env, c.large));
  out.Set("aliveNs", Napi::BigInt::New(env, c.alive_ns));
  out.Set("cpuNs", number(env, c.cpu_ns));
  out.Set("epoch", Napi::Number::New(env, c.epoch));
  out.Set("linkErrno", Napi::Number::New(env, c.link_error));
  out.Set("linkErrors", Napi::Number::New(env, c.link_errors));
  out.Set("finished", Napi::Boolean::New(env, c.finished));
  return out;
}

class CaptureObject : public Napi::ObjectWrap<CaptureObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set(
        "Capture",
        DefineClass(
            env, "Capture",
            {InstanceMethod<&CaptureObject::join>("join"), InstanceMethod<&CaptureObject::set_cbpf>("setCbpf"),
             InstanceMethod<&CaptureObject::set_ebpf>("setEbpf"), InstanceMethod<&CaptureObject::arm>("arm"),
             InstanceMethod<&CaptureObject::start>("start"), InstanceMethod<&CaptureObject::begin_epoch>("beginEpoch"),
             InstanceMethod<&CaptureObject::finish>("finish"), InstanceMethod<&CaptureObject::answer>("answerDoorbell"),
             InstanceMethod<&CaptureObject::counters>("counters"), InstanceMethod<&CaptureObject::take>("take"),
             InstanceMethod<&CaptureObject::release>("release"), InstanceMethod<&CaptureObject::buffers>("buffers"),
             InstanceMethod<&CaptureObject::inode>("inode"), InstanceMethod<&CaptureObject::close>("close")}));
  }

  explicit CaptureObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CaptureObject>(info), env_(info.Env()) {
    if (!info[0].IsObject()) {
      throw_type_error(env_, "Capture needs options");
      return;
    }
    const auto options = info[0].As<Napi::Object>();
    UniqueFd socket{static_cast<int>(options.Get("socket").ToNumber().Int32Value())};
    auto opened = Capture::open(std::move(socket), config_of(options));
    if (!opened) {
      throw_sys_error(env_, opened.error());
      return;
    }
    capture_ = std::move(*opened);
  }

  ~CaptureObject() override { stop(); }

 private:
  // The environment may end while the thread runs: the thread goes before the function it would call.
  static void on_environment_exit(void* self) { static_cast<CaptureObject*>(self)->stop_thread(); }

  void stop_thread() {
    capture_.reset();
    if (doorbell_) doorbell_.Release();
    doorbell_ = {};
  }

  void stop() {
    if (hooked_) napi_remove_env_cleanup_hook(env_, on_environment_exit, this);
    hooked_ = false;
    stop_thread();
  }

  [[nodiscard]] bool closed() {
    if (!capture_) throw_type_error(env_, "the capture is closed");
    return !capture_;
  }

  void check(const Status& status) {
    if (!status) throw_sys_error(env_, status.error());
  }

  Napi::Value join(const Napi::CallbackInfo& info) {
    if (closed()) return env_.Undefined();
    const auto o = info[0].As<Napi::Object>();
    const auto joined = capture_->join({static_cast<std::uint16_t>(uint32_of(o, "groupId")),
                                        static_cast<FanoutMode>(uint32_of(o, "mode")),
                                        static_cast<std::uint16_t>(uint32_of(o, "flags")), uint32_of(o, "membersMax")});
    if (!joined) {
      throw_sys_error(env_, joined.error());
      return env_.Undefined();
    }
    auto out = Napi::Object::New(env_);
    out.Set("groupId", Napi::Number::New(env_, joined->group_id));
    out.Set("mode", Napi::Number::New(env_, static_cast<int>(joined->mode)));
    out.Set("flags", Napi::Number::New(env_, joined->flags));
    return out;
  }

  Napi::Value set_cbpf(const Napi::CallbackInfo& info) {
    if (!closed()) check(set_group_cbpf(capture_->socket().fd(), program_of(info[0])));
    return env_.Undefined();
  }

  // setEbpf(descriptor): of a program of type socket_filter, which is closed again.
  Napi::Value set_ebpf(const Napi::CallbackInfo& info) {
    if (closed()) return env_.Undefined();
    const UniqueFd program{static_cast<int>(info[0].ToNumber().Int32Value())};
    check(set_group_ebpf(capture_->socket().fd(), program.get()));
    return env_.Undefined();
  }

  Napi::Value arm(const Napi::CallbackInfo&) {
    if (!closed()) check(capture_->arm());
    return env_.Undefined();
  }

  // start(startNs, epoch, onDoorbell)
  Napi::Value start(const Napi::CallbackInfo& info) {
    if (closed()) return env_.Undefined();
    if (hooked_) {
      throw_type_error(env_, "the capture was started before");
      return env_.Undefined();
    }
    // Length 1 and no data: the doorbell says that something is there, drain and counters say what.
    doorbell_ = Napi::ThreadSafeFunction::New(env_, info[2].As<Napi::Function>(), "fanout doorbell", 1, 1);
    napi_add_env_cleanup_hook(env_, on_environment_exit, this);
    hooked_ = true;
    check(capture_->start(uint64_of(info[0]), info[1].ToNumber().Uint32Value(),
                          [bell = doorbell_] { (void)bell.NonBlockingCall(); }));
    return env_.Undefined();
  }

  Napi::Value begin_epoch(const Napi::CallbackInfo& info) {
    if (!closed()) capture_->begin_epoch(info[0].ToNumber().Uint32Value(), uint64_of(info[1]));
    return env_.Undefined();
  }

  Napi::Value finish(const Napi::CallbackInfo& info) {
    if (!closed()) capture_->finish(uint64_of(info[0]));
    return env_.Undefined();
  }

  Napi::Value answer(const Napi::CallbackInfo&) {
    if (capture_) capture_->answer_doorbell();
    return env_.Undefined();
  }

  Napi::Value counters(const Napi::CallbackInfo&) {
    if (closed()) return env_.Undefined();
    return counters_to_js(env_, capture_->counters());
  }

  // { slot, length } of the oldest finished batch, or null.
  Napi::Value take(const Napi::CallbackInfo&) {
    if (!capture_) return env_.Null();
    const auto filled = capture_->outbox().take();
    if (!filled) return env_.Null();
    auto out = Napi::Object::New(env_);
    out.Set("slot", Napi::Number::New(env_, filled->slot));
    out.Set("length", Napi::Number::New(env_, filled->length));
    return out;
  }

  Napi::Value release(const Napi::CallbackInfo& info) {
    if (capture_) capture_->outbox().release(info[0].ToNumber().Uint32Value());
    return env_.Undefined();
  }

  // The outbox's memory, one Buffer a slot: what is sent is never copied. Each Buffer keeps the memory alive.
  Napi::Value buffers(const Napi::CallbackInfo&) {
    if (closed()) return env_.Undefined();
    auto out = Napi::Array::New(env_, Outbox::slot_count);
    for (std::uint32_t i = 0; i < Outbox::slot_count; ++i) {
      auto* const keep = new std::shared_ptr<Outbox>(capture_->shared_outbox());
      const auto slot = (*keep)->slot(i);
      out.Set(i, Napi::Buffer<std::uint8_t>::New(
                     env_, reinterpret_cast<std::uint8_t*>(slot.data()), slot.size(),
                     [](Napi::Env, std::uint8_t*, std::shared_ptr<Outbox>* kept) { delete kept; }, keep));
    }
    return out;
  }

  Napi::Value inode(const Napi::CallbackInfo&) {
    if (closed()) return env_.Undefined();
    return number(env_, capture_->socket().inode());
  }

  Napi::Value close(const Napi::CallbackInfo&) {
    stop();
    return env_.Undefined();
  }

  Napi::Env env_;
  std::unique_ptr<Capture> capture_;
  Napi::ThreadSafeFunction doorbell_;
  bool hooked_ = false;
};

}  // namespace

void export_capture(Napi::Env env, Napi::Object exports) { CaptureObject::define(env, exports); }

}  // namespace fanout::binding
