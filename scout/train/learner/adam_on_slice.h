// A learner's step of Adam.
#pragma once

#include <algorithm>
#include <vector>

#include "scout/nn/update.h"
#include "scout/train/learner/learner.h"

namespace scout {

/// Moves the slice of the acting parameters down `gradient` [slice.size()], and their running averages, which decay by
/// `average`, after them. Early on the averages are means of all steps.
inline void adam_on_slice(Adam& adam, const Slice& slice, const std::vector<float>& gradient, double learning_rate,
                          double average, SharedParameters& parameters) {
  const std::span<float> acting = slice.of(parameters.acting);
  std::vector<float> own(acting.begin(), acting.end());
  adam.update(own, gradient, learning_rate);
  std::ranges::copy(own, acting.begin());
  const double share = std::max(1 - average, 1 / static_cast<double>(adam.steps));
  for (std::size_t i = slice.begin; i < slice.end; ++i) parameters.average(i, share);
}

}  // namespace scout
