#include "scout/base/names.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace scout {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substitute, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest_name(std::string_view name, std::span<const std::string> known) {
  std::string nearest;
  std::size_t least = std::string::npos;
  for (const std::string& other : known) {
    const auto [shorter, longer] = std::minmax({name.size(), other.size()});
    const std::size_t most = (longer + 2) / 3;
    if (longer - shorter > most) continue;  // so is the distance
    const std::size_t distance = edit_distance(name, other);
    if (distance > most || distance >= least) continue;
    least = distance;
    nearest = other;
  }
  return nearest;
}

std::string did_you_mean(std::string_view nearest) {
  return nearest.empty() ? "." : ": did you mean '" + std::string(nearest) + "'?";
}

std::string join_names(std::span<const std::string> names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace scout
