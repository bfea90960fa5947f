// class FlowMap: the collector's evidence. One call per message, never per flow; evidence() answers in the shape of
// src/model/evidence.ts.
#include <optional>

#include "bindings.hpp"
#include "convert.hpp"
#include "flow_map.hpp"
#include "flow_text.hpp"

namespace fanout::binding {
namespace {

const char* kind_text(FlowVerdict kind) {
  switch (kind) {
    case FlowVerdict::none:
      return "none";
    case FlowVerdict::one_way:
      return "one-way";
    case FlowVerdict::consistent:
      return "consistent";
    case FlowVerdict::duplicated:
      return "duplicated";
    case FlowVerdict::asymmetric:
      return "asymmetric";
    case FlowVerdict::split:
      return "split";
  }
  return "none";
}

// One per epoch, null where it has no end: (bigint | null)[].
std::vector<EpochWindow> windows_of(const Napi::Value& value) {
  const auto ends = value.As<Napi::Array>();
  std::vector<EpochWindow> windows(ends.Length());
  for (std::uint32_t i = 0; i < ends.Length(); ++i)
    if (const Napi::Value end = ends.Get(i); !end.IsNull()) windows[i].end_ns = uint64_of(end);
  return windows;
}

Napi::Array numbers(Napi::Env env, const std::vector<std::uint64_t>& values) {
  return array_of(env, values, [&](std::uint64_t v) { return number(env, v); });
}

Napi::Object signature_to_js(Napi::Env env, const ViolationSignature& s) {
  auto out = Napi::Object::New(env);
  out.Set("kind", kind_text(s.kind));
  out.Set("stack", s.stack.text());
  out.Set("oneKernelKey", s.one_kernel_key);
  out.Set("topBitPair", s.top_bit_pair);
  out.Set("labelOneWay", s.label_one_way);
  out.Set("fragments", s.fragments);
  out.Set("staleIpv6", s.stale_ipv6);
  return out;
}

Napi::Array sights_to_js(Napi::Env env, const std::vector<FlowSight>& sights, std::uint64_t start_ns) {
  return array_of(env, sights, [&](const FlowSight& s) {
    auto o = Napi::Object::New(env);
    o.Set("member", Napi::Number::New(env, s.where.member));
    o.Set("epoch", Napi::Number::New(env, s.where.epoch));
    o.Set("direction", direction_text(s.where.direction));
    o.Set("packets", number(env, s.packets));
    o.Set("bytes", number(env, s.bytes));
    o.Set("kernelKey", hex64(s.kernel_key));
    o.Set("stack", s.stack.text());
    o.Set("first", std::to_string(start_ns + s.where.first_ns));
    o.Set("last", std::to_string(start_ns + s.where.last_ns));
    return o;
  });
}

Napi::Object violation_to_js(Napi::Env env, const Violation& v, std::uint64_t start_ns) {
  auto out = signature_to_js(env, v.signature);
  out.Set("flow", flow_to_js(env, v.key));
  if (const auto requests = echo_requests(v.key, v.sights)) out.Set("requests", direction_text(*requests));
  out.Set("observations", sights_to_js(env, v.sights, start_ns));
  return out;
}

Napi::Object counts_to_js(Napi::Env env, const FlowCounts& c, std::uint64_t two_way) {
  auto out = Napi::Object::New(env);
  out.Set("total", number(env, c.total));
  out.Set("twoWay", number(env, two_way));
  out.Set("oneWay", number(env, c.one_way));
  out.Set("consistent", number(env, c.consistent));
  out.Set("split", number(env, c.split));
  out.Set("asymmetric", number(env, c.asymmetric));
  out.Set("duplicated", number(env, c.duplicated));
  return out;
}

class FlowMapObject : public Napi::ObjectWrap<FlowMapObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    exports.Set("FlowMap",
                DefineClass(env, "FlowMap",
                            {InstanceMethod<&FlowMapObject::ingest>("ingest"), InstanceMethod<&FlowMapObject::tally>("tally"),
                             InstanceMethod<&FlowMapObject::evidence>("evidence"), InstanceMethod<&FlowMapObject::flows>("flows"),
                             InstanceMethod<&FlowMapObject::bytes_used>("bytesUsed")}));
  }

  explicit FlowMapObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FlowMapObject>(info), env_(info.Env()) {
    if (!info[0].IsObject()) {
      throw_type_error(env_, "FlowMap needs options");
      return;
    }
    const auto o = info[0].As<Napi::Object>();
    FlowMap::Limits limits;
    limits.members = uint32_of(o, "members");
    limits.flows_max = uint32_of(o, "flowsMax");
    auto created = FlowMap::create(limits, HashSeed{uint64_of(o.Get("hashSeed"))});
    if (!created) {
      throw_sys_error(env_, created.error());
      return;
    }
    map_.emplace(std::move(*created));
  }

