// Evolution with a full covariance (CMA-ES), by ask and tell, on values alone.
//
// Hansen, "The CMA evolution strategy: a tutorial" (2016), table 1, with negative weights (active CMA-ES), in the unit box:
// points outside are evaluated at the nearest point inside, and are ranked behind by how far they are. Above `kFullMemory`
// coordinates the covariance is diagonal, with rates (M + 2)/3 times larger (Ros & Hansen 2008).
#pragma once

#include <vector>

#include "scout/base/random.h"
#include "scout/policy/control/search.h"

namespace scout {

class CmaEsSearch : public Search {
 public:
  static constexpr std::size_t kFullMemory = 100;

  /// 4 + 3 ln M, the population that Hansen's tutorial has for M coordinates.
  static int usual_population(std::size_t dimension);

  /// Begins at `mean` [M] with the same deviation along all axes.
  void start(std::span<const double> mean, double deviation, int population, Random random);

  Question ask() const override { return {point_, false}; }
  void tell(const Answer& answer) override;
  bool over() const override { return over_; }

  void visit(auto& archive) {
    Random::State state = random_.state();
    for (std::uint64_t& word : state) archive(word);
    random_ = Random(state);
    archive(dimension_, full_, over_, population_, parents_, generation_, decomposed_, last_gain_, member_);
    archive(sigma_, best_, range_, effective_, c_sigma_, damping_, c_path_, c_one_, c_mu_, expected_norm_);
    archive(weights_, mean_, path_, step_path_, covariance_, axes_, lengths_, steps_, values_, penalties_, point_, recent_);
  }

  int population() const { return population_; }
  int generations() const { return generation_; }
  /// Generations since the best value of this start was found.
  int idle_generations() const { return generation_ - last_gain_; }
  double best_value() const { return best_; }
  std::span<const double> mean() const { return mean_; }
  /// The largest standard deviation of the distribution.
  double deviation() const;
  /// The condition number of the covariance.
  double condition() const;
  /// How far the values of the last generation differ.
  double range() const { return range_; }

 private:
  void draw();
  void advance();
  void decompose();
  void transform(std::span<const double> z, std::span<double> y) const;
  void whiten(std::span<const double> y, std::span<double> z) const;
  bool finished() const;

  std::uint64_t dimension_ = 0;
  bool full_ = true, over_ = true;
  int population_ = 0, parents_ = 0, generation_ = 0, decomposed_ = 0, last_gain_ = 0, member_ = 0;
  Random random_{Seed(0)};
  double sigma_ = 0, best_ = 0, range_ = 0;
  double effective_ = 0, c_sigma_ = 0, damping_ = 0, c_path_ = 0, c_one_ = 0, c_mu_ = 0, expected_norm_ = 0;
  std::vector<double> weights_;
  std::vector<double> mean_, path_, step_path_;
  std::vector<double> covariance_;      ///< [M, M], or its diagonal [M]
  std::vector<double> axes_, lengths_;  ///< eigenvectors [M, M], in columns, and roots of the eigenvalues [M]
  std::vector<double> steps_;           ///< y of the generation [population, M]
  std::vector<double> values_, penalties_;
  std::vector<double> point_;
  std::vector<double> recent_;  ///< the best value of each of the last generations
};

}  // namespace scout
