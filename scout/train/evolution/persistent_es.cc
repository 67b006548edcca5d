#include "scout/train/evolution/persistent_es.h"

#include <algorithm>
#include <stdexcept>

namespace scout {

PersistentEs::PersistentEs(std::size_t parameters, double deviation, bool persistent)
    : deviation_(deviation), persistent_(persistent), perturbation_(parameters, 0.0), sum_(parameters, 0.0) {
  if (!(deviation > 0)) throw std::invalid_argument("PersistentEs: deviation must be greater than 0");
}

const std::vector<double>& PersistentEs::perturb(Random& random) {
  if (!persistent_) clear();
  for (std::size_t i = 0; i < sum_.size(); ++i) {
    perturbation_[i] = deviation_ * random.normal();
    sum_[i] += perturbation_[i];
  }
  return perturbation_;
}

void PersistentEs::add(double difference, std::span<double> gradient) const {
  const double slope = difference / (2 * deviation_ * deviation_);
  for (std::size_t i = 0; i < sum_.size(); ++i) gradient[i] += slope * sum_[i];
}

void PersistentEs::clear() { std::ranges::fill(sum_, 0.0); }

}  // namespace scout
