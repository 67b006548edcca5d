// What fuzz targets share. A target is one file that defines the two functions below; fuzz/run.sh builds and runs it.
//
// A target gives the library an input. The library may refuse it, by an exception that says why, or take it; what was taken
// has to be right, which the target checks. Anything else ends the program, and libFuzzer keeps the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace scout::fuzz {

using Input = std::span<const std::uint8_t>;

/// Inputs to begin with, written by the library itself.
std::vector<std::string> seeds();
/// Gives the library the input.
void run(Input input);

/// Ends the program: the library took a wrong value for a right one, or refused without saying why.
[[noreturn]] void wrong(const std::string& what);
inline void expect(bool holds, const std::string& what) {
  if (!holds) wrong(what);
}

/// Whether `read` takes its input. Throwing `Refusal`, or what derives from it, is the only other way out, and never because
/// memory was asked for that is not there: sizes are to be compared with the input before.
template <class Refusal = std::exception, class Read>
bool takes(Read&& read) {
  try {
    read();
    return true;
  } catch (const std::bad_alloc&) {
    wrong("it asked for more memory than there is");
  } catch (const std::length_error&) {
    wrong("it asked for more elements than a container can hold");
  } catch (const Refusal& refusal) {
    expect(!std::string_view(refusal.what()).empty(), "a refusal does not say why");
  } catch (const std::exception& error) {
    wrong(std::string("refused by another exception than it promises: ") + error.what());
  }
  return false;
}

/// An empty folder of this process, which goes with it. Best in memory: TMPDIR says where.
const std::filesystem::path& folder();
void write_file(const std::filesystem::path& path, std::string_view content);
std::string read_file(const std::filesystem::path& path);

inline std::string_view text(Input input) { return {reinterpret_cast<const char*>(input.data()), input.size()}; }

/// Takes numbers and pieces off an input; where it is used up, zeros and nothing.
class Pieces {
 public:
  explicit Pieces(Input input) : left_(input) {}
  std::uint8_t byte();
  std::size_t below(std::size_t count) { return byte() % count; }
  bool chance(int of_256) { return byte() < of_256; }
  /// At most so many bytes.
  Input bytes(std::size_t count);
  /// Up to the next byte 0xff, which is taken off too, or the end.
  Input until_mark();
  Input rest() { return bytes(left_.size()); }
  bool empty() const { return left_.empty(); }

 private:
  Input left_;
};
/// `input` with every byte 0xfe and the one after it replaced by thousands of that one: "\xfe[" is deeply nested.
std::string expanded(Input input);
inline constexpr char kMany = '\xfe';
/// Separates pieces in `Pieces::until_mark`; 0xff is in no UTF-8.
inline constexpr char kMark = '\xff';

}  // namespace scout::fuzz
