// The rule "adam" (Kingma & Ba 2015, with bias correction): no parameters to learn, and a hidden state of its own. The
// example of such a rule: this file, and its row in scout/policy/rules.cc.
#include <algorithm>
#include <cmath>

#include "scout/policy/rules.h"
#include "scout/policy/weight/finite_gradient.h"
#include "scout/policy/weight/weight_stepper.h"

namespace scout {
namespace {

constexpr double kFirst = 0.9, kSecond = 0.999;
constexpr float kEpsilon = 1e-8F;
/// m^/sqrt(v^) of one gradient after many of 0, the largest there is: by Cauchy and Schwarz's inequality, (1 - β_1) /
/// sqrt((1 - β_2) (1 - β_1²/β_2)).
constexpr float kLargest = 7.27F;

class AdamPlan : public TensorPlan {
 public:
  float gradient_factor = 1, first_correction = 1, second_correction = 1, step = 0, decay = 0;
};

class AdamStepper : public WeightStepper {
 public:
  explicit AdamStepper(double learning_rate) : learning_rate_(learning_rate) {}

  StateLayout layout() const override { return {StateLayout::Type::float32, 2}; }
  std::unique_ptr<TensorPlan> new_plan() const override { return std::make_unique<AdamPlan>(); }

  void plan(RunRecord& run, TensorRecord& tensor, const TensorShape&, const kernel::TensorSums&,
            const StepSettings& settings, TensorPlan& out) const override {
    auto& plan = static_cast<AdamPlan&>(out);
    tensor.unit = 1;
    const auto t = static_cast<double>(++tensor.step);
    plan.gradient_factor = static_cast<float>(settings.gradient_factor);
    plan.first_correction = static_cast<float>(1 / (1 - std::pow(kFirst, t)));
    plan.second_correction = static_cast<float>(1 / (1 - std::pow(kSecond, t)));
    plan.step = static_cast<float>(settings.rate * run.annealing() * learning_rate_);
    plan.decay = static_cast<float>(settings.rate * run.annealing() * settings.weight_decay);
  }

  kernel::StepSums step(const TensorPlan& any, const WeightPiece& piece, std::size_t n, double*) const override {
    const auto& plan = static_cast<const AdamPlan&>(any);
    auto* m = static_cast<float*>(piece.state);
    float* v = m + piece.stride;
    kernel::StepSums sums;
    for (std::size_t i = 0; i < n; ++i) {
      const float seen = plan.gradient_factor * piece.gradient[i], g = finite_gradient(seen);
      if (!std::isfinite(seen)) ++sums.non_finite;
      m[i] += static_cast<float>(1 - kFirst) * (g - m[i]);
      v[i] += static_cast<float>(1 - kSecond) * (g * g - v[i]);
      const float mean = plan.first_correction * m[i];
      const float share = mean / (std::sqrt(plan.second_correction * v[i]) + kEpsilon);
      const float delta = -plan.step * share - plan.decay * piece.theta[i];
      if (piece.delta != nullptr) {
        piece.delta[i] = delta;
      } else {
        const float moved = piece.theta[i] + delta;
        if (std::isfinite(moved)) piece.theta[i] = moved;
      }
      sums.update_square += static_cast<double>(share) * static_cast<double>(share);
      sums.momentum_square += static_cast<double>(mean) * static_cast<double>(mean);
    }
    return sums;
  }

  std::shared_ptr<const WeightStepper> fallback() const override {
    return std::make_shared<AdamStepper>(0.1 * learning_rate_);
  }
  float largest_step(const TensorPlan& plan) const override { return kLargest * static_cast<const AdamPlan&>(plan).step; }

 private:
  double learning_rate_;
};

class AdamRule : public UpdateRule {
 public:
  explicit AdamRule(const RuleOptions& options) : UpdateRule("adam/1:gradient", options.step_scale) {}
  bool for_weights() const override { return true; }

 protected:
  std::shared_ptr<const Stepper> make_stepper(std::span<const float>) const override {
    return std::make_shared<AdamStepper>(step_scale());
  }
};

}  // namespace

RuleEntry adam_rule() {
  return {"adam",
          "weights of networks: Adam (Kingma & Ba 2015), nothing of which is learned; for comparison",
          {"step_scale"},
          make_rule_of<AdamRule>};
}

}  // namespace scout
