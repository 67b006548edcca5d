#include "scout/torch/learned_optimizer.h"

#include <c10/util/Exception.h>
#include <torch/serialize/archive.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "scout/torch/learned_optimizer_state.h"

namespace scout {
namespace {

void require(bool holds, const char* key, double value, const char* condition) {
  if (holds) return;
  throw std::invalid_argument("LearnedOptimizer: option '" + std::string(key) + "' is " + std::to_string(value) +
                              ": must be " + condition);
}

}  // namespace

const LearnedOptimizerOptions& checked(const LearnedOptimizerOptions& options) {
  require(std::isfinite(options.lr()) && options.lr() >= 0, "lr", options.lr(), "at least 0");
  // A step that takes away more than the whole weight changes its sign. (False for what is not a number.)
  const bool decays = options.weight_decay() >= 0 && options.weight_decay() * std::max(options.lr(), 1.0) <= 1;
  require(decays, "weight_decay", options.weight_decay(), "in [0, 1], and at most 1 / lr");
  require(options.horizon() >= 0, "horizon", static_cast<double>(options.horizon()), "at least 0");
  require(std::isfinite(options.clip_norm()) && options.clip_norm() >= 0, "clip_norm", options.clip_norm(), "at least 0");
  require(options.threads() >= 0, "threads", options.threads(), "at least 0");
  if (options.policy() != nullptr && !options.policy()->rule()->for_weights()) {
    throw std::invalid_argument("LearnedOptimizer: the policy's rule is \"" + options.policy()->description().rule.rule +
                                "\", for functions: must be one for the weights of networks; minimize takes this one");
  }
  return options;
}

const LearnedOptimizerOptions& options_of(const torch::optim::OptimizerParamGroup& group) {
  const auto* options = dynamic_cast<const LearnedOptimizerOptions*>(&group.options());
  if (options == nullptr) {
    throw std::invalid_argument("LearnedOptimizer: a parameter group has the options of another optimizer");
  }
  return *options;
}

LearnedOptimizerOptions::LearnedOptimizerOptions(double lr) : lr_(lr) {}

void LearnedOptimizerOptions::serialize(torch::serialize::OutputArchive& archive) const {
  archive.write("lr", c10::IValue(lr()));
  archive.write("weight_decay", c10::IValue(weight_decay()));
}

void LearnedOptimizerOptions::serialize(torch::serialize::InputArchive& archive) {
  c10::IValue value;
  archive.read("lr", value);
  lr(value.toDouble());
  archive.read("weight_decay", value);
  weight_decay(value.toDouble());
}

namespace {

/// Learning rates of other optimizers are not above this.
constexpr double kLikeALearningRate = 0.01;

std::optional<double> value_of(const at::Tensor& loss) {
  if (!loss.defined()) return std::nullopt;
  if (loss.numel() != 1 || loss.is_complex()) {
    throw std::invalid_argument("LearnedOptimizer: the closure returned " + kind_of(loss.sizes(), loss.scalar_type()) +
                                ": must be one real number, the loss, or nothing; reduce it, e.g. with .mean()");
  }
  return loss.item<double>();
}

}  // namespace

LearnedOptimizer::LearnedOptimizer(std::vector<torch::optim::OptimizerParamGroup> groups, LearnedOptimizerOptions defaults)
    : Optimizer(std::move(groups), std::make_unique<LearnedOptimizerOptions>(defaults)),
      state_of_run_(std::make_unique<State>(defaults)) {
  double largest = 0;
  for (const auto& group : param_groups()) largest = std::max(largest, checked(options_of(group)).lr());
  check_groups(param_groups());
  if (largest > 0 && largest <= kLikeALearningRate) {
    TORCH_WARN("LearnedOptimizer: lr is ", largest,
               ". It multiplies the policy's own steps and is no learning rate: 1 is usual");
  }
}

LearnedOptimizer::LearnedOptimizer(std::vector<at::Tensor> parameters, LearnedOptimizerOptions defaults)
    : LearnedOptimizer(
          std::vector<torch::optim::OptimizerParamGroup>{torch::optim::OptimizerParamGroup(std::move(parameters))},
          std::move(defaults)) {}

LearnedOptimizer::LearnedOptimizer(LearnedOptimizer&&) noexcept = default;
LearnedOptimizer::~LearnedOptimizer() = default;

void LearnedOptimizer::add_param_group(const torch::optim::OptimizerParamGroup& group) {
  if (group.has_options()) checked(options_of(group));
  ParameterGroups all = param_groups();
  all.push_back(group);
  check_groups(all);
  Optimizer::add_param_group(group);
}

std::int64_t LearnedOptimizer::steps() const { return state_of_run_->training.steps(); }
std::int64_t LearnedOptimizer::non_finite_gradients() const { return state_of_run_->training.non_finite(); }

std::int64_t LearnedOptimizer::state_bytes() const {
  const auto bytes = [](const at::Tensor& tensor) {
    return tensor.defined() ? static_cast<std::int64_t>(tensor.nbytes()) : 0;
  };
  std::int64_t sum = 0;
  for (const auto& [weight, state] : state_of_run_->parameters) sum += bytes(state.numbers) + bytes(state.held);
  for (const WatchedBuffers::Buffer& buffer : state_of_run_->buffers.all()) sum += bytes(buffer.held);
  return sum;
}

const GuardReport& LearnedOptimizer::guard_report() const { return state_of_run_->training.report(); }

void LearnedOptimizer::watch_buffers(std::vector<at::Tensor> buffers) {
  const torch::NoGradGuard no_graph;
  const WithoutLostThreads threads(state_of_run_->process);
  state_of_run_->watch(std::move(buffers));
}

at::Tensor LearnedOptimizer::step(LossClosure closure) {
  State& state = *state_of_run_;
  at::Tensor loss;
  struct Tracked {
    State& state;
    bool step_taken = false;
    ~Tracked() {
      try {
        const torch::NoGradGuard no_graph;
        const WithoutLostThreads threads(state.process);
        if (!step_taken) state.buffers.keep_track();
      } catch (const std::exception&) {  // the closure's own is on its way
      }
    }
  } tracked{state};
  {
    const torch::NoGradGuard no_graph;
    const WithoutLostThreads threads(state.process);
    state.buffers.look(closure != nullptr);
  }
  if (closure != nullptr) {
    const torch::AutoGradMode graph(true);
    loss = closure();
  }
  const torch::NoGradGuard no_graph;
  const WithoutLostThreads threads(state.process);
  const std::optional<double> value = value_of(loss);
  const auto& options = checked(static_cast<const LearnedOptimizerOptions&>(defaults()));
  for (const auto& group : param_groups()) checked(options_of(group));
  std::vector<TensorUpdate> updates = gather(param_groups(), state.parameters);
  state.parameters.keep_only(param_groups());
  if (updates.empty()) return loss;
  if (options.horizon() != state.training.horizon()) state.training.set_horizon(options.horizon());
  const GuardReport before = guard_report();
  tracked.step_taken = true;
  state.begin(param_groups(), std::move(updates), options);
  state.training.take(state, value, options.clip_norm());
  state.end();
  const bool bad = guard_report().bad_steps > before.bad_steps || guard_report().ignored > before.ignored;
  if (bad) state.mend_buffers();
  state.buffers.leave();
  return loss;
}

}  // namespace scout
