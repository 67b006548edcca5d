#include "scout/cli/checks.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "scout/base/names.h"
#include "scout/policy/shipped.h"

namespace scout {
namespace {

std::string at_least(std::int64_t least, const std::string& word) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error == std::errc() && end == word.data() + word.size() && number >= least) return "";
  return "'" + word + "' is not a whole number of at least " + std::to_string(least);
}

}  // namespace

std::string at_least_one(const std::string& word) { return at_least(1, word); }
std::string at_least_zero(const std::string& word) { return at_least(0, word); }

std::string policy_or_file_exists(const std::string& word) {
  const std::vector<std::string> known = policy_names();
  if (std::find(known.begin(), known.end(), word) != known.end() || std::filesystem::is_regular_file(word)) return "";
  return "there is no file '" + word + "', and no such policy comes with the library" +
         did_you_mean(nearest_name(word, known)) + " Known: " + join_names(known);
}

}  // namespace scout
