// What the rule "joint" sees: a fixed-length history of (f(θ), θ, Δθ) tuples, with ∇f as an option, for a fixed small M.
#pragma once

#include <vector>

#include "scout/policy/rule/observer.h"

namespace scout {

/// One row: for each of the last H steps f relative to the range seen, θ - θ_best, Δθ (both as actions) and, optionally, ∇f
/// over its largest coordinate so far; then the elapsed fraction of the horizon. Steps before the start are zero.
class JointObserver : public Observer {
 public:
  JointObserver(int dimension, int history, bool gradient);
  static int feature_count(int dimension, int history, bool gradient) {
    return history * (1 + (gradient ? 3 : 2) * dimension) + 2;
  }

  int dimension() const override { return dimension_; }
  int rows() const override { return 1; }
  int features() const override { return feature_count(dimension_, history_, gradient_); }
  void start(std::span<const double> theta, double f, std::span<const double> gradient, const RunFrame& frame) override;
  void observe(std::span<const float> actions, std::span<const double> theta, double f,
               std::span<const double> gradient) override;
  void write(float* features) const override;
  void orient(std::span<float>) const override {}
  void save(ArchiveWriter& archive) const override { archive(*this); }
  void restore(ArchiveReader& archive) override { archive(*this); }

  template <class Archive>
  void visit(Archive& archive) {
    archive(scale_), archive(horizon_), archive(step_), archive(best_), archive(worst_), archive(largest_gradient_);
    archive(best_theta_), archive(steps_);
  }

 private:
  struct Step {
    double f;
    std::vector<double> theta;
    std::vector<float> actions;
    std::vector<double> gradient;
    template <class Archive>
    void visit(Archive& archive) {
      archive(f), archive(theta), archive(actions), archive(gradient);
    }
  };
  void remember(std::span<const float> actions, std::span<const double> theta, double f, std::span<const double> gradient);

  int dimension_;
  int history_;
  bool gradient_;
  double scale_ = 1;
  int horizon_ = 1;
  int step_ = 0;
  double best_ = 0;
  double worst_ = 0;
  double largest_gradient_ = 0;
  std::vector<double> best_theta_;
  std::vector<Step> steps_;  // newest first
};

}  // namespace scout
