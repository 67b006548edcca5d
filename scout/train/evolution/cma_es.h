// Evolution of a few parameters: the separable CMA-ES (Ros & Hansen 2008), by ask and tell, and in which order it takes
// candidates that were tried on several problems.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// Minimises whatever its candidates are ranked by. The covariance is diagonal, so a step costs O(n) a candidate. Between a
/// `tell` and the next `ask` its whole state is what `visit` visits.
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
  void tell(std::span<const std::size_t> order);

  const std::vector<double>& mean() const { return mean_; }
  double step_size() const { return sigma_; }

  void visit(auto& archive) { archive.fixed(mean_, variance_, path_, step_path_), archive(sigma_); }

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

/// The candidates' numbers, best (least) first. `scores`: of each candidate, its mean or sum of log gaps on each problem,
/// all on the same instances. `rule` says what is added up over the problems:
///
/// - mean: the scores: a problem counts by how far candidates differ on it;
/// - spread: their distance from the problem's median candidate, over the mean distance plus 0.05: all problems count alike
/// on
///   which candidates do differ, those with much noise in f, whose scores have little room, included;
/// - ranks: ranks within the problem: all problems count alike, those where no candidate achieves anything too.
std::vector<std::size_t> selection_order(const std::vector<std::span<const double>>& scores, std::string_view rule);

}  // namespace scout
