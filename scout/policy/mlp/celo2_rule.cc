// The rule "celo2": Celo2 (2026, arXiv 2602.19142): for each weight of a matrix a small perceptron of 30 inputs, the
// features of GradientStatistics with those that TensorPerceptron calls clipped. Its one output is a direction. That of a
// whole matrix is brought near the closest orthogonal matrix and to a root mean square of 1:
//
//     Δθ = -s · D/rms(D),   D = newton_schulz(outputs)
//
// with s the learning rate that the user chooses, the option `step_scale`, and its schedule: here the annealing of a run.
// Vectors take steps of Adam, β = .9, .95, at 20 times that rate. Theirs: two hidden layers of 8, s = .001 in training.
#include <algorithm>
#include <cmath>

#include "scout/policy/mlp/newton_schulz.h"
#include "scout/policy/mlp/statistics_stepper.h"
#include "scout/policy/mlp/tensor_perceptron.h"
#include "scout/policy/rules.h"

namespace scout {
namespace {

constexpr TensorPerceptron::Inputs kInputs{.epsilon = 1e-8F, .floor = 1e-9F, .clipped = true};
constexpr float kBound = 1000;
constexpr double kFloor = 1e-9;
constexpr GradientStatistics::Decays kDecays{.square = 0.95F};
/// Of vectors: their rate, in units of matrices'; Adam's ε; and its largest m^/√v^, by Cauchy and Schwarz's inequality.
constexpr float kVectorRate = 20, kAdamEpsilon = 1e-8F;
constexpr double kLargest = 1.17;

class Celo2Stepper : public StatisticsStepper {
 public:
  Celo2Stepper(const TensorPerceptron& perceptron, double step_scale, std::span<const float> parameters)
      : StatisticsStepper(kDecays, kBound, kInputs.epsilon),
        perceptron_(perceptron),
        step_scale_(step_scale),
        parameters_(parameters.begin(), parameters.end()) {}

 protected:
  void prepare(const RunRecord& run, std::size_t n, double, StatisticsPlan& plan) const override {
    plan.step = static_cast<float>(step_scale_ * run.annealing());
    plan.largest = plan.sides.matrix() ? std::sqrt(static_cast<double>(n)) : static_cast<double>(kVectorRate) * kLargest;
  }

  void directions(const StatisticsPlan& plan, const GradientStatistics& statistics, std::size_t n,
                  float* out) const override {
    if (!plan.sides.matrix()) {
      const double left = 1 - std::pow(static_cast<double>(decays().square), static_cast<double>(plan.steps));
      const auto correction = static_cast<float>(1 / left);
      for (std::size_t i = 0; i < n; ++i) {
        const float mean = plan.correction * statistics.momentum(i);
        out[i] = kVectorRate * mean / (std::sqrt(correction * statistics.square(i)) + kAdamEpsilon);
      }
      return;
    }
    perceptron_.evaluate(parameters_.data(), statistics, n, {}, out);
    newton_schulz({out, n}, plan.sides.rows, plan.sides.columns);
    normalise(out, n, kFloor);
  }

 private:
  TensorPerceptron perceptron_;
  double step_scale_;
  std::vector<float> parameters_;
};

class Celo2Rule : public UpdateRule {
 public:
  explicit Celo2Rule(const RuleOptions& options)
      : UpdateRule("celo2/1:theta,gradient", options.step_scale), perceptron_(kInputs, options.hidden, 1) {}
  bool for_weights() const override { return true; }
  std::size_t parameter_count() const override { return perceptron_.network().parameter_count(); }
  /// Steps along the first momentum.
  std::vector<float> initial_parameters(Random& random) const override { return perceptron_.initial_parameters(random); }

 protected:
  std::shared_ptr<const Stepper> make_stepper(std::span<const float> parameters) const override {
    return std::make_shared<Celo2Stepper>(perceptron_, step_scale(), parameters);
  }

 private:
  TensorPerceptron perceptron_;
};

}  // namespace

RuleEntry celo2_rule() {
  return {"celo2",
          "weights of networks: a perceptron for every weight of a matrix puts out a direction, made orthogonal; Adam on "
          "vectors (Celo2, 2026)",
          {"hidden", "step_scale"},
          make_rule_of<Celo2Rule>};
}

}  // namespace scout
