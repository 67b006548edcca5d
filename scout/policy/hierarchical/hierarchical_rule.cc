#include "scout/policy/hierarchical/hierarchical_rule.h"

#include <algorithm>
#include <cmath>

#include "scout/policy/weight/finite_gradient.h"

namespace scout {
namespace {

using Network = HierarchicalNetwork;

constexpr std::size_t kAbove = Network::kAbove, kMemory = Network::kMemory, kPooled = Network::kPooled;
/// Numbers kept of a weight: its memory, then δ from the first pass to the second.
constexpr std::size_t kDelta = kMemory;
/// The fallback's decays of the average of gradients and of that of squares.
constexpr float kDecay = 0.9F, kSquareDecay = 0.96F;

/// RunRecord::own. Sums are over the step that is being made.
enum RunNumber : std::size_t {
  kRunState,
  kBegun = kAbove,
  kMeanLogRate,
  kNumbered,
  kWeights,
  kLogRates,
  kTensors,
  kStates,
  kRunNumbers = kStates + kAbove
};
/// TensorRecord::own.
enum TensorNumber : std::size_t { kTensorState, kNumber = kAbove, kTensorNumbers };
/// Sums over a tensor's weights: of [h, x], of δ², of the new ρ.
enum Sum : std::size_t { kPool, kDeltaSquare = kPooled, kRates, kSums };

using Above = std::array<float, kAbove>;
Above floats(const double* numbers) {
  Above out;
  std::transform(numbers, numbers + kAbove, out.begin(), [](double x) { return static_cast<float>(x); });
  return out;
}

class HierarchicalPlan : public TensorPlan {
 public:
  Network::Context<float> context;
  std::size_t tensor = 0;  // its number
  bool fresh = false;      // whether this is the tensor's first step
  float gradient_factor = 1, step = 0, descent = 0, decay = 0, rms = 1, root_size = 0;
};

/// The rule, or its fallback: descent along the average of gradients, in steps of the size of the weights.
class HierarchicalStepper : public WeightStepper {
 public:
  HierarchicalStepper(const HierarchicalRule& rule, std::span<const float> parameters, bool plain)
      : rule_(rule), parameters_(parameters.begin(), parameters.end()), plain_(plain) {}

  StateLayout layout() const override {
    return {.type = StateLayout::Type::float32,
            .per_weight = static_cast<int>(kMemory) + 1,
            .per_tensor = kTensorNumbers,
            .per_run = kRunNumbers,
            .sums = kSums};
  }
  std::unique_ptr<TensorPlan> new_plan() const override { return std::make_unique<HierarchicalPlan>(); }

  void begin(RunRecord& run, double theta_square, std::int64_t size) const override {
    WeightStepper::begin(run, theta_square, size);
    if (run.own[kBegun] == 0) {
      std::copy_n(parameters_.begin() + static_cast<std::ptrdiff_t>(Network::initial_run_at()), kAbove, run.own.begin());
      run.own[kMeanLogRate] = Network::kInitialLogRate;
      run.own[kBegun] = 1;
    }
    std::fill(run.own.begin() + kWeights, run.own.end(), 0.0);
  }

  void plan(RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
            const StepSettings& settings, TensorPlan& out) const override {
    auto& plan = static_cast<HierarchicalPlan&>(out);
    plan.descent = static_cast<float>(plain_descent(run, tensor, shape, sums, settings));
    plan.fresh = tensor.step == 0;
    if (plan.fresh) {
      std::copy_n(parameters_.begin() + static_cast<std::ptrdiff_t>(Network::initial_tensor_at()), kAbove,
                  tensor.own.begin());
      tensor.own[kNumber] = run.own[kNumbered]++;
    }
    tensor.unit = 1;
    ++tensor.step;
    plan.tensor = static_cast<std::size_t>(tensor.own[kNumber]);
    plan.gradient_factor = static_cast<float>(settings.gradient_factor);
    plan.step = static_cast<float>(settings.rate * rule_.step_scale());
    plan.decay = static_cast<float>(settings.rate * run.annealing() * settings.weight_decay);
    plan.rms = 1;
    plan.root_size = std::sqrt(static_cast<float>(shape.size));
    plan.context = Network::context(parameters_.data(), floats(tensor.own.data()).data(), floats(run.own.data()).data(),
                                    static_cast<float>(run.own[kMeanLogRate]), plan.fresh);
  }

  bool looks() const override { return !plain_; }

  void look(const TensorPlan& any, const WeightPiece& piece, std::size_t n, double* own_sums) const override {
    const auto& plan = static_cast<const HierarchicalPlan&>(any);
    float memory[kMemory];
    for (std::size_t i = 0; i < n; ++i) {
      load(plan, piece, i, memory);
      const float g = finite_gradient(plan.gradient_factor * piece.gradient[i]);
      const float delta = Network::look<float>(parameters_.data(), plan.context, g, memory, own_sums + kPool, nullptr);
      own_sums[kDeltaSquare] += static_cast<double>(delta) * static_cast<double>(delta);
      store(memory, piece, i);
      number(piece, kDelta, i) = delta;
    }
  }

  void looked(TensorPlan& any, const TensorShape& shape, std::span<const double> own_sums) const override {
    if (shape.size > 0) static_cast<HierarchicalPlan&>(any).rms = rms(own_sums[kDeltaSquare], shape.size);
  }

