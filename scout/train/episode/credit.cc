#include "scout/train/episode/credit.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/optimizer/oracle.h"
#include "scout/train/episode/episode.h"

namespace scout {
namespace {

class ToOptimum final : public Credit {
 public:
  ToOptimum(const RewardOptions& options, bool by_coordinate) : options_(options), by_coordinate_(by_coordinate) {}

  void start(const Episode& e) override {
    if (options_.of == "current" || options_.of == "best") potentials(e, e.theta(), e.value(), now_);
  }

  void reward(const Episode& e, const LastStep& step, std::span<float> rewards) override {
    if (options_.of == "value") {
      const double gaps = std::max(0.0, e.value() - e.reference()) / e.start_gap();
      return std::fill(rewards.begin(), rewards.end(), static_cast<float>(-options_.scale * std::min(gaps, 10.0)));
    }
    if (options_.of == "final") {
      now_.assign(rewards.size(), 0.0);
      if (e.steps() == e.horizon()) potentials(e, e.best_point(), e.best_value(), now_);
      std::copy(now_.begin(), now_.end(), rewards.begin());
      return;
    }
    if (options_.of == "best" && !e.best_is_new()) return std::fill(rewards.begin(), rewards.end(), 0.0F);
    before_.swap(now_);
    potentials(e, e.theta(), e.value(), now_);
    if (!step.finite) {  // the potentials are the best point's by now, and getting there earns nothing
      const double whole = options_.of == "current" ? step.rise : step.best_rise;
      return std::fill(rewards.begin(), rewards.end(), static_cast<float>(whole));
    }
    for (std::size_t i = 0; i < rewards.size(); ++i) rewards[i] = static_cast<float>(now_[i] - before_[i]);
  }

 private:
  /// Φ of each coordinate at a point.
  void potentials(const Episode& e, std::span<const double> theta, double f, std::vector<double>& out) {
    out.assign(e.recorded().size(), e.potential(f));
    const auto optimum = e.instance().optimum();
    const bool shared = !by_coordinate_ || out.size() < 2 || out.size() != theta.size();
    if (shared || optimum.empty()) return;
    // Integrated gradients (midpoint rule); what the quadrature misses is shared out equally.
    const std::size_t m = theta.size();
    shares_.assign(m, 0.0);
    point_.resize(m);
    gradient_.resize(m);
    for (int k = 0; k < options_.path_points; ++k) {
      const double t = (k + 0.5) / options_.path_points;
      for (std::size_t i = 0; i < m; ++i) point_[i] = optimum[i] + t * (theta[i] - optimum[i]);
      e.instance().evaluate(point_, {}, gradient_);
      ++evaluations_;
      for (std::size_t i = 0; i < m; ++i) shares_[i] += gradient_[i] * (theta[i] - optimum[i]) / options_.path_points;
    }
    if (!all_finite(shares_)) return;  // a gradient on the way was not finite: the coordinates share the potential
    const double missed =
        (f - e.reference() - std::accumulate(shares_.begin(), shares_.end(), 0.0)) / static_cast<double>(m);
    for (std::size_t i = 0; i < m; ++i) {
      const double own = std::max(0.0, shares_[i] + missed) * static_cast<double>(m) / e.start_gap();
      out[i] = -options_.scale * std::log(own + options_.floor);
    }
  }

  RewardOptions options_;
  bool by_coordinate_;
  std::vector<double> now_, before_, shares_, point_, gradient_;
};

class AlongStep final : public Credit {
 public:
  explicit AlongStep(double scale) : scale_(static_cast<float>(scale)) {}

  bool wants_before() const override { return true; }
  void start(const Episode&) override {}
  void reward(const Episode& e, const LastStep& step, std::span<float> rewards) override {
    constexpr float kBound = 10;
    constexpr float kNotFinite = -1;
    const double scale = static_cast<double>(e.theta().size()) / std::max(std::fabs(step.f_before), 1e-12);
    for (std::size_t k = 0; k < rewards.size(); ++k) {
      const std::size_t i = e.recorded()[k];
      const double credit = -scale * 0.5 * (step.gradient_before[i] + e.gradient()[i]) * (e.theta()[i] - step.before[i]);
      const bool known = step.finite && std::isfinite(credit);
      rewards[k] = scale_ * (known ? std::clamp(static_cast<float>(credit), -kBound, kBound) : kNotFinite);
    }
  }

 private:
  float scale_;
};

}  // namespace

double DecisionReward::worth(double share) const {
  const double decades = -std::log10(share + floor);
  return std::min(decades, knee) + slope * std::max(0.0, decades - knee);
}

std::unique_ptr<Credit> credit_to_optimum(const RewardOptions& options, bool by_coordinate) {
  return std::make_unique<ToOptimum>(options, by_coordinate);
}

std::unique_ptr<Credit> credit_along_step(double scale) { return std::make_unique<AlongStep>(scale); }

}  // namespace scout
