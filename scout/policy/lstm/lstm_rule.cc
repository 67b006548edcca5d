#include "scout/policy/lstm/lstm_rule.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "scout/policy/weight/finite_gradient.h"

namespace scout {
namespace {

/// Of the gradient's average, which the fallback follows and the guard looks at.
constexpr float kDecay = 0.9F;
/// Weights that are stepped together.
constexpr std::size_t kBlock = 64;

class LstmPlan : public TensorPlan {
 public:
  float gradient_factor = 1, correction = 1, step = 0, descent = 0, decay = 0;
};

/// The rule, or its fallback: descent along the average of gradients, in steps of the size of the weights. State: the
/// average, then that of the network.
class LstmStepper : public WeightStepper {
 public:
  LstmStepper(const LstmRule& rule, std::span<const float> parameters, bool plain)
      : network_(rule.network()),
        preprocess_(rule.preprocess()),
        step_scale_(rule.step_scale()),
        rule_(rule),
        parameters_(parameters.begin(), parameters.end()),
        plain_(plain) {}

  StateLayout layout() const override {
    return {.type = StateLayout::Type::float32, .per_weight = 1 + static_cast<int>(network_.state_size())};
  }
  std::unique_ptr<TensorPlan> new_plan() const override { return std::make_unique<LstmPlan>(); }

  void plan(RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
            const StepSettings& settings, TensorPlan& out) const override {
    auto& plan = static_cast<LstmPlan&>(out);
    plan.descent = static_cast<float>(plain_descent(run, tensor, shape, sums, settings));
    tensor.unit = 1;
    ++tensor.step;
    plan.gradient_factor = static_cast<float>(settings.gradient_factor);
    plan.correction = static_cast<float>(1 / (1 - std::pow(static_cast<double>(kDecay), static_cast<double>(tensor.step))));
    plan.step = static_cast<float>(settings.rate * step_scale_);
    plan.decay = static_cast<float>(settings.rate * run.annealing() * settings.weight_decay);
  }

  kernel::StepSums step(const TensorPlan& any, const WeightPiece& piece, std::size_t n, double*) const override {
    const auto& plan = static_cast<const LstmPlan&>(any);
    kernel::StepSums sums;
    float gradient[kBlock], output[kBlock];
    for (std::size_t first = 0; first < n; first += kBlock) {
      const std::size_t count = std::min(kBlock, n - first);
      float* average = static_cast<float*>(piece.state) + first;
      for (std::size_t i = 0; i < count; ++i) {
        const float g = plan.gradient_factor * piece.gradient[first + i];
        if (!std::isfinite(g)) ++sums.non_finite;
        gradient[i] = finite_gradient(g);
        average[i] += (1 - kDecay) * (gradient[i] - average[i]);
      }
      if (!plain_) run_network(average + piece.stride, piece.stride, gradient, count, output);
      for (std::size_t i = 0; i < count; ++i) {
        const float mean = plan.correction * average[i];
        const float moved = plain_ ? -plan.descent * mean : plan.step * output[i];
        float& theta = piece.theta[first + i];
        const float delta = moved - plan.decay * theta;
        const bool finite = std::isfinite(theta + delta);
        if (piece.delta != nullptr) {
          piece.delta[first + i] = finite ? delta : 0.0F;
        } else if (finite) {
          theta += delta;
        }
        const double share = plain_ ? static_cast<double>(moved) : static_cast<double>(output[i]);
        sums.update_square += share * share;
        sums.momentum_square += static_cast<double>(mean) * static_cast<double>(mean);
      }
    }
    return sums;
  }

  std::shared_ptr<const WeightStepper> fallback() const override {
    return std::make_shared<LstmStepper>(rule_, parameters_, true);
  }

  /// The read-out sees cells, which are at most 1, or inputs.
  float largest_step(const TensorPlan& any) const override {
    const auto& plan = static_cast<const LstmPlan&>(any);
    const float* w = parameters_.data() + network_.read_out();
    const float seen = network_.widths().empty() ? kGreatestGradient : 1.0F;
    float sum = 0;
    for (std::size_t k = 0; k < network_.top(); ++k) sum += std::fabs(w[k]) * seen;
    return plan.step * (sum + std::fabs(w[network_.top()]));
  }

 private:
  /// `state` is that of the first weight; number k of weight i is `apart` * k + i further on.
  void run_network(float* state, std::size_t apart, const float* gradient, std::size_t count, float* output) const {
    const std::size_t inputs = network_.inputs(), size = network_.state_size();
    thread_local std::vector<float> x, rows;
    x.resize(count * inputs);
    rows.resize(count * size);
    for (std::size_t i = 0; i < count; ++i) preprocess_gradient(gradient[i], preprocess_, &x[i * inputs]);
    for (std::size_t k = 0; k < size; ++k) {
      for (std::size_t i = 0; i < count; ++i) rows[i * size + k] = state[k * apart + i];
    }
    network_.forward(parameters_.data(), x.data(), count, rows.data(), output);
    for (std::size_t k = 0; k < size; ++k) {
      for (std::size_t i = 0; i < count; ++i) state[k * apart + i] = rows[i * size + k];
    }
  }

  DeepLstm network_;
  double preprocess_;
  double step_scale_;
  LstmRule rule_;
  std::vector<float> parameters_;
  bool plain_;
};

float cut_normal(double deviation, Random& random) {
  for (;;) {
    const double x = random.normal();
    if (std::fabs(x) <= 2) return static_cast<float>(deviation * x);
  }
}

}  // namespace

LstmRule::LstmRule(const RuleOptions& options)
    : UpdateRule("lstm/1:gradient", options.step_scale),
      preprocess_(options.preprocess),
      network_(gradient_inputs(options.preprocess), options.layers) {}

std::vector<float> LstmRule::initial_parameters(Random& random) const {
  std::vector<float> out;
  if (network_.widths().empty()) return std::vector<float>(parameter_count(), 0.0F);
  const auto draw = [&](std::size_t in, std::size_t numbers) {
    for (std::size_t k = 0; k < numbers; ++k) out.push_back(cut_normal(1 / std::sqrt(static_cast<double>(in)), random));
  };
  std::size_t in = network_.inputs();
  for (const std::size_t h : network_.widths()) {
    draw(in + h, (in + h + 1) * 4 * h);
    in = h;
  }
  draw(in, in + 1);
  // A gradient of 1, and one of -1, for some steps.
  const float gradients[2] = {1, -1};
  std::vector<float> x(2 * network_.inputs()), state(2 * network_.state_size(), 0.0F);
  for (std::size_t r = 0; r < 2; ++r) preprocess_gradient(gradients[r], preprocess_, &x[r * network_.inputs()]);
  float y[2], rise = 0;
  for (int t = 0; t < 5; ++t) {
    network_.forward(out.data(), x.data(), 2, state.data(), y);
    rise += y[0] - y[1];
  }
  if (rise > 0) {
    for (std::size_t k = network_.read_out(); k < out.size(); ++k) out[k] = -out[k];
  }
  return out;
}

std::shared_ptr<const Stepper> LstmRule::make_stepper(std::span<const float> parameters) const {
  return std::make_shared<LstmStepper>(*this, parameters, false);
}

RuleEntry lstm_rule() {
  return {
      "lstm",
      "weights of networks: an LSTM for every weight, which sees its gradient and puts out its step (Andrychowicz et al. "
      "2016)",
      {"layers", "preprocess", "step_scale"},
      make_rule_of<LstmRule>};
}

}  // namespace scout