  kernel::StepSums step(const TensorPlan& any, const WeightPiece& piece, std::size_t n, double* own_sums) const override {
    const auto& plan = static_cast<const HierarchicalPlan&>(any);
    kernel::StepSums sums;
    float memory[kMemory];
    for (std::size_t i = 0; i < n; ++i) {
      const float g = plan.gradient_factor * piece.gradient[i];
      if (!std::isfinite(g)) ++sums.non_finite;
      float share = 0, moved = 0;
      if (plain_) {
        load(plan, piece, i, memory);
        average(finite_gradient(g), plan.fresh, memory);
        moved = share = -plan.descent * memory[Network::kMean];
        store(memory, piece, i);
      } else {
        for (std::size_t k = 0; k <= Network::kLogRate; ++k) memory[k] = number(piece, k, i);
        share = Network::move<float>(parameters_.data(), memory, number(piece, kDelta, i), plan.rms, nullptr);
        number(piece, Network::kLogRate, i) = memory[Network::kLogRate];
        moved = plan.step * share;
      }
      own_sums[kRates] += static_cast<double>(memory[Network::kLogRate]);
      float& theta = piece.theta[i];
      const float delta = moved - plan.decay * theta;
      const bool finite = std::isfinite(theta + delta);
      if (piece.delta != nullptr) {
        piece.delta[i] = finite ? delta : 0.0F;
      } else if (finite) {
        theta += delta;
      }
      const auto mean = static_cast<double>(number(piece, Network::kMean, i));
      sums.update_square += static_cast<double>(share) * static_cast<double>(share);
      sums.momentum_square += mean * mean;
    }
    return sums;
  }

  void end(RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::StepSums& sums,
           std::span<const double> own_sums) const override {
    WeightStepper::end(run, tensor, shape, sums, own_sums);
    if (shape.size <= 0) return;
    run.own[kWeights] += static_cast<double>(shape.size);
    run.own[kLogRates] += own_sums[kRates];
    if (plain_) return;
    std::array<float, kPooled> pooled;
    for (std::size_t k = 0; k < kPooled; ++k)
      pooled[k] = static_cast<float>(own_sums[kPool + k] / static_cast<double>(shape.size));
    Above state = floats(tensor.own.data());
    Network::tensor_step<float>(parameters_.data(), pooled.data(), floats(run.own.data()).data(), state.data(), nullptr);
    std::copy(state.begin(), state.end(), tensor.own.begin());
    run.own[kTensors] += 1;
    for (std::size_t k = 0; k < kAbove; ++k) run.own[kStates + k] += static_cast<double>(state[k]);
  }

  void end(RunRecord& run) const override {
    if (run.own[kWeights] > 0) run.own[kMeanLogRate] = run.own[kLogRates] / run.own[kWeights];
    if (run.own[kTensors] > 0) {
      Above mean = floats(&run.own[kStates]), state = floats(run.own.data());
      for (float& x : mean) x /= static_cast<float>(run.own[kTensors]);
      Network::run_step<float>(parameters_.data(), mean.data(), state.data(), nullptr);
      std::copy(state.begin(), state.end(), run.own.begin());
    }
    WeightStepper::end(run);
  }

  std::shared_ptr<const WeightStepper> fallback() const override {
    return std::make_shared<HierarchicalStepper>(rule_, parameters_, true);
  }

  /// Of a weight that alone would move, with the greatest learning rate.
  float largest_step(const TensorPlan& any) const override {
    const auto& plan = static_cast<const HierarchicalPlan&>(any);
    const double offset = static_cast<double>(parameters_[Network::offset_at()]);
    return plan.step * static_cast<float>(std::exp(std::min(Network::kGreatestLogRate + offset, 80.0))) * plan.root_size;
  }

 private:
  static float rms(double square, std::int64_t size) {
    return std::sqrt(static_cast<float>(square / static_cast<double>(size)) + 1e-16F);
  }
  static float& number(const WeightPiece& piece, std::size_t k, std::size_t i) {
    return static_cast<float*>(piece.state)[k * piece.stride + i];
  }
  /// What is remembered of weight i, or how it begins.
  void load(const HierarchicalPlan& plan, const WeightPiece& piece, std::size_t i, float* memory) const {
    for (std::size_t k = 0; k < kMemory; ++k) memory[k] = number(piece, k, i);
    if (!plan.fresh) return;
    std::copy_n(parameters_.begin() + static_cast<std::ptrdiff_t>(Network::initial_weight_at()), Network::kCells, memory);
    memory[Network::kLogRate] = Network::initial_log_rate(piece.first + i, plan.tensor);
  }
  static void store(const float* memory, const WeightPiece& piece, std::size_t i) {
    for (std::size_t k = 0; k < kMemory; ++k) number(piece, k, i) = memory[k];
  }
  /// The averages of a step that the network does not see.
  static void average(float gradient, bool fresh, float* memory) {
    float decay = fresh ? 0.0F : kDecay;
    for (std::size_t k = 0; k < Network::kScales; ++k, decay = std::sqrt(decay)) {
      float &m = memory[Network::kMean + k], &v = memory[Network::kSquare + k];
      m += (1 - decay) * (gradient - m);
      v += (fresh ? 1.0F : 1 - kSquareDecay) * (m * m + 1e-12F - v);
    }
  }

  HierarchicalRule rule_;
  std::vector<float> parameters_;
  bool plain_;
};

}  // namespace

std::shared_ptr<const Stepper> HierarchicalRule::make_stepper(std::span<const float> parameters) const {
  return std::make_shared<HierarchicalStepper>(*this, parameters, false);
}

RuleEntry hierarchical_rule() {
  return {
      "hierarchical_rnn",
      "weights of networks: recurrent networks of each weight, each tensor and the run, that scale gradients, directions "
      "and learning rates (Wichrowska et al. 2017)",
      {"step_scale"},
      make_rule_of<HierarchicalRule>};
}

}  // namespace scout
