#include "scout/policy/weight/weight_rule.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <numeric>
#include <stdexcept>

#include "scout/policy/rule/action.h"
#include "scout/policy/rules.h"

namespace scout {
namespace {

/// log2(a), less `middle`, over `width`, clipped to [-1, 1].
double place(double a, double middle, double width) { return std::clamp((std::log2(a) - middle) / width, -1.0, 1.0); }

/// log2(a/b) / width, clipped to [-1, 1]; 0 if one of them is 0.
double log_ratio(double a, double b, double width) {
  return a > 0 && b > 0 ? std::clamp(std::log2(a / b) / width, -1.0, 1.0) : 0.0;
}

/// The step of a weight, from outputs u and features: the formulas of weight_step.h.
struct Step {
  float size;
  float direction;
  float slope[kernel::kOutputs];  // of the direction by the outputs; that by u_1 is not used
  float step;                     // in units of the largest

  Step(const float* out, const float* x) {
    const auto expand = [&](int k) { return kernel::kCompression[k] * x[k] / std::max(1.0F - std::fabs(x[k]), 1e-6F); };
    slope[0] = x[kernel::kMomentumFeature];
    slope[1] = 0;
    slope[2] = x[kernel::kGradientFeature];
    slope[3] = expand(2);
    slope[4] = expand(3);
    slope[5] = x[kernel::kThetaFeature];
    direction = expand(1);
    for (int k = 0; k < kernel::kOutputs; ++k) direction += WeightRule::kOutputScale * out[k] * slope[k];
    const float log_size = WeightRule::kOutputScale * std::numbers::log2e_v<float> * out[1];
    size = bounded_exp2(log_size, kernel::kLeastLogStep, kernel::kGreatestLogStep);
    step = std::clamp(size * direction / kernel::kStepBound, -1.0F, 1.0F);
  }

  float action() const { return encode_step(step); }
  /// ∂L/∂u, given ∂L/∂a. da/dΔ is steep where steps are small; a unit of output must not move the action by more than a
  /// unit.
  void gradient(float d_action, float* d) const {
    const float da = inwards(action(), d_action);
    const float rise = action_slope(step) * WeightRule::kOutputScale;
    const auto part = [&](float d_step) { return da * std::clamp(rise * d_step, -1.0F, 1.0F); };
    for (int k = 0; k < kernel::kOutputs; ++k) d[k] = part(size * slope[k] / kernel::kStepBound);
    d[1] = part(step);
  }
};

constexpr int kInputs = kernel::kFeatures + WeightRule::kContext;

class StepMap : public ActionMap {
 public:
  explicit StepMap(int features) : features_(features) {}
  void actions(const float* outputs, const float* features, int rows, float* actions) const override {
    for (std::ptrdiff_t r = 0; r < rows; ++r) {
      actions[r] = Step(outputs + r * kernel::kOutputs, features + r * features_).action();
    }
  }
  void gradient(const float* outputs, const float* features, const float* d_actions, int rows,
                float* d_outputs) const override {
    for (std::ptrdiff_t r = 0; r < rows; ++r) {
      const Step step(outputs + r * kernel::kOutputs, features + r * features_);
      step.gradient(d_actions[r], d_outputs + r * kernel::kOutputs);
    }
  }