 private:
  // ingest(message, member): the number of observations, or -(1 + offset) where the message is malformed; then nothing was taken
  // from it.
  Napi::Value ingest(const Napi::CallbackInfo& info) {
    if (!info[0].IsTypedArray()) {
      throw_type_error(env_, "ingest needs bytes");
      return env_.Undefined();
    }
    const IngestResult result = map_->ingest(bytes_of(info[0]), info[1].ToNumber().Uint32Value());
    return Napi::Number::New(env_, result.ok ? result.observations : -1.0 - static_cast<double>(result.error_offset));
  }

  Napi::Value tally(const Napi::CallbackInfo&) {
    const Tally& t = map_->tally();
    auto out = Napi::Object::New(env_);
    out.Set("flows", number(env_, t.flows));
    out.Set("twoWay", number(env_, t.two_way));
    out.Set("violated", number(env_, t.violated));
    out.Set("packets", number(env_, t.packets));
    return out;
  }

  // evidence({ epochEndsNs: (bigint | null)[], violationsMax, startNs })
  Napi::Value evidence(const Napi::CallbackInfo& info) {
    const auto o = info[0].As<Napi::Object>();
    return evidence_to_js(map_->evidence(windows_of(o.Get("epochEndsNs")), uint32_of(o, "violationsMax")),
                          uint64_of(o.Get("startNs")));
  }

  Napi::Object evidence_to_js(const Evidence& e, std::uint64_t start_ns) {
    auto out = Napi::Object::New(env_);
    out.Set("flows", counts_to_js(env_, e.flows, e.two_way));
    out.Set("stacks", array_of(env_, e.stacks, [&](const StackCounts& s) {
              auto stack = Napi::Object::New(env_);
              stack.Set("stack", s.stack.text());
              stack.Set("flows", number(env_, s.flows.total));
              stack.Set("twoWay", number(env_, s.two_way));
              stack.Set("split", number(env_, s.flows.split));
              stack.Set("asymmetric", number(env_, s.flows.asymmetric));
              stack.Set("duplicated", number(env_, s.flows.duplicated));
              stack.Set("twoWayByMember", numbers(env_, s.two_way_by_member));
              stack.Set("kernelKeys", number(env_, s.kernel_keys.size()));
              stack.Set("errorsElsewhere", number(env_, s.errors_elsewhere));
              return stack;
            }));
    out.Set("twoWayByEpochAndMember",
            array_of(env_, e.two_way_by_epoch_and_member, [&](const std::vector<std::uint64_t>& v) { return numbers(env_, v); }));
    out.Set("groups", array_of(env_, e.groups, [&](const std::pair<ViolationSignature, std::uint64_t>& g) {
              auto group = signature_to_js(env_, g.first);
              group.Set("flows", number(env_, g.second));
              return group;
            }));
    out.Set("violations", array_of(env_, e.violations, [&](const Violation& v) { return violation_to_js(env_, v, start_ns); }));
    out.Set("violationsOmitted", number(env_, e.violations_omitted));
    out.Set("flowsByMember", numbers(env_, e.flows_by_member));
    out.Set("judgedPackets", number(env_, e.judged_packets));
    out.Set("topFlowPackets", number(env_, e.top_flow_packets));
    out.Set("unjoinedFragments", number(env_, e.unjoined_fragments));
    out.Set("unmatchedErrors", number(env_, e.unmatched_errors));
    auto untracked = Napi::Object::New(env_);
    untracked.Set("observations", number(env_, map_->tally().untracked_observations));
    untracked.Set("packets", number(env_, map_->tally().untracked_packets));
    out.Set("untracked", untracked);
    return out;
  }

  // flows({ epochEndsNs: (bigint | null)[], max, startNs })
  Napi::Value flows(const Napi::CallbackInfo& info) {
    const auto o = info[0].As<Napi::Object>();
    const std::uint64_t start_ns = uint64_of(o.Get("startNs"));
    return array_of(env_, map_->flows(windows_of(o.Get("epochEndsNs")), uint32_of(o, "max")), [&](const ObservedFlow& f) {
      auto out = Napi::Object::New(env_);
      out.Set("flow", flow_to_js(env_, f.key));
      out.Set("verdict", kind_text(f.verdict));
      if (is_violation(f.verdict)) out.Set("traits", signature_to_js(env_, f.signature));
      out.Set("observations", sights_to_js(env_, f.sights, start_ns));
      out.Set("errors", sights_to_js(env_, f.errors, start_ns));
      out.Set("errorsElsewhere", f.errors_elsewhere);
      return out;
    });
  }

  Napi::Value bytes_used(const Napi::CallbackInfo&) { return number(env_, map_->bytes_used()); }

  Napi::Env env_;
  std::optional<FlowMap> map_;
};

}  // namespace

void export_flow_map(Napi::Env env, Napi::Object exports) { FlowMapObject::define(env, exports); }

}  // namespace fanout::binding
