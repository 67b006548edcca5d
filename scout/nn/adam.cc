#include "scout/nn/adam.h"

#include <cmath>

#include "scout/nn/update.h"

namespace scout {

void Adam::update(std::vector<float>& parameters, const std::vector<float>& gradient, double learning_rate) {
  constexpr double beta1 = 0.9;
  constexpr double beta2 = 0.999;
  mean.resize(parameters.size(), 0.0F);
  square.resize(parameters.size(), 0.0F);
  ++steps;
  const double correction1 = 1.0 - std::pow(beta1, static_cast<double>(steps));
  const double correction2 = 1.0 - std::pow(beta2, static_cast<double>(steps));
  const auto rate = static_cast<float>(learning_rate / correction1);
  const auto root = static_cast<float>(1.0 / std::sqrt(correction2));
  kernel::adam(parameters.data(), mean.data(), square.data(), gradient.data(), parameters.size(), rate, root);
}

}  // namespace scout
