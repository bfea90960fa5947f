// Any bytes as a TPACKET_V3 block: walked, and every packet found in it dissected.
#include <cstdio>
#include <cstdlib>

#include "core/packet/dissect.hpp"
#include "core/socket/rx_ring.hpp"

// The entry point of libFuzzer, which also replay_main.cpp calls.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace fanout;
  const auto block = std::as_bytes(std::span{data, size});
  std::uint32_t visited = 0;
  const auto fail = [](const char* rule) {
    std::fprintf(stderr, "broken rule: %s\n", rule);
    std::abort();
  };
  const WalkCounts counts = for_each_packet(block, [&](const RingPacket& packet) {
    ++visited;
    if (packet.frame.data() < block.data() || packet.frame.data() + packet.frame.size() > block.data() + block.size())
      fail("a packet lies inside its block");
    const HashSeed seed{0x5eed};
    for (const Dissection& dissection :
         {dissect(packet.frame, packet.tag, seed), dissect_network(packet.frame, packet.network, seed)})
      if (dissection.kind == PacketKind::flow && dissection.key.family != 4 && dissection.key.family != 6)
        fail("a flow has a family");
  });
  if (counts.packets != visited) fail("every packet counted was visited");
  if (counts.packets > size) fail("each packet is a step forward");
  return 0;
}
