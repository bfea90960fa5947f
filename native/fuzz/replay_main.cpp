// Runs a fuzz target over stored inputs, files or directories of files, where libFuzzer is not installed.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

void replay(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  const std::vector<unsigned char> bytes{std::istreambuf_iterator<char>{in}, {}};
  // Printed first and without buffering: the last name before a crash is its input.
  std::fprintf(stderr, "%s\n", path.c_str());
  (void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  int inputs = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::filesystem::is_regular_file(argv[i])) {
      replay(argv[i]);
      ++inputs;
      continue;
    }
    std::error_code missing;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{argv[i], missing}) {
      if (!entry.is_regular_file()) continue;
      replay(entry.path());
      ++inputs;
    }
  }
  std::printf("%d inputs replayed\n", inputs);
  // A corpus that cannot be found must not pass.
  return inputs > 0 ? 0 : 1;
}
