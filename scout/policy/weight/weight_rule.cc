#include "scout/policy/weight/weight_rule.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace scout {
namespace {

/// log2(a), less `middle`, over `width`, clipped to [-1, 1].
double place(double a, double middle, double width) { return std::clamp((std::log2(a) - middle) / width, -1.0, 1.0); }

/// log2(a/b) / width, clipped to [-1, 1]; 0 if one of them is 0.
double log_ratio(double a, double b, double width) {
  return a > 0 && b > 0 ? std::clamp(std::log2(a / b) / width, -1.0, 1.0) : 0.0;
}

}  // namespace

void RunRecord::observe_loss() { loss_given = false; }

void RunRecord::observe_loss(double loss) {
  loss_given = std::isfinite(loss);
  if (!loss_given) return;
  if (losses == 0) best_loss = worst_loss = fast_loss = slow_loss = loss;
  fast_loss += 0.1 * (loss - fast_loss);
  slow_loss += 0.01 * (loss - slow_loss);
  loss_variance += 0.01 * ((loss - slow_loss) * (loss - slow_loss) - loss_variance);
  best_loss = std::min(best_loss, fast_loss);
  worst_loss = std::max(worst_loss, fast_loss);
  ++losses;
}

double RunRecord::elapsed() const {
  return horizon > 0 ? std::min(1.0, static_cast<double>(step) / static_cast<double>(horizon)) : 0.0;
}

WeightRule::WeightRule(std::vector<int> hidden) {
  if (hidden.size() >= static_cast<std::size_t>(kernel::kMostLayers)) {
    throw std::invalid_argument("option 'hidden' has " + std::to_string(hidden.size()) +
                                " layers: a network policy has at most " + std::to_string(kernel::kMostLayers - 1));
  }
  for (int width : hidden) {
    if (width >= 1 && width <= kernel::kMostHidden) continue;
    throw std::invalid_argument("option 'hidden' has a layer of " + std::to_string(width) +
                                ": a network policy's widths are from 1 to " + std::to_string(kernel::kMostHidden));
  }
  hidden.insert(hidden.begin(), kernel::kFeatures + kContext);
  hidden.push_back(kernel::kOutputs);
  network_ = Mlp(std::move(hidden));
  schedule_ = {kContext, kernel::kOutputs, network_.parameter_count()};
}

std::vector<float> WeightRule::initial_parameters(Random& random) const {
  std::vector<float> parameters = network_.initial_parameters(random, 0.0F);
  parameters.resize(parameter_count(), 0.0F);
  return parameters;
}

std::array<float, WeightRule::kContext> weight_context(const RunRecord& run, const TensorRecord& tensor,
                                                       const TensorShape& shape, double scale, double gradient_square) {
  const double size = static_cast<double>(shape.size);
  const double running =
      std::sqrt(tensor.square_mean / (1 - std::pow(kernel::kSquareDecay, static_cast<double>(tensor.step))));
  const bool planned = run.horizon > 0;
  const double elapsed = run.elapsed();
  const double range = run.worst_loss - run.best_loss;
  const double spread = std::sqrt(run.loss_variance) + 1e-12 * std::fabs(run.slow_loss);
  const bool trend = run.loss_given && run.losses > 1 && spread > 0;
  const std::array<double, WeightRule::kContext> values{
      place(size, 10, 10),
      shape.dimensions < 2 ? 1.0 : 0.0,
      shape.dimensions > 3 ? 1.0 : 0.0,
      shape.dimensions < 2 ? 0.0 : log_ratio(scale * std::sqrt(size / static_cast<double>(shape.rows)), 1, 8),
      log_ratio(scale, tensor.first_scale, 4),
      log_ratio(std::sqrt(gradient_square), running, 4),
      log_ratio(running, 1, 8),
      running > 0 ? std::min(std::sqrt(tensor.momentum_square) / running, 1.0) : 0.0,
      log_ratio(std::sqrt(tensor.update_square), 1, 4),
      elapsed,
      planned ? std::max(std::log2(std::max(1 - elapsed, 1e-3)) / 8, -1.0) : 0.0,
      planned ? 1.0 : 0.0,
      planned ? place(static_cast<double>(run.horizon), 10, 4) : 0.0,
      place(static_cast<double>(run.step) + 1, 6, 6),
      run.loss_given ? 1.0 : 0.0,
      run.loss_given && range > 0 ? (run.fast_loss - run.best_loss) / range : 0.0,
      trend ? std::clamp((run.slow_loss - run.fast_loss) / (4 * spread), -1.0, 1.0) : 0.0,
  };
  std::array<float, WeightRule::kContext> out;
  std::transform(values.begin(), values.end(), out.begin(), [](double x) { return static_cast<float>(x); });
  return out;
}

}  // namespace scout
