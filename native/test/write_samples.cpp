// Writes a capture of all that the dissector is tested with, and of each wrapping in each: write_samples FILE. Prints the name of
// each packet, a line each.
#include <cstdio>
#include <memory>

#include "samples.hpp"

namespace fanout::test {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

struct PcapHeader {
  std::uint32_t magic = 0xa1b2c3d4;
  std::uint16_t major = 2, minor = 4;
  std::uint32_t zone = 0, figures = 0, snaplen = 262144, link_type = 1;
};

struct Writer {
  std::FILE* file;
  std::uint32_t number = 0;

  void write(const std::string& name, const Octets& frame) {
    const auto bytes = static_cast<std::uint32_t>(frame.size());
    const std::uint32_t header[]{1, number++, bytes, bytes};
    std::fwrite(header, sizeof header, 1, file);
    if (bytes > 0) std::fwrite(frame.data(), 1, bytes, file);
    std::puts(name.c_str());
  }
};

// The tunnels alone: what begins with an IP header may be inside of what announces one.
bool is_in_ip(const Wrapping& wrapping, Family family) {
  const unsigned type = family == Family::four ? ETH_P_IP : ETH_P_IPV6;
  return wrapping.there.size() > 2 && wrapping.there[1].ethertype == type;
}

Packet within(const std::vector<Header>& outer, const std::vector<Header>& inner) {
  std::vector<Header> headers = outer;
  headers.insert(headers.end(), inner.begin() + 1, inner.end());
  return wrapped(headers);
}

void write_wrapped(Writer& out) {
  const Header tcp_there = tcp(1024, 80);
  const auto all = wrappings();
  for (const Wrapping& wrapping : all) {
    for (const Inner& inner : inner_packets()) {
      const Pair pair = pair_of(wrapping, inner);
      out.write(wrapping.name + "/" + inner.stack4, pair.there.bytes());
      out.write(wrapping.name + "/" + inner.stack4 + "-back", pair.back.bytes());
    }
  }
  for (const Wrapping& outer : all) {
    // Its length is that of a short packet.
    if (outer.stack.find("snap") != std::string::npos) continue;
    for (const Wrapping& inner : all) {
      if (!is_in_ip(inner, outer.inner)) continue;
      const Header network = inner.inner == Family::four ? ipv4("10.0.0.1", "10.9.0.2") : ipv6("2001:db8::1", "2001:db8::9:2");
      out.write(outer.name + "/" + inner.name, (within(outer.there, inner.there) / network / tcp_there / payload(4)).bytes());
    }
  }
}

int write(const char* path) {
  const File file{std::fopen(path, "wb"), std::fclose};
  if (!file) {
    std::perror(path);
    return 2;
  }
  const PcapHeader header;
  std::fwrite(&header, sizeof header, 1, file.get());
  Writer out{file.get()};
  for (const Sample& sample : samples()) out.write(sample.name, sample.frame);
  write_wrapped(out);
  return 0;
}

}  // namespace
}  // namespace fanout::test

int main(int argc, char** argv) {
  if (argc == 2) return fanout::test::write(argv[1]);
  std::fputs("write_samples FILE\n", stderr);
  return 2;
}
