// Clusters of atoms that attract and repel each other. Energies: the Cambridge Cluster Database (Wales, Doye et al.), after
// Hoare & Pal 1971 and Northby 1987.
#include <cmath>

#include "scout/problem/real/families.h"

namespace scout::real {
namespace {

constexpr int kFewest = 4;
constexpr double kEnergies[] = {-6,         -9.103852,  -12.712062, -16.505384, -19.821489,
                                -24.113360, -28.422532, -32.765970, -37.967600, -44.326801};

/// Σ r^-12 - 2 r^-6 over all pairs: the least energy of a pair is -1, at distance 1.
double energy(std::span<const double> theta, std::span<double> gradient) {
  std::fill(gradient.begin(), gradient.end(), 0.0);
  double sum = 0;
  for (std::size_t i = 0; i < theta.size(); i += 3) {
    for (std::size_t j = 0; j < i; j += 3) {
      const double d[] = {theta[i] - theta[j], theta[i + 1] - theta[j + 1], theta[i + 2] - theta[j + 2]};
      const double square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
      const double sixth = 1 / (square * square * square);
      sum += sixth * (sixth - 2);
      if (gradient.empty()) continue;
      const double factor = 12 * sixth * (1 - sixth) / square;
      for (std::size_t k = 0; k < 3; ++k) {
        gradient[i + k] += factor * d[k];
        gradient[j + k] -= factor * d[k];
      }
    }
  }
  return sum;
}

FixedProblem make(int index) {
  const auto atoms = static_cast<std::size_t>(kFewest + index);
  // As large as a sphere that holds so many, and somewhat larger.
  const double half = 0.75 * std::cbrt(static_cast<double>(atoms));
  FixedProblem out;
  out.evaluate = energy;
  out.lower.assign(3 * atoms, -half);
  out.upper.assign(3 * atoms, half);
  out.optimum_value = kEnergies[index];
  return out;
}

}  // namespace

std::shared_ptr<const Family> lennard_jones() {
  return fixed_family("lennard-jones", "the energy of a cluster of 4 to 13 atoms, coordinates in space",
                      static_cast<int>(std::size(kEnergies)), make);
}

}  // namespace scout::real
