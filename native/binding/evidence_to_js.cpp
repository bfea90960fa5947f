#include "binding/evidence_to_js.hpp"

#include "binding/convert.hpp"
#include "binding/flow_text.hpp"

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

const char* fragments_text(Fragments fragments) {
  switch (fragments) {
    case Fragments::none:
      return "none";
    case Fragments::in_reach:
      return "in-reach";
    case Fragments::beyond_reach:
      return "beyond-reach";
    case Fragments::ipv6:
      return "ipv6";
  }
  return "none";
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
  out.Set("fragments", fragments_text(s.fragments));
  out.Set("staleIpv6", s.stale_ipv6);
  out.Set("mixedWrappings", s.mixed_wrappings);
  out.Set("onOnePacket", s.on_one_packet);
  out.Set("sentTagged", s.sent_tagged);
  out.Set("tagsDiffer", s.tags_differ);
  out.Set("wholeKeysDiffer", s.whole_keys_differ);
  out.Set("onlyIndexDiffers", s.only_index_differs);
  if (s.wrapping != Stack{}) out.Set("wrapping", s.wrapping.text());
  return out;
}

Napi::Array sights_to_js(Napi::Env env, const std::vector<FlowSight>& sights, std::uint64_t start_ns) {
  return array_of(env, sights, [&](const FlowSight& s) {
    auto o = Napi::Object::New(env);
    o.Set("member", Napi::Number::New(env, s.where.member));
    o.Set("epoch", Napi::Number::New(env, s.where.epoch));
    o.Set("direction", direction_text(s.where.direction));
    o.Set("packets", number(env, s.where.packets));
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
  if (v.requests) out.Set("requests", direction_text(*v.requests));
  out.Set("observations", sights_to_js(env, v.sights, start_ns));
  if (v.sights_omitted != 0) out.Set("observationsOmitted", number(env, v.sights_omitted));
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

}  // namespace

Napi::Object evidence_to_js(Napi::Env env, const Evidence& e, const Tally& tally, std::uint64_t start_ns) {
  auto out = Napi::Object::New(env);
  auto flows = counts_to_js(env, e.flows, e.two_way);
  if (e.forgotten != 0) flows.Set("forgotten", number(env, e.forgotten));
  if (e.flows.unjudged != 0) flows.Set("unjudged", number(env, e.flows.unjudged));
  if (e.many_keyed != 0) flows.Set("manyKeyed", number(env, e.many_keyed));
  out.Set("flows", flows);
  out.Set("stacks", array_of(env, e.stacks, [&](const StackCounts& s) {
            auto stack = Napi::Object::New(env);
            stack.Set("stack", s.stack.text());
            stack.Set("flows", number(env, s.flows.total));
            stack.Set("twoWay", number(env, s.two_way));
            stack.Set("split", number(env, s.flows.split));
            stack.Set("asymmetric", number(env, s.flows.asymmetric));
            stack.Set("duplicated", number(env, s.flows.duplicated));
            stack.Set("twoWayByMember", numbers(env, s.two_way_by_member));
            stack.Set("kernelKeys", number(env, s.kernel_keys.size()));
            stack.Set("errorsElsewhere", number(env, s.errors_elsewhere));
            stack.Set("sentTagged", number(env, s.sent_tagged));
            return stack;
          }));
  out.Set("twoWayByEpochAndMember", array_of(env, e.two_way_by_epoch_and_member,
                                             [&](const std::vector<std::uint64_t>& v) { return numbers(env, v); }));
  out.Set("groups", array_of(env, e.groups, [&](const std::pair<ViolationSignature, std::uint64_t>& g) {
            auto group = signature_to_js(env, g.first);
            group.Set("flows", number(env, g.second));
            return group;
          }));
  out.Set("violations",
          array_of(env, e.violations, [&](const Violation& v) { return violation_to_js(env, v, start_ns); }));
  out.Set("violationsOmitted", number(env, e.violations_omitted));
  out.Set("flowsByMember", numbers(env, e.flows_by_member));
  out.Set("toldByMember", numbers(env, tally.told_by_member));
  out.Set("judgedPackets", number(env, e.judged_packets));
  out.Set("unjudgedPackets", number(env, e.unjudged_packets));
  out.Set("topFlowPackets", number(env, e.top_flow_packets));
  out.Set("unjoinedFragments", number(env, e.unjoined_fragments));
  out.Set("unmatchedErrors", number(env, e.unmatched_errors));
  auto untracked = Napi::Object::New(env);
  untracked.Set("observations", number(env, tally.untracked_observations));
  untracked.Set("packets", number(env, tally.untracked_packets));
  out.Set("untracked", untracked);
  return out;
}

Napi::Array flows_to_js(Napi::Env env, const std::vector<ObservedFlow>& flows, std::uint64_t start_ns) {
  return array_of(env, flows, [&](const ObservedFlow& f) {
    auto out = Napi::Object::New(env);
    out.Set("flow", flow_to_js(env, f.key));
    out.Set("verdict", kind_text(f.verdict));
    if (is_violation(f.verdict)) out.Set("traits", signature_to_js(env, f.signature));
    out.Set("observations", sights_to_js(env, f.sights, start_ns));
    out.Set("errors", sights_to_js(env, f.errors, start_ns));
    out.Set("errorsElsewhere", f.errors_elsewhere);
    return out;
  });
}

}  // namespace fanout::binding