 private:
  int features_;
};

/// What a decision of 1 adds to the outputs: eight times the step, or as much as a proposal weighs.
constexpr float kStepSpan = 7.0F;
constexpr float kOtherSpan = 3.0F;

std::vector<float> spans() {
  std::vector<float> out(kernel::kOutputs, kOtherSpan);
  out[1] = kStepSpan;
  return out;
}

Actor make_actor(std::vector<int> hidden, int decisions) {
  if (hidden.size() >= static_cast<std::size_t>(kernel::kMostLayers)) {
    throw std::invalid_argument("option 'hidden' has " + std::to_string(hidden.size()) +
                                " layers: the rule \"weight\" has at most " + std::to_string(kernel::kMostLayers - 1));
  }
  for (int width : hidden) {
    if (width >= 1 && width <= kernel::kMostHidden) continue;
    throw std::invalid_argument("option 'hidden' has a layer of " + std::to_string(width) +
                                ": widths of the rule \"weight\" are from 1 to " + std::to_string(kernel::kMostHidden));
  }
  std::vector<int> context(WeightRule::kContext);
  std::iota(context.begin(), context.end(), kernel::kFeatures);
  const int features = kInputs + (decisions > 0 ? kernel::kOutputs : 0);
  return Actor({.network = Mlp(layer_sizes(features, std::move(hidden), kernel::kOutputs)),
                .features = features,
                .outputs = kernel::kOutputs,
                .map = std::make_shared<StepMap>(features),
                .context = std::move(context),
                .head_outputs = kernel::kOutputs,
                .decision = kInputs,
                .spans = decisions > 0 ? spans() : std::vector<float>{}});
}

std::optional<DecisionHead> make_head(const Actor& actor, int decisions, const std::vector<int>& hidden) {
  if (decisions == 0) return {};
  return DecisionHead(WeightRule::kContext, hidden, spans(), decisions, DecisionHead::Stretches::growing,
                      actor.parameter_count());
}

/// A tensor that begins at zero, such as a bias, is measured by this share of the rms of all weights,
constexpr double kShareOfAll = 0.3;
/// and where all weights begin at zero, or so near it that floats have no digits for their steps, by this.
constexpr double kScaleOfNothing = 0.05, kNothing = 1e-30;

/// Factors of the outputs: the kernel's second is a logarithm to base 2.
float output_scale(int k) { return WeightRule::kOutputScale * (k == 1 ? std::numbers::log2e_v<float> : 1.0F); }

double mean(double sum, std::int64_t count) { return count > 0 ? sum / static_cast<double>(count) : 0.0; }

}  // namespace

WeightRule::WeightRule(std::vector<int> hidden, double step_scale, int decisions, const std::vector<int>& decision_hidden)
    : UpdateRule("network/2:theta,gradient,loss", step_scale, make_actor(hidden, decisions),
                 make_head(make_actor(hidden, decisions), decisions, decision_hidden)) {}

std::shared_ptr<const Stepper> WeightRule::make_stepper(std::span<const float> parameters) const {
  return std::make_shared<FusedStepper>(*this, parameters);
}

RuleEntry weight_rule() {
  return {"weight",
          "weights of networks: one network for every weight, which shapes an Adam step in the tensor's scale",
          {"hidden", "step_scale", "decisions", "decision_hidden"},
          [](const RuleOptions& options) -> std::shared_ptr<const UpdateRule> {
            return std::make_shared<WeightRule>(options.hidden, options.step_scale, options.decisions,
                                                options.decision_hidden);
          }};
}

std::array<float, WeightRule::kContext> weight_context(const RunRecord& run, const TensorRecord& tensor,
                                                       const TensorShape& shape, double scale, double gradient_square) {
  const double size = static_cast<double>(shape.size);
  const double running =
      std::sqrt(tensor.square_mean / (1 - std::pow(kernel::kSquareDecay, static_cast<double>(tensor.step))));
  const bool planned = run.horizon > 0;
  const double elapsed = run.elapsed();
  const double range = run.worst_loss - run.best_loss;
  const double spread = std::sqrt(run.loss_variance) + 1e-12 * std::fabs(run.slow_loss);
  const bool trend = run.loss_given && run.losses > 1 && spread > 0;
  const std::array<double, WeightRule::kContext> values{
      place(size, 10, 10),
      shape.dimensions < 2 ? 1.0 : 0.0,
      shape.dimensions > 3 ? 1.0 : 0.0,
      shape.dimensions < 2 ? 0.0 : log_ratio(scale * std::sqrt(size / static_cast<double>(shape.rows)), 1, 8),
      log_ratio(scale, tensor.first_scale, 4),
      log_ratio(std::sqrt(gradient_square), running, 4),
      log_ratio(running, 1, 8),
      running > 0 ? std::min(std::sqrt(tensor.momentum_square) / running, 1.0) : 0.0,
      log_ratio(std::sqrt(tensor.update_square), 1, 4),
      elapsed,
      planned ? std::max(std::log2(std::max(1 - elapsed, 1e-3)) / 8, -1.0) : 0.0,
      planned ? 1.0 : 0.0,
      planned ? place(static_cast<double>(run.horizon), 10, 4) : 0.0,
      place(static_cast<double>(run.step) + 1, 6, 6),
      run.loss_given ? 1.0 : 0.0,
      run.loss_given && range > 0 ? (run.fast_loss - run.best_loss) / range : 0.0,
      trend ? std::clamp((run.slow_loss - run.fast_loss) / (4 * spread), -1.0, 1.0) : 0.0,
  };
  std::array<float, WeightRule::kContext> out;
  std::transform(values.begin(), values.end(), out.begin(), [](double x) { return static_cast<float>(x); });
  return out;
}

FusedStepper::FusedStepper(const WeightRule& rule, std::span<const float> parameters)
    : rule_(rule), parameters_(parameters.begin(), parameters.end()) {
  const std::vector<Linear>& layers = rule_.network().layers();
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const int in = l == 0 ? kernel::kFeatures : layers[l].in;
    std::vector<float> w;
    for (int r = 0; r < layers[l].out; ++r) {
      const float* row = layers[l].weight(parameters_.data()) + static_cast<std::ptrdiff_t>(r) * layers[l].in;
      const float factor = l + 1 < layers.size() ? 1.0F : output_scale(r);
      std::transform(row, row + in, std::back_inserter(w), [&](float x) { return factor * x; });
    }
    packed_.push_back(kernel::pack_weights(w, in, layers[l].out));
    weights_.push_back(std::move(w));
  }
}

