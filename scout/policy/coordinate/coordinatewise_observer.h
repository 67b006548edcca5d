// The features of one coordinate: its own history, pooled statistics of all coordinates, and the progress of the run.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "scout/policy/coordinate/features.h"
#include "scout/policy/coordinate/quadratic_surrogate.h"
#include "scout/policy/coordinate/separable_surrogate.h"
#include "scout/policy/rule/observer_rule.h"

namespace scout {

/// Equivariant to permutations and to reflections of axes, for any M. Keeps, for every coordinate, the last four steps and
/// gradients, gradient averages at several time scales, and running regressions of g_i on θ_i over three windows: their
/// slope is a curvature, and where they cross zero is the minimum of the quadratic under the ripples, seen from as far as
/// the run has wandered. Of the last points of the run it makes two models of the whole region, each with its own error: a
/// sum of functions of one coordinate (SeparableSurrogate), and an isotropic quadratic (QuadraticSurrogate). A sequence of
/// points spread evenly over the region is there to be asked for, so that the models have something to learn from.
class CoordinatewiseObserver : public Observer {
 public:
  /// Columns of the features, with what each is; kFeatures: their number.
  using enum kernel::coordinate::Feature;

  /// The features that are steps, in the code of actions: two annealed gradient steps, then what an actor can add to them.
  static std::vector<int> proposal_features();
  /// The features that describe the run: elapsed and remaining time, how long ago the best point was found, how the gradient
  /// has shrunk, the landscape's roughness, and what the models leave unexplained.
  static std::vector<int> context_features();

  /// Numbers of the row that describes the run, for decisions: the context; how f stands; what the features of coordinates
  /// say, pooled; M and the horizon.
  static int run_columns();

  CoordinatewiseObserver(int dimension, bool gradient, std::shared_ptr<const DecisionHead> decisions = nullptr);

  std::size_t rows() const override { return static_cast<std::size_t>(dimension_); }
  /// After its own features a row has what was decided for the run.
  std::size_t features() const override { return kFeatures + decision().size(); }
  void write(float* features) const override;
  std::size_t decision_features() const override { return static_cast<std::size_t>(run_columns()); }
  void write_decision_features(float* out) const override;
  void orient(std::span<float> actions) const override;
  void save(ArchiveWriter& archive) const override;
  void restore(ArchiveReader& archive) override;

  template <class Archive>
  void visit(Archive& a) {
    a(state_, origin_, scale_, horizon_, step_, since_best_, separable_, quadratic_, gradient_size_, f_, best_, worst_);
    a(elite_weight_);
    for (double& x : previous_f_) a(x);
    for (double& x : mean_f_) a(x);
    for (double& x : variance_f_) a(x);
    a(gradient_square_, gradient_square_average_, gradient_square_mean_, first_gradient_square_);
    a(action_mean_, step_square_, step_change_, distance_square_, spread_square_);
  }

 protected:
  void begin(const Observation& first, const RunFrame& frame) override;
  void take_in(const Observation& next) override;

 private:
  using enum kernel::coordinate::Field;  // rows of the state
  static constexpr int kHistory = kernel::coordinate::kHistory;
  static constexpr int kWindows = kernel::coordinate::kWindows;

  float* field(int index) { return state_.data() + static_cast<std::size_t>(index) * padded_; }
  const float* field(int index) const { return state_.data() + static_cast<std::size_t>(index) * padded_; }

  void update_orientation();
  float relative_gradient(double gradient) const;
  void update_statistics(double f);
  void update_models(double f);
  /// What the features of all coordinates have in common.
  kernel::coordinate::RunSummary describe_run() const;

  int dimension_;
  bool gradient_;
  std::size_t padded_;
  std::vector<float> state_;
  std::vector<double> origin_;

  double scale_ = 1;
  int horizon_ = 1;
  int step_ = 0;
  int since_best_ = 0;
  SeparableSurrogate separable_;
  QuadraticSurrogate quadratic_;
  double gradient_size_ = 0;  // of the first gradient that is not zero, before scaling: mean |∇_i f|
  double f_ = 0, best_ = 0, worst_ = 0;
  std::array<double, kHistory> previous_f_{};  // newest first
  double elite_weight_ = 0;
  std::array<double, kWindows> mean_f_{}, variance_f_{};
  // Pooled over coordinates: mean squares.
  double gradient_square_ = 0;          // g², now
  double gradient_square_average_ = 0;  // g², averaged over steps, decay .9
  double gradient_square_mean_ = 0;     // g², averaged over all steps
  double first_gradient_square_ = 0;
  double action_mean_ = 0;  // |a|
  double step_square_ = 0;
  double step_change_ = 0;      // Δx Δg over the last step
  double distance_square_ = 0;  // (x_best - x)²
  double spread_square_ = 0;    // variance of x over the longest window
};

}  // namespace scout
