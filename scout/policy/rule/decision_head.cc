#include "scout/policy/rule/decision_head.h"

#include <algorithm>
#include <cmath>

namespace scout {
namespace {

constexpr float kLargestInput = 5.0F;
/// Stretches that grow are of equal length over the logarithm of 1 + t/kFirstSteps.
constexpr double kFirstSteps = 30;
constexpr double kCountedSteps = 1000;

}  // namespace

DecisionHead::DecisionHead(int inputs, const std::vector<int>& hidden, std::vector<float> spans, int count,
                           Stretches stretches, std::size_t offset)
    : actor_(inputs, hidden, static_cast<int>(spans.size())),
      spans_(std::move(spans)),
      count_(count),
      stretches_(stretches),
      offset_(offset) {}

bool DecisionHead::due(std::int64_t step, std::int64_t horizon) const {
  if (step == 0) return true;
  if (stretches_ == Stretches::growing) {
    const auto number = [&](std::int64_t t) {
      return std::floor(count_ * std::log1p(static_cast<double>(t) / kFirstSteps) / std::log1p(kCountedSteps / kFirstSteps));
    };
    return number(step) != number(step - 1);
  }
  return step < horizon && step * count_ / horizon != (step - 1) * count_ / horizon;
}

std::vector<float> DecisionHead::initial_parameters(Random& random) const {
  std::vector<float> network = actor_.initial_parameters(random);
  const Linear& last = actor_.network().layers().back();
  std::fill_n(network.begin() + static_cast<std::ptrdiff_t>(last.offset), last.size(), 0.0F);
  network.insert(network.begin(), 2 * static_cast<std::size_t>(inputs()), 0.0F);
  return network;
}

void DecisionHead::decide(const float* parameters, const float* rows, int n, Scratch& scratch, float* decisions) const {
  const auto inputs = static_cast<std::size_t>(this->inputs());
  scratch.rows.assign(rows, rows + static_cast<std::size_t>(n) * inputs);
  normalise(parameters, scratch.rows.data(), static_cast<std::size_t>(n));
  actor_.forward(parameters + 2 * inputs, scratch.rows.data(), n, scratch.trace, decisions);
}

void DecisionHead::normalise(const float* parameters, float* rows, std::size_t n) const {
  const auto inputs = static_cast<std::size_t>(this->inputs());
  const float* mean = parameters;
  const float* inverse = parameters + inputs;
  for (; n > 0; --n, rows += inputs) {
    for (std::size_t i = 0; i < inputs; ++i) {
      rows[i] = std::clamp((rows[i] - mean[i]) * inverse[i], -kLargestInput, kLargestInput);
    }
  }
}

}  // namespace scout
