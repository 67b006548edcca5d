#include "fuzz/target.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace scout::fuzz {
namespace fs = std::filesystem;

void wrong(const std::string& what) {
  std::fprintf(stderr, "WRONG: %s\n", what.c_str());
  std::abort();
}

const fs::path& folder() {
  struct Temporary {
    fs::path path = fs::temp_directory_path() / ("scout-fuzz-" + std::to_string(getpid()));
    Temporary() {
      fs::remove_all(path);
      fs::create_directories(path);
    }
    ~Temporary() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
  };
  static const Temporary temporary;
  return temporary.path;
}

void write_file(const fs::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) {
    std::fprintf(stderr, "cannot write %s: set TMPDIR to a folder with space\n", path.c_str());
    std::_Exit(2);
  }
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::uint8_t Pieces::byte() {
  const Input one = bytes(1);
  return one.empty() ? 0 : one[0];
}

Input Pieces::bytes(std::size_t count) {
  const Input out = left_.first(std::min(count, left_.size()));
  left_ = left_.subspan(out.size());
  return out;
}

Input Pieces::until_mark() {
  const auto mark = std::find(left_.begin(), left_.end(), static_cast<std::uint8_t>(kMark));
  const Input out = bytes(static_cast<std::size_t>(mark - left_.begin()));
  bytes(1);
  return out;
}

std::string expanded(Input input) {
  constexpr std::size_t kCopies = 5'000;
  constexpr int kMost = 4;
  std::string out;
  int many = 0;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const char c = static_cast<char>(input[i]);
    if (c == kMany && i + 1 < input.size() && many++ < kMost) {
      out.append(kCopies, static_cast<char>(input[++i]));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace scout::fuzz

/// Before the first input. `--seeds=FOLDER` writes the seeds there instead, a file each.
extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  for (int i = 1; i < *count; ++i) {
    const std::string_view argument = (*arguments)[i];
    constexpr std::string_view kSeeds = "--seeds=";
    if (!argument.starts_with(kSeeds)) continue;
    const std::filesystem::path folder(argument.substr(kSeeds.size()));
    int number = 0;
    for (const std::string& seed : scout::fuzz::seeds()) {
      scout::fuzz::write_file(folder / ("seed-" + std::to_string(number++)), seed);
    }
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  scout::fuzz::run({data, size});
  return 0;
}
