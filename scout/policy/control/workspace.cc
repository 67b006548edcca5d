#include "scout/policy/control/workspace.h"

#include <cmath>

namespace scout {

void PointSequence::start(std::size_t dimension, Random& random) {
  place_.resize(dimension);
  stride_.clear();
  for (double& x : place_) x = random.uniform();
  if (dimension > kMostCoordinates) return;
  // The root of x^(M+1) = x + 1: the generalised golden ratio.
  double root = 1.5;
  for (int k = 0; k < 60; ++k) root = std::pow(1 + root, 1.0 / static_cast<double>(dimension + 1));
  for (std::size_t i = 0; i < dimension; ++i)
    stride_.push_back(std::fmod(std::pow(1 / root, static_cast<double>(i + 1)), 1.0));
}

void PointSequence::next(std::span<double> point, Random& random) {
  for (std::size_t i = 0; i < point.size(); ++i) {
    place_[i] = stride_.empty() ? random.uniform() : std::fmod(place_[i] + stride_[i], 1.0);
    point[i] = place_[i];
  }
}

}  // namespace scout
