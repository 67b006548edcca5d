#include "scout/train/learner/selection.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace scout {
namespace {

/// A spread of log gaps that says nothing.
constexpr double kNoSpread = 0.05;

std::vector<int> sorted_by(std::span<const double> key) {
  std::vector<int> order(key.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return key[static_cast<std::size_t>(a)] < key[static_cast<std::size_t>(b)]; });
  return order;
}

}  // namespace

std::vector<int> selection_order(const std::vector<std::span<const double>>& scores, std::string_view rule) {
  const std::size_t count = scores.size();
  std::vector<double> merit(count, 0.0);
  std::vector<double> score(count);
  for (std::size_t p = 0; count > 0 && p < scores.front().size(); ++p) {
    for (std::size_t c = 0; c < count; ++c) score[c] = scores[c][p];
    if (rule == "mean") {
      std::transform(merit.begin(), merit.end(), score.begin(), merit.begin(), std::plus<>());
      continue;
    }
    const std::vector<int> order = sorted_by(score);
    const double median = score[static_cast<std::size_t>(order[count / 2])];
    double spread = kNoSpread;
    for (const double s : score) spread += std::fabs(s - median) / static_cast<double>(count);
    for (std::size_t r = 0; r < count; ++r) {
      const auto c = static_cast<std::size_t>(order[r]);
      merit[c] += rule == "ranks" ? static_cast<double>(r) : (score[c] - median) / spread;
    }
  }
  return sorted_by(merit);
}

}  // namespace scout
