// Writes a capture of all that the dissector is tested with, and of each wrapping in each: write_samples FILE. Prints
// the name of each packet, a line each.
#include <cstdio>
#include <memory>

#include "test/link_samples.hpp"
#include "test/samples.hpp"

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
      const Header network =
          inner.inner == Family::four ? ipv4("10.0.0.1", "10.9.0.2") : ipv6("2001:db8::1", "2001:db8::9:2");
      out.write(outer.name + "/" + inner.name,
                (within(outer.there, inner.there) / network / tcp_there / payload(4)).bytes());
    }
  }
}

File opened(const char* path) {
  File file{std::fopen(path, "wb"), std::fclose};
  if (!file) std::perror(path);
  return file;
}

bool write_samples(const char* path) {
  const File file = opened(path);
  if (!file) return false;
  const PcapHeader header;
  std::fwrite(&header, sizeof header, 1, file.get());
  Writer out{file.get()};
  for (const Sample& sample : samples()) out.write(sample.name, sample.frame);
  write_wrapped(out);
  return true;
}

// pcapng, with an interface for each packet.
bool write_links(const char* path) {
  const File file = opened(path);
  if (!file) return false;
  const auto block = [&](std::uint32_t type, std::vector<std::uint32_t> words, const Octets& bytes) {
    const auto length = static_cast<std::uint32_t>(12 + words.size() * 4 + (bytes.size() + 3) / 4 * 4);
    words.insert(words.begin(), {type, length});
    Octets padded = bytes;
    padded.resize((bytes.size() + 3) / 4 * 4);
    std::fwrite(words.data(), 4, words.size(), file.get());
    if (!padded.empty()) std::fwrite(padded.data(), 1, padded.size(), file.get());
    std::fwrite(&length, 4, 1, file.get());
  };
  constexpr std::uint32_t section = 0x0a0d0d0a, interface = 1, packet = 6, unlimited = 0xffffffff;
  block(section, {0x1a2b3c4d, 1, unlimited, unlimited}, {});
  const auto all = link_samples();
  for (const LinkSample& sample : all) block(interface, {sample.link_type, 0}, {});
  for (std::uint32_t i = 0; i < all.size(); ++i) {
    const auto bytes = static_cast<std::uint32_t>(all[i].packet.size());
    block(packet, {i, 0, i, bytes, bytes}, all[i].packet);
  }
  return true;
}

}  // namespace
}  // namespace fanout::test

int main(int argc, char** argv) {
  if (argc == 3) return fanout::test::write_samples(argv[1]) && fanout::test::write_links(argv[2]) ? 0 : 2;
  std::fputs("write_samples FILE LINKS\n", stderr);
  return 2;
}
