#include "scout/policy/transformer/transformer_rule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "scout/policy/rule/action.h"

namespace scout {
namespace {

/// Decades of step sizes to either side of 1.
constexpr float kDecades = 4;

float decimal_logarithm(float x) { return fast_log2(x) * (std::numbers::ln2_v<float> / std::numbers::ln10_v<float>); }

class TransformerStepper : public Stepper {
 public:
  TransformerStepper(std::shared_ptr<const Transformer> network, std::span<const float> parameters)
      : network_(std::move(network)), parameters_(parameters.begin(), parameters.end()) {}

  std::unique_ptr<RuleRun> new_run(int dimension) const override {
    return std::make_unique<TransformerRun>(network_, dimension);
  }
  void propose(std::span<RuleRun* const> runs, ProposalScratch&) const override {
    for (RuleRun* run : runs) static_cast<TransformerRun*>(run)->propose(parameters_.data());
  }

 private:
  std::shared_ptr<const Transformer> network_;
  std::vector<float> parameters_;
};

Transformer::Shape shape_of(const RuleOptions& options) {
  if (options.width % options.heads != 0) {
    throw_bad_option("width", std::to_string(options.width),
                     "a multiple of heads = " + std::to_string(options.heads) + ", which share it");
  }
  return {TransformerRule::kInputs, options.width, options.heads, options.layers, options.context};
}

}  // namespace

TransformerRule::TransformerRule(const RuleOptions& options)
    : UpdateRule("transformer/1:f,theta,step,gradient", options.step_scale),
      network_(std::make_shared<Transformer>(shape_of(options))) {}

std::shared_ptr<const Stepper> TransformerRule::make_stepper(std::span<const float> parameters) const {
  return std::make_shared<TransformerStepper>(network_, parameters);
}

TransformerRun::TransformerRun(std::shared_ptr<const Transformer> network, int dimension)
    : network_(std::move(network)), coordinates_(static_cast<std::size_t>(dimension)) {
  steps_.resize(coordinates_.size());
  outputs_.resize(coordinates_.size());
}

void TransformerRun::start(const Observation& first, const RunFrame& frame) {
  if (!first.f) throw std::invalid_argument("a rule for functions needs f of every point");
  const bool box = frame.lower.size() == coordinates_.size() && frame.upper.size() == coordinates_.size();
  for (std::size_t i = 0; i < coordinates_.size(); ++i) {
    Coordinate& c = coordinates_[i];
    c = {};
    c.scale = frame.scales.empty() ? frame.scale : frame.scales[i];
    // Without a box, the start and the largest step stand for it.
    const double lower = box ? frame.lower[i] : first.theta[i] - frame.scale;
    const double upper = box ? frame.upper[i] : first.theta[i] + frame.scale;
    c.origin = 0.5 * lower + 0.5 * upper;
    c.half = 0.5 * upper - 0.5 * lower;
    c.best = first.theta[i];
    c.theta = first.theta[i];
  }
  std::ranges::fill(steps_, 0.0F);
  std::ranges::fill(outputs_, 0.0F);
  tokens_.clear();
  remembered_ = step_ = 0;
  scale_ = frame.scale;
  horizon_ = std::max<std::int64_t>(frame.horizon, 1);
  slots_ = std::min(network_->context(), static_cast<std::size_t>(horizon_) + 1);
  memory_.assign(coordinates_.size() * slots_ * network_->memory_size(), 0.0F);
  f_ = best_f_ = mean_f_ = *first.f;
  square_f_ = largest_ = 0;
  take_in(first);
}

void TransformerRun::observe(const Observation& next) {
  if (!next.f) throw std::invalid_argument("a rule for functions needs f of every point");
  ++step_;
  take_in(next);
}

void TransformerRun::take_in(const Observation& point) {
  previous_f_ = f_;
  f_ = *point.f;
  // Welford 1962.
  const double change = f_ - mean_f_;
  mean_f_ += change / static_cast<double>(step_ + 1);
  square_f_ += change * (f_ - mean_f_);
  double square = 0;
  for (std::size_t i = 0; i < coordinates_.size(); ++i) {
    Coordinate& c = coordinates_[i];
    c.theta = point.theta[i];
    if (f_ < best_f_) c.best = c.theta;
    const double before = c.gradient;
    c.gradient = point.gradient[i];
    if (largest_ == 0 && before == 0 && c.gradient < 0) c.sign = -1;
    square += c.gradient * c.gradient / static_cast<double>(coordinates_.size());
  }
  best_f_ = std::min(best_f_, f_);
  largest_ = std::max(largest_, std::sqrt(square));
  const std::size_t width = coordinates_.size() * TransformerRule::kInputs;
  tokens_.resize(tokens_.size() + width);
  for (std::size_t i = 0; i < coordinates_.size(); ++i) {
    write_token(i, &tokens_[tokens_.size() - width + i * TransformerRule::kInputs]);
  }
}

// Places and steps in the code of action.h, five decades of a step; logarithms over four decades.
void TransformerRun::write_token(std::size_t i, float* out) const {
  const Coordinate& c = coordinates_[i];
  const double deviation = std::sqrt(square_f_ / static_cast<double>(step_ + 1));
  const auto signed_code = [&](double step) { return static_cast<float>(c.sign) * encode_step(static_cast<float>(step)); };
  const auto standard = [&](double f) {
    return static_cast<float>(deviation > 0 ? std::clamp(f / deviation, -3.0, 3.0) : 0);
  };
  const float slope = largest_ > 0 ? static_cast<float>(c.gradient / largest_) : 0.0F;
  *out++ = static_cast<float>(c.sign * std::clamp((c.theta - c.origin) / c.half, -2.0, 2.0));
  *out++ = std::clamp(signed_code((c.best - c.theta) / scale_), -2.0F, 2.0F);
  *out++ = static_cast<float>(c.sign) * std::clamp(encode_step(steps_[i]), -2.0F, 2.0F);
  *out++ = std::clamp(static_cast<float>(c.sign) * encode_step(slope), -2.0F, 2.0F);
  *out++ = std::clamp(decimal_logarithm(std::fabs(slope) + 1e-12F) / kDecades, -3.0F, 2.0F);
  *out++ = standard(f_ - mean_f_);
  *out++ = standard(f_ - previous_f_);
  *out++ = std::clamp(outputs_[i], -1.0F, 1.0F);
  *out++ = static_cast<float>(static_cast<double>(std::min(step_, horizon_)) / static_cast<double>(horizon_));
  *out++ = fast_log2(1.0F + static_cast<float>(std::max<std::int64_t>(horizon_ - step_, 0))) / 10;
}

void TransformerRun::propose(const float* parameters) {
  const std::size_t m = coordinates_.size(), width = m * TransformerRule::kInputs, size = network_->memory_size();
  const std::size_t count = tokens_.size() / width, first = static_cast<std::size_t>(remembered_);
  if (first + count > slots_ && slots_ < network_->context()) grow_memory();
  thread_local std::vector<float> outputs;
  outputs.resize(m);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t k = 0; k < count; ++k) {
      outputs[i] = network_->step(parameters, &tokens_[k * width + i * TransformerRule::kInputs], first + k,
                                  memory_.data() + i * slots_ * size, slots_);
    }
  }
  // The latest token stays, so that another proposal in the same step is made of the same.
  remembered_ += static_cast<std::int64_t>(count) - 1;
  tokens_.erase(tokens_.begin(), tokens_.end() - static_cast<std::ptrdiff_t>(width));
  act(outputs);
}