void FusedStepper::plan(RunRecord& run, TensorRecord& tensor, const TensorShape& shape, const kernel::TensorSums& sums,
                        const StepSettings& settings, TensorPlan& out) const {
  auto& plan = static_cast<FusedPlan&>(out);
  const double rms = std::sqrt(mean(sums.theta_square, shape.size));
  if (tensor.step == 0) {
    tensor.least_scale = std::max(rms, run.first_rms > kNothing ? kShareOfAll * run.first_rms : kScaleOfNothing);
    tensor.first_scale = tensor.least_scale;
  }
  ++tensor.step;
  const double t = static_cast<double>(tensor.step);
  const double scale = std::max(rms, tensor.least_scale);

  const double gradient_rms = settings.gradient_factor * std::sqrt(mean(sums.gradient_square, shape.size));
  if (tensor.unit == 0 && gradient_rms > 0) {
    tensor.unit = std::exp2(std::clamp(std::round(std::log2(gradient_rms)), -100.0, 100.0));
  }
  const double unit = tensor.unit > 0 ? tensor.unit : 1.0;
  const double relative_rms = std::min(gradient_rms / unit, 0x1p40);
  tensor.square_mean += (1 - kernel::kSquareDecay) * (relative_rms * relative_rms - tensor.square_mean);

  kernel::StepConstants& c = plan.constants;
  c.gradient_scale = static_cast<float>(settings.gradient_factor / unit);
  for (int k = 0; k < kernel::kMomenta; ++k) c.correction[k] = static_cast<float>(1 / (1 - std::pow(kernel::kDecays[k], t)));
  const double square_correction = 1 / (1 - std::pow(kernel::kSquareDecay, t));
  c.square_correction = static_cast<float>(square_correction);
  c.scale = static_cast<float>(scale);
  c.square_size = static_cast<float>(std::max(tensor.square_mean * square_correction, 1e-24));
  const double annealing = run.annealing();
  c.step = static_cast<float>(settings.rate * annealing * rule_.step_scale() * scale);
  c.decay = static_cast<float>(settings.rate * annealing * settings.weight_decay);
  c.key = kernel::step_key(tensor.step);

  std::ranges::copy(weight_context(run, tensor, shape, scale, relative_rms * relative_rms), plan.context.begin());
  if (const DecisionHead* head = rule_.decisions(); head != nullptr && (tensor.step == 1 || head->due(run.step, 0))) {
    thread_local DecisionHead::Scratch scratch;
    std::array<float, kernel::kOutputs> decision;
    head->decide(parameters_.data() + head->offset(), plan.context.data(), 1, scratch, decision.data());
    tensor.own.assign(decision.begin(), decision.end());
  }
  plan_again(tensor, plan);
}

