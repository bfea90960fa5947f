// What the dissector makes of each packet of a capture file, a line each: list_flows FILE. Columns, with tabs between
// them: number of the packet, kind, stack, marks in hexadecimal, family, protocol, source and its port, destination and
// its port, as the packet has them, addresses in hexadecimal. Of a later fragment only the addresses are known. An
// aggregate of IEEE 802.11 has a line for each frame in it; a packet of which no frame can be made has none. The last
// line says how many packets there are, and what stopped the reading, as a number.
#include <array>
#include <cstdio>
#include <memory>
#include <vector>

#include "core/capture_file/capture_frames.hpp"

namespace fanout::test {
namespace {

constexpr std::array kinds{"flow",           "other-ethertype", "other-protocol", "icmp-error",
                           "fragment-later", "icmp-other",      "truncated",      "malformed"};

void print_address(const Address& address, std::uint8_t family) {
  std::printf("\t");
  for (std::size_t i = 0; i < (family == 4 ? 4U : family == 6 ? 16U : 0U); ++i) std::printf("%02x", address[i]);
}

class Lister final : public CaptureFrames {
 public:
  Lister() noexcept : CaptureFrames(14 + CaptureFileParser::packet_bytes_max) {}

 private:
  bool on_frame(std::span<const std::byte> frame, const CaptureRecord& record) noexcept override {
    const Dissection found = dissect(frame, {}, {});
    const bool has_flow = found.kind == PacketKind::flow || found.kind == PacketKind::fragment_later;
    const FiveTuple tuple = has_flow ? directed(found.key, found.direction) : FiveTuple{};
    std::printf("%llu\t%s\t%s\t%x\t%u\t%u", static_cast<unsigned long long>(record.number),
                kinds[static_cast<std::size_t>(found.kind)], found.stack.text().c_str(),
                static_cast<unsigned>(found.marks), tuple.family,
                static_cast<unsigned>(has_flow ? tuple.protocol : found.protocol));
    print_address(tuple.src, tuple.family);
    std::printf("\t%u", static_cast<unsigned>(tuple.src_port));
    print_address(tuple.dst, tuple.family);
    std::printf("\t%u\n", static_cast<unsigned>(tuple.dst_port));
    return true;
  }
};

int list(const char* path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path, "rb"), std::fclose};
  if (!file) {
    std::perror(path);
    return 2;
  }
  Lister lister;
  std::vector<std::byte> piece(1 << 20);
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), file.get()))
    (void)lister.feed(std::span{piece}.first(got));
  lister.finish();
  std::printf("%llu\t%u\n", static_cast<unsigned long long>(lister.parser().records()),
              static_cast<unsigned>(lister.parser().problem().fault));
  return 0;
}

}  // namespace
}  // namespace fanout::test

int main(int argc, char** argv) {
  if (argc == 2) return fanout::test::list(argv[1]);
  std::fputs("list_flows FILE\n", stderr);
  return 2;
}
