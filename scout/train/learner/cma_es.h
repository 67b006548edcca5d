// Evolution of a few parameters: the separable CMA-ES (Ros & Hansen 2008), by ask and tell.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// Minimises whatever its candidates are ranked by. The covariance is diagonal, so a step costs O(n) a candidate. Between a
/// `tell` and the next `ask` its whole state is what `state` visits.
class SeparableCmaEs {
 public:
  SeparableCmaEs() = default;
  /// Starts at `mean` [n] with the same deviation in all directions; `population` >= 4 candidates a generation.
  /// `mean_rate`, c_m in (0, 1]: the share of a generation's step that the mean takes; less than 1 averages over generations
  /// where ranks are noisy.
  SeparableCmaEs(std::vector<double> mean, double deviation, int population, double mean_rate = 1);

  /// A candidate: a point [n], and the direction [n] ~ N(0, I) that it lies in from the mean.
  struct Sample {
    std::vector<double> direction, point;
  };
  /// Draws a generation.
  const std::vector<Sample>& ask(Random& random);
  /// Takes candidates that were drawn elsewhere, from this distribution or from it as it was a little earlier, by their
  /// directions [population][n], instead of those of `ask`. So a step that was taken since is not taken back.
  void replace(std::vector<std::vector<double>> directions);
  /// Takes the candidates' order, best first.
  void tell(std::span<const int> order);

  const std::vector<double>& mean() const { return mean_; }
  double step_size() const { return sigma_; }

  template <class Visitor>
  void state(Visitor&& visit) {
    visit(mean_);
    visit(variance_);
    visit(path_);
    visit(step_path_);
    visit(sigma_);
  }

 private:
  std::vector<double> mean_, variance_;   // the diagonal of C
  std::vector<double> path_, step_path_;  // p_c, p_σ
  double sigma_ = 1;
  std::vector<double> weights_;
  double effective_ = 1;  // variance-effective selection mass μ_w
  int population_ = 0;
  double mean_rate_ = 1;
  std::vector<Sample> samples_;
};

}  // namespace scout