void FusedStepper::plan_again(const TensorRecord& record, TensorPlan& out) const {
  auto& plan = static_cast<FusedPlan&>(out);
  std::transform(record.own.begin(), record.own.end(), plan.context.begin() + WeightRule::kContext,
                 [](double x) { return static_cast<float>(x); });
  fold(plan);
}

void FusedStepper::fold(FusedPlan& plan) const {
  const std::vector<Linear>& layers = rule_.network().layers();
  const Linear head = rule_.context_head();
  const Linear& first = layers.front();
  const Linear& last = layers.back();
  const bool single = layers.size() == 1;
  plan.biases.resize(static_cast<std::size_t>(first.out + (single ? 0 : last.out)));
  float* first_bias = plan.biases.data();
  float* last_bias = first_bias + (single ? 0 : first.out);
  const float* p = parameters_.data();
  const std::vector<float>& spans = rule_.actor()->spans();
  const auto dot = [&](const Linear& layer, int r, int first_column, std::ptrdiff_t columns) {
    const float* row = layer.weight(p) + static_cast<std::ptrdiff_t>(r) * layer.in + first_column;
    return std::inner_product(row, row + columns, plan.context.begin(), 0.0F);
  };
  for (int r = 0; r < first.out; ++r)
    first_bias[r] = first.bias(p)[r] + dot(first, r, kernel::kFeatures, first.in - kernel::kFeatures);
  for (int r = 0; r < last.out; ++r) {
    const float network_bias = single ? first_bias[r] : last.bias(p)[r];
    const float decided = spans.empty() ? 0.0F
                                        : spans[static_cast<std::size_t>(r)] *
                                              plan.context[static_cast<std::size_t>(WeightRule::kContext + r)];
    last_bias[r] = output_scale(r) * (network_bias + head.bias(p)[r] + dot(head, r, 0, WeightRule::kContext) + decided);
  }
  plan.network.layers = static_cast<int>(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const float* bias = l + 1 == layers.size() ? last_bias : l == 0 ? first_bias : layers[l].bias(p);
    plan.network.layer[l] = {l == 0 ? kernel::kFeatures : layers[l].in, layers[l].out, packed_[l].data(), bias};
  }
}

kernel::StepSums FusedStepper::step(const TensorPlan& plan, const WeightPiece& piece, std::size_t n, double*) const {
  const auto& fused = static_cast<const FusedPlan&>(plan);
  return kernel::weight_step(fused.network, fused.constants, piece, n);
}

std::shared_ptr<const WeightStepper> FusedStepper::fallback() const {
  const WeightRule rule({}, 0.01);  // outputs zero
  return std::make_shared<FusedStepper>(rule, std::vector<float>(rule.parameter_count(), 0.0F));
}

void FusedStepper::write_features(const TensorPlan& plan, const WeightPiece& piece, std::size_t i, float* out) const {
  const auto& fused = static_cast<const FusedPlan&>(plan);
  const auto view = kernel::view(fused.constants, piece, i);
  out = std::copy(view.features.begin(), view.features.end(), out);
  std::copy_n(fused.context.begin(), features() - kernel::kFeatures, out);
}

void FusedStepper::write_decision_features(const TensorPlan& plan, float* out) const {
  std::copy_n(static_cast<const FusedPlan&>(plan).context.begin(), WeightRule::kContext, out);
}

float FusedStepper::largest_step(const TensorPlan& plan) const {
  return kernel::kStepBound * static_cast<const FusedPlan&>(plan).constants.step;
}

/// Against the momentum, whose sign rounding keeps.
float FusedStepper::direction(const WeightPiece& piece, std::size_t i) const {
  return (kernel::average_of(piece, 0)[i] & 0x8000U) != 0 ? 1.0F : -1.0F;
}

}  // namespace scout
