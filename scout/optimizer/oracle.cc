#include "scout/optimizer/oracle.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "scout/base/parallel.h"

namespace scout {

bool all_finite(std::span<const double> numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](double x) { return std::isfinite(x); });
}

Oracle::Oracle(const Instance& instance, std::int64_t budget)
    : instance_(instance), budget_(budget), best_(std::numeric_limits<double>::infinity()) {
  if (budget < 0) throw std::invalid_argument("oracle: the budget is " + std::to_string(budget) + ": must be >= 0");
}

double Oracle::value(std::span<const double> theta) { return evaluate(theta, 1, 0, {}, theta); }

void Oracle::gradient(std::span<const double> theta, std::span<double> gradient) { evaluate(theta, 0, 1, gradient, theta); }

void Oracle::gradient(std::span<const double> theta, std::span<double> gradient, std::span<const double> result) {
  if (result.size() != theta.size()) {
    throw std::invalid_argument("oracle: the result has " + std::to_string(result.size()) + " coordinates, the point " +
                                std::to_string(theta.size()));
  }
  evaluate(theta, 0, 1, gradient, result);
}

double Oracle::value_and_gradient(std::span<const double> theta, std::span<double> gradient) {
  return evaluate(theta, 1, 1, gradient, theta);
}

double Oracle::evaluate(std::span<const double> theta, std::int64_t values, std::int64_t gradients,
                        std::span<double> gradient, std::span<const double> result) {
  charge(theta, gradients > 0 && instance_.stochastic() ? 0 : values, gradients);
  double f = 0;
  instance_.evaluate_minibatch(minibatch(), theta, values > 0 ? std::span(&f, 1) : std::span<double>(), gradient);
  observe(result, std::isfinite(f) && all_finite(gradient));
  return f;
}

void Oracle::batch(std::span<const double> theta, std::span<double> values, std::span<double> gradients, ThreadTeam& team) {
  const auto m = static_cast<std::size_t>(instance_.dimension());
  const std::size_t with_gradient = gradients.size() / m, count = values.size();
  const auto cost = [&](std::size_t b) { return b < with_gradient && !instance_.stochastic() ? 2 : 1; };
  std::int64_t all = 0;
  std::vector<std::uint64_t> minibatches(count);
  for (std::size_t b = 0; b < count; ++b) all += cost(b);
  if (all > remaining()) throw BudgetExhausted();
  for (std::uint64_t& number : minibatches) number = minibatch();
  const auto gradient = [&](std::size_t b) { return b < with_gradient ? gradients.subspan(b * m, m) : std::span<double>(); };
  const auto evaluate = [&](int job) {
    const auto b = static_cast<std::size_t>(job);
    instance_.evaluate_minibatch(minibatches[b], theta.subspan(b * m, m), values.subspan(b, 1), gradient(b));
  };
  team.for_jobs(static_cast<int>(count), evaluate);
  for (std::size_t b = 0; b < count; ++b) {
    const bool sloped = b < with_gradient;
    charge(theta.subspan(b * m, m), cost(b) - (sloped ? 1 : 0), sloped ? 1 : 0);
    observe(theta.subspan(b * m, m), std::isfinite(values[b]) && all_finite(gradient(b)));
  }
}

std::vector<CurvePoint> Oracle::curve() const {
  std::vector<CurvePoint> out = curve_;
  const bool complete = calls() == 0 || (!out.empty() && out.back().values + out.back().gradients == calls());
  if (!complete) out.push_back({values_, gradients_, best_});
  return out;
}

void Oracle::charge(std::span<const double> theta, std::int64_t values, std::int64_t gradients) {
  if (theta.size() != static_cast<std::size_t>(instance_.dimension())) {
    throw std::invalid_argument("oracle: the point has " + std::to_string(theta.size()) + " coordinates, the instance " +
                                std::to_string(instance_.dimension()));
  }
  if (values + gradients > remaining()) throw BudgetExhausted();
  values_ += values;
  gradients_ += gradients;
}

void Oracle::observe(std::span<const double> theta, bool finite) {
  if (!finite) ++non_finite_;
  last_point_.assign(theta.begin(), theta.end());
  if (keep_trajectory_) trajectory_.insert(trajectory_.end(), theta.begin(), theta.end());
  if (blindfolded_) return;
  if (instance_.stochastic()) {
    constexpr std::int64_t kJudgedGrowth = 16;  // judged each time that the calls have grown by one in this many
    if (calls() < next_judged_ && remaining() > 0) return;
    next_judged_ = calls() + (calls() + kJudgedGrowth - 1) / kJudgedGrowth;
  }
  const double f = instance_.true_value(theta);
  if (std::isfinite(f) && f < best_) {
    best_ = f;
    best_point_.assign(theta.begin(), theta.end());
    curve_.push_back({values_, gradients_, best_});
  }
}

}  // namespace scout