void TransformerRun::grow_memory() {
  const std::size_t size = network_->memory_size(), before = slots_;
  std::vector<float> grown(coordinates_.size() * network_->context() * size, 0.0F);
  for (std::size_t i = 0; i < coordinates_.size(); ++i) {
    std::copy_n(memory_.data() + i * before * size, before * size, grown.data() + i * network_->context() * size);
  }
  memory_ = std::move(grown);
  slots_ = network_->context();
}

void TransformerRun::act(std::span<const float> outputs) {
  constexpr float kOctaves = kDecades * std::numbers::ln10_v<float> * std::numbers::log2e_v<float>;
  std::ranges::copy(outputs, outputs_.begin());
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const float size = bounded_exp2(outputs_[i] * kOctaves, -kOctaves, kOctaves);
    const float slope = largest_ > 0 ? static_cast<float>(coordinates_[i].gradient / largest_) : 0.0F;
    steps_[i] = std::clamp(-size * slope, -1.0F, 1.0F);
  }
}

void TransformerRun::apply(std::span<double> theta) const {
  for (std::size_t i = 0; i < steps_.size(); ++i) theta[i] += coordinates_[i].scale * static_cast<double>(steps_[i]);
}

void TransformerRun::write_features(std::span<const std::size_t> rows, float* out) const {
  const float* latest = tokens_.data() + tokens_.size() - coordinates_.size() * TransformerRule::kInputs;
  for (const std::size_t row : rows) {
    out = std::copy_n(latest + row * TransformerRule::kInputs, TransformerRule::kInputs, out);
  }
}

void TransformerRun::write_actions(std::span<const std::size_t> rows, float* out) const {
  for (const std::size_t row : rows) *out++ = std::clamp(outputs_[row], -1.0F, 1.0F);
}

void TransformerRun::visit(auto& archive) {
  archive(coordinates_, steps_, outputs_, slots_, memory_, tokens_, remembered_, step_, horizon_, scale_);
  archive(f_, previous_f_, best_f_, mean_f_, square_f_, largest_);
}

void TransformerRun::save(ArchiveWriter& archive) const { const_cast<TransformerRun*>(this)->visit(archive); }

void TransformerRun::restore(ArchiveReader& archive) {
  const std::size_t m = coordinates_.size(), token = m * TransformerRule::kInputs, memory = m * network_->memory_size();
  visit(archive);
  if (coordinates_.size() != m || steps_.size() != m || outputs_.size() != m) {
    archive.fail("a run of another number of coordinates");
  }
  const std::size_t context = network_->context(), count = tokens_.size() / token;
  const bool counts = step_ >= 0 && horizon_ > 0 && remembered_ >= 0 && remembered_ <= step_ &&
                      tokens_.size() % token == 0 && static_cast<std::int64_t>(count) == step_ + 1 - remembered_;
  const bool fits = counts && slots_ >= 1 && slots_ <= context && memory_.size() == slots_ * memory &&
                    (slots_ == context || static_cast<std::size_t>(remembered_) < slots_);
  if (!fits) archive.fail("a run of another context or another step");
}

RuleEntry transformer_rule() {
  return {
      "transformer",
      "functions: a transformer for every coordinate, which reads its history and sets its step size of gradient descent "
      "(after Kobiolka et al. 2026)",
      {"width", "heads", "layers", "context", "step_scale"},
      make_rule_of<TransformerRule>};
}

}  // namespace scout
