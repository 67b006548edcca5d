// What an optimizer may ask of a function, and what it costs. Every method is compared at equal oracle calls.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "scout/problem/instance.h"

namespace scout {

class ThreadTeam;

/// Thrown by an oracle call that the budget does not cover, before anything is evaluated. A run that ends so has simply used
/// its budget; the thrower's caller is the runner, so optimizers let it pass.
class BudgetExhausted : public std::exception {
 public:
  const char* what() const noexcept override { return "the budget of oracle calls is exhausted"; }
};

/// False if any number is infinite or NaN.
bool all_finite(std::span<const double> numbers);

/// One point of a best-so-far curve.
struct CurvePoint {
  std::int64_t values;     ///< evaluations of f so far
  std::int64_t gradients;  ///< evaluations of ∇f so far
  double best;             ///< the least true (noiseless) f among the points recorded so far
};

/// Counts and limits the evaluations of one run. One f costs 1 call and one ∇f costs 1 call. The record of the true f at
/// each visited point is the judge's and costs nothing: a method that asks for gradients alone pays for gradients alone.
///
/// Where f is stochastic, the training of a network, a minibatch's loss comes with its gradient: both together cost the one
/// call of the gradient. Each point has a minibatch of its own (unless a OneMinibatch says otherwise), and the judge, whose
/// f is dear, looks at fewer points: each of the first 16 calls, then each time that the calls have grown by 1/16, rounded
/// up, and the last of the budget.
class Oracle {
 public:
  /// `budget`: the number of calls; std::invalid_argument if negative. The instance must outlive the oracle.
  Oracle(const Instance& instance, std::int64_t budget);

  double value(std::span<const double> theta);                               ///< 1 call
  void gradient(std::span<const double> theta, std::span<double> gradient);  ///< 1 call
  /// 1 call, of ∇f(theta). What is recorded is `result` [M], the point that the run would return if it ended here: for
  /// methods that ask about one point and stand for another, such as an average of all.
  void gradient(std::span<const double> theta, std::span<double> gradient, std::span<const double> result);
  /// 2 calls; where f is stochastic 1, of ∇f. Both are of the same minibatch.
  double value_and_gradient(std::span<const double> theta, std::span<double> gradient);
  /// As these two at B points `theta` [B, M], one after the other: f to `values` [B], and ∇f at the first G points to
  /// `gradients` [G, M]. The team's threads evaluate several at once, which changes no answer. Throws BudgetExhausted if the
  /// budget does not cover all.
  void batch(std::span<const double> theta, std::span<double> values, std::span<double> gradients, ThreadTeam& team);

  const Instance& instance() const { return instance_; }
  /// The calls that the run may make in all, or the end of the share that it is in (see BudgetShare).
  std::int64_t budget() const { return budget_; }
  std::int64_t calls() const { return values_ + gradients_; }
  std::int64_t remaining() const { return budget_ - calls(); }
  std::int64_t values() const { return values_; }
  std::int64_t gradients() const { return gradients_; }

  /// What the optimizer says of how the run ended, for people.
  void note(std::string text) { note_ = std::move(text); }
  const std::string& note() const { return note_; }

  /// The least finite true f so far; +infinity if there was none.
  double best_value() const { return best_; }
  /// Where it was reached [M]; empty if there was none.
  std::span<const double> best_point() const { return best_point_; }
  /// The last point recorded [M], where a training run ends; empty before the first call.
  std::span<const double> last_point() const { return last_point_; }
  /// How many answers were not finite.
  std::int64_t non_finite() const { return non_finite_; }
  /// One entry each time the best improved, and one at the last call; empty before the first call.
  std::vector<CurvePoint> curve() const;

  /// The judge sees nothing: no curve and no best point, for runs of which only the last point matters.
  void blindfold_judge() { blindfolded_ = true; }
  /// Keeps every recorded point, for drawing (2-D).
  void keep_trajectory() { keep_trajectory_ = true; }
  /// [K, M] row-major; empty unless kept.
  const std::vector<double>& trajectory() const { return trajectory_; }

 private:
  friend class BudgetShare;
  friend class OneMinibatch;

  std::uint64_t minibatch() { return held_minibatch_ ? *held_minibatch_ : minibatches_++; }
  double evaluate(std::span<const double> theta, std::int64_t values, std::int64_t gradients, std::span<double> gradient,
                  std::span<const double> result);
  void charge(std::span<const double> theta, std::int64_t values, std::int64_t gradients);
  void observe(std::span<const double> theta, bool finite);

  const Instance& instance_;
  std::int64_t budget_;
  std::int64_t values_ = 0;
  std::int64_t gradients_ = 0;
  std::int64_t non_finite_ = 0;
  std::int64_t next_judged_ = 0;   ///< calls, where f is stochastic
  std::uint64_t minibatches_ = 0;  ///< so far
  std::optional<std::uint64_t> held_minibatch_;
  double best_;
  std::vector<double> best_point_;
  std::vector<double> last_point_;
  std::vector<CurvePoint> curve_;
  bool blindfolded_ = false;
  bool keep_trajectory_ = false;
  std::vector<double> trajectory_;
  std::string note_;
};

/// Lends part of an oracle's budget: while it lives, `oracle` throws BudgetExhausted after `calls` more calls. A method that
/// runs another one several times gives each run a share, and the inner method sees it as its whole budget.
class BudgetShare {
 public:
  BudgetShare(Oracle& oracle, std::int64_t calls) : oracle_(oracle), whole_(oracle.budget_) {
    oracle.budget_ = std::min(whole_, oracle.calls() + calls);
  }
  ~BudgetShare() { oracle_.budget_ = whole_; }
  BudgetShare(const BudgetShare&) = delete;
  BudgetShare& operator=(const BudgetShare&) = delete;

 private:
  Oracle& oracle_;
  std::int64_t whole_;
};

/// Holds one minibatch: while it lives, every answer of `oracle` is of the same new one, each counted as ever. Values at two
/// points can then be compared, as a line search does.
class OneMinibatch {
 public:
  explicit OneMinibatch(Oracle& oracle) : oracle_(oracle) { oracle.held_minibatch_ = oracle.minibatches_++; }
  ~OneMinibatch() { oracle_.held_minibatch_.reset(); }
  OneMinibatch(const OneMinibatch&) = delete;
  OneMinibatch& operator=(const OneMinibatch&) = delete;

 private:
  Oracle& oracle_;
};

}  // namespace scout
