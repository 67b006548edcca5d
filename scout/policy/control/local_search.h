// Descent into the nearest minimum: L-BFGS within bounds.
//
// A coordinate on a bound that the gradient pushes out of the box is held there, and trial points are projected onto the box
// (Bertsekas 1982). The line search brackets a point that meets the weak Wolfe conditions by cubic interpolation; near the
// minimum, where f is flat to rounding, slopes decide alone (the approximate conditions of Hager & Zhang 2005).
#pragma once

#include <limits>
#include <vector>

#include "scout/policy/control/quasi_newton.h"
#include "scout/policy/control/search.h"

namespace scout {

struct LocalSearchOptions {
  double first_step = 0.1;     ///< the length of the first step, in the units of θ
  double longest_step = 1e10;  ///< of any step
  /// The search is over once steps lower f by less than this share of |f|, or of `spread`.
  double tolerance = 1e-14;
  double spread = 0;  ///< how far values of f differ in the region
  /// Whether a gradient costs many times a value: then it is asked for only where f has fallen.
  bool dear_gradients = false;
};

class LocalSearch : public Search {
 public:
  /// Bounds [M] may be infinite.
  LocalSearch(std::span<const double> lower, std::span<const double> upper) : lower_(lower), upper_(upper) {}

  /// Begins at a point [M], which is moved into the bounds. The bounds have to live as long as the search.
  void start(std::span<const double> point, const LocalSearchOptions& options);

  Question ask() const override { return {trial_, gradient_wanted_}; }
  void tell(const Answer& answer) override;
  bool over() const override { return stage_ == Stage::over; }
  /// Ends it.
  void stop() { stage_ = Stage::over; }

  /// All but the bounds.
  void visit(auto& archive) {
    archive(options_.first_step, options_.longest_step, options_.tolerance, options_.spread, options_.dear_gradients);
    archive(stage_, point_, gradient_, trial_, direction_, value_, model_, first_step_);
    for (Trial* trial : {&low_, &high_}) archive(trial->step, trial->value, trial->slope);
    archive(step_, slope_, length_, trials_, gradient_wanted_, best_, best_gradient_, best_value_, steps_, small_);
  }

  /// Steps so far.
  int steps() const { return steps_; }
  /// By how much f falls from here by the quadratic model of its steps; infinite before it has one.
  double promised() const {
    return stage_ == Stage::line && !model_.empty() ? -0.5 * slope_ : std::numeric_limits<double>::infinity();
  }
  /// The point that it stands on, and f there; infinite before the first answer.
  std::span<const double> point() const { return point_; }
  double value() const { return value_; }

 private:
  enum class Stage { over, start, line };

  /// A point along the line: how far, and what was found.
  struct Trial {
    double step = 0, value = 0, slope = 0;
  };

  void begin_line();
  void try_step(double step);
  void judge_value(double value);
  void judge(double value, std::span<const double> gradient);
  void interpolate();
  void accept(double value, std::span<const double> gradient);
  /// The line has no better point: begin anew with the gradient, or be over.
  void give_up_line();
  bool held(std::size_t i) const;

  std::span<const double> lower_, upper_;
  LocalSearchOptions options_;
  Stage stage_ = Stage::over;
  std::vector<double> point_, gradient_, trial_, direction_;
  double value_ = 0;
  QuasiNewton model_;
  double first_step_ = 0;  ///< of a line along the gradient
  Trial low_, high_;       ///< the bracket; high_.step is infinite while it is open
  double step_ = 0, slope_ = 0, length_ = 0;
  int trials_ = 0;
  bool gradient_wanted_ = true;
  /// The best trial of the line, where it is better than the point.
  std::vector<double> best_, best_gradient_;
  double best_value_ = 0;
  int steps_ = 0;
  int small_ = 0;  ///< steps without progress, one after the other
  std::vector<double> s_, y_;
};

}  // namespace scout
