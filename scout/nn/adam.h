// Adam on flat vectors of parameters.
#pragma once

#include <cstdint>
#include <vector>

namespace scout {

/// Adam (Kingma & Ba 2015) on a flat vector.
struct Adam {
  std::vector<float> mean, square;
  std::int64_t steps = 0;
  template <class Archive>
  void visit(Archive& archive) {
    archive(mean);
    archive(square);
    archive(steps);
  }
  void update(std::vector<float>& parameters, const std::vector<float>& gradient, double learning_rate);
};

}  // namespace scout
