// The rule "small_fc": the learned optimizer of Metz et al. 2022, "Practical tradeoffs between memory, compute, and
// performance in learned optimizers", there "small_fc_lopt": for each weight a small perceptron of 39 inputs, the features
// of GradientStatistics and eleven of the time, tanh(t/τ - 1). Of its outputs d and m it makes
//
//     Δθ = -s · d · exp(.001 m)
//
// with s the option `step_scale`, theirs .001, and hidden layers of `hidden`, theirs two of 4. The decays β of the averages
// are learned with it: 1 - β = (1 - β_0) e^(10 δ), with a parameter δ each.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "scout/policy/mlp/statistics_stepper.h"
#include "scout/policy/mlp/tensor_perceptron.h"
#include "scout/policy/rule/action.h"
#include "scout/policy/rules.h"

namespace scout {
namespace {

constexpr double kTimes[] = {1, 3, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5};
constexpr float kMagnitude = 0.001F;
constexpr TensorPerceptron::Inputs kInputs{.epsilon = 1e-6F, .floor = 1e-5F, .constants = std::size(kTimes)};
constexpr float kBound = 1e18F;
/// Parameters δ: of the m, of v, of rows and columns.
constexpr std::size_t kDecays = 2 * GradientStatistics::kDecays + 1;

float decayed(float initial, float delta) {
  const double left = (1 - static_cast<double>(initial)) * std::exp(10 * static_cast<double>(delta));
  return static_cast<float>(std::clamp(1 - left, 0.0, 1 - 1e-6));
}

GradientStatistics::Decays decays_of(std::span<const float> delta) {
  GradientStatistics::Decays out;
  for (std::size_t k = 0; k < GradientStatistics::kDecays; ++k) {
    out.momentum[k] = decayed(out.momentum[k], delta[k]);
    out.factored[k] = decayed(out.factored[k], delta[GradientStatistics::kDecays + 1 + k]);
  }
  out.square = decayed(out.square, delta[GradientStatistics::kDecays]);
  return out;
}

class SmallFcStepper : public StatisticsStepper {
 public:
  SmallFcStepper(const TensorPerceptron& perceptron, double step_scale, std::span<const float> parameters)
      : StatisticsStepper(decays_of(parameters), kBound, kInputs.epsilon),
        perceptron_(perceptron),
        step_scale_(step_scale),
        parameters_(parameters.begin() + kDecays, parameters.end()) {}

 protected:
  void prepare(const RunRecord&, std::size_t n, double, StatisticsPlan& plan) const override {
    plan.step = static_cast<float>(step_scale_);
    plan.constants.clear();
    for (const double time : kTimes) {
      plan.constants.push_back(static_cast<float>(std::tanh(static_cast<double>(plan.steps - 1) / time - 1)));
    }
    const std::vector<double> most = perceptron_.bounds(parameters_.data(), n);
    plan.largest = most[0] * std::exp(static_cast<double>(kMagnitude) * most[1]);
  }

  void directions(const StatisticsPlan& plan, const GradientStatistics& statistics, std::size_t n,
                  float* out) const override {
    thread_local std::vector<float> outputs;
    outputs.resize(2 * n);
    perceptron_.evaluate(parameters_.data(), statistics, n, plan.constants, outputs.data());
    for (std::size_t i = 0; i < n; ++i) {
      const float log_size = kMagnitude * std::numbers::log2e_v<float> * outputs[2 * i + 1];
      out[i] = outputs[2 * i] * bounded_exp2(log_size);
    }
  }

 private:
  TensorPerceptron perceptron_;
  double step_scale_;
  std::vector<float> parameters_;  // the perceptron's
};

class SmallFcRule : public UpdateRule {
 public:
  explicit SmallFcRule(const RuleOptions& options)
      : UpdateRule("small_fc/1:theta,gradient", options.step_scale), perceptron_(kInputs, options.hidden, 2) {}
  bool for_weights() const override { return true; }
  std::size_t parameter_count() const override { return kDecays + perceptron_.network().parameter_count(); }
  /// The authors' decays, and steps along the first momentum.
  std::vector<float> initial_parameters(Random& random) const override {
    std::vector<float> out = perceptron_.initial_parameters(random);
    out.insert(out.begin(), kDecays, 0.0F);
    return out;
  }

 protected:
  std::shared_ptr<const Stepper> make_stepper(std::span<const float> parameters) const override {
    return std::make_shared<SmallFcStepper>(perceptron_, step_scale(), parameters);
  }

 private:
  TensorPerceptron perceptron_;
};

}  // namespace

RuleEntry small_fc_rule() {
  return {
      "small_fc",
      "weights of networks: a perceptron for every weight, on its averages and Adafactor's, with decays that are learned "
      "(Metz et al. 2022)",
      {"hidden", "step_scale"},
      make_rule_of<SmallFcRule>};
}

}  // namespace scout
