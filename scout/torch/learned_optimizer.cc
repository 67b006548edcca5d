#include "scout/torch/learned_optimizer.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <torch/serialize/archive.h>
#include <torch/utils.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

#include "scout/base/parallel.h"
#include "scout/policy/shipped.h"
#include "scout/torch/record_tensor.h"
#include "scout/torch/tensor_update.h"

namespace scout {
namespace {

constexpr std::int64_t kFormatVersion = 3;

void require(bool holds, const char* key, double value, const char* condition) {
  if (holds) return;
  throw std::invalid_argument("LearnedOptimizer: option '" + std::string(key) + "' is " + std::to_string(value) +
                              ": must be " + condition);
}

const LearnedOptimizerOptions& checked(const LearnedOptimizerOptions& options) {
  require(std::isfinite(options.lr()) && options.lr() >= 0, "lr", options.lr(), "at least 0");
  // A step that takes away more than the whole weight changes its sign. (False for what is not a number.)
  const bool decays = options.weight_decay() >= 0 && options.weight_decay() * std::max(options.lr(), 1.0) <= 1;
  require(decays, "weight_decay", options.weight_decay(), "in [0, 1], and at most 1 / lr");
  require(options.horizon() >= 0, "horizon", static_cast<double>(options.horizon()), "at least 0");
  require(std::isfinite(options.clip_norm()) && options.clip_norm() >= 0, "clip_norm", options.clip_norm(), "at least 0");
  require(options.threads() >= 0, "threads", options.threads(), "at least 0");
  if (options.policy() != nullptr && options.policy()->description().observer.form != "network") {
    throw std::invalid_argument("LearnedOptimizer: the policy has the form \"" +
                                options.policy()->description().observer.form +
                                "\": must be \"network\"; minimize takes the others");
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

TensorShape shape_of(const at::Tensor& weight) {
  return {weight.numel(), static_cast<int>(weight.dim()), weight.dim() > 0 ? weight.size(0) : 1};
}

/// Not defined if there is none. Always a new one: an archive writes into the storage of what it is given.
at::Tensor read_tensor(torch::serialize::InputArchive& archive, const std::string& key) {
  at::Tensor out;
  archive.try_read(key, out);
  return out;
}

}  // namespace

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

struct LearnedOptimizer::State {
  explicit State(const LearnedOptimizerOptions& options)
      : policy(checked(options).policy() != nullptr ? options.policy() : scout::policy("network")),
        stepper(policy->weight_rule(), policy->parameters(), policy->description().step_scale),
        fallback(fallback_rule()),
        guarded(options.guard()),
        guard(options.horizon()),
        horizon(options.horizon()),
        clip_norm(options.clip_norm()),
        threads(options.threads()),
        fused(options.fused()) {}

  ThreadTeam& threads_now() {
    const int wanted = threads > 0 ? threads : at::get_num_threads();
    if (team == nullptr || team->size() != wanted) team = std::make_unique<ThreadTeam>(wanted);
    return *team;
  }

  /// Calls `visitor` with each parameter that was ever stepped, and its state.
  template <class Visitor>
  void for_parameters(const std::vector<torch::optim::OptimizerParamGroup>& groups, Visitor&& visitor) {
    for (const auto& group : groups) {
      for (const at::Tensor& weight : group.params()) {
        const auto found = parameters.find(weight.unsafeGetTensorImpl());
        if (found != parameters.end() && found->second.averages.defined()) visitor(weight, found->second);
      }
    }
  }

  /// Keeps copies of the weights: all, or those that there are none of yet.
  void hold(const std::vector<torch::optim::OptimizerParamGroup>& groups, bool all) {
    for_parameters(groups, [all](const at::Tensor& weight, ParameterState& state) {
      if (!state.held.defined() || (all && state.held.device() != weight.device())) {
        state.held = weight.detach().clone();
      } else if (all) {
        state.held.copy_(weight);
      }
    });
    if (all) held_run = run;
  }

  /// Brings back the weights that are held, and begins anew from them.
  void restore(const std::vector<torch::optim::OptimizerParamGroup>& groups) {
    for_parameters(groups, [](at::Tensor weight, ParameterState& state) {
      if (state.held.defined()) weight.copy_(state.held);
      state.record = {};
      state.averages.zero_();
    });
    const std::int64_t step = run.step;
    run = held_run;
    run.step = step;
  }

  /// Of the policy's file, without the checksum that it ends with.
  std::int64_t policy_checksum() const {
    const auto bytes = policy->to_bytes();
    return static_cast<std::int64_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size() - 4));
  }

  std::shared_ptr<const Policy> policy;
  WeightStepper stepper;
  WeightStepper fallback;
  bool guarded;
  Guard guard;
  RunRecord held_run;  // with the weights that the guard holds
  std::int64_t horizon;
  double clip_norm;
  int threads;
  bool fused;
  std::unique_ptr<ThreadTeam> team;
  RunRecord run;
  std::int64_t non_finite = 0;
  std::unordered_map<const c10::TensorImpl*, ParameterState> parameters;
};

LearnedOptimizer::LearnedOptimizer(std::vector<torch::optim::OptimizerParamGroup> groups, LearnedOptimizerOptions defaults)
    : Optimizer(std::move(groups), std::make_unique<LearnedOptimizerOptions>(defaults)),
      state_of_run_(std::make_unique<State>(defaults)) {
  for (const auto& group : param_groups()) checked(options_of(group));
}

LearnedOptimizer::LearnedOptimizer(std::vector<at::Tensor> parameters, LearnedOptimizerOptions defaults)
    : LearnedOptimizer(
          std::vector<torch::optim::OptimizerParamGroup>{torch::optim::OptimizerParamGroup(std::move(parameters))},
          std::move(defaults)) {}

LearnedOptimizer::~LearnedOptimizer() = default;

std::int64_t LearnedOptimizer::steps() const { return state_of_run_->run.step; }
std::int64_t LearnedOptimizer::non_finite_gradients() const { return state_of_run_->non_finite; }

std::int64_t LearnedOptimizer::state_bytes() const {
  const auto bytes = [](const at::Tensor& tensor) {
    return tensor.defined() ? static_cast<std::int64_t>(tensor.nbytes()) : 0;
  };
  std::int64_t sum = 0;
  for (const auto& [weight, state] : state_of_run_->parameters) sum += bytes(state.averages) + bytes(state.held);
  return sum;
}

const GuardReport& LearnedOptimizer::guard_report() const { return state_of_run_->guard.report(); }

namespace {

/// Every parameter that has a gradient, checked.
std::vector<TensorUpdate> gather(const std::vector<torch::optim::OptimizerParamGroup>& groups) {
  std::vector<TensorUpdate> updates;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto& parameters = groups[g].params();
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      const at::Tensor& weight = parameters[p];
      const at::Tensor& gradient = weight.grad();
      if (!gradient.defined() || weight.numel() == 0) continue;
      const auto refuse = [&](const std::string& what) {
        throw std::invalid_argument("LearnedOptimizer: parameter " + std::to_string(p) + " of group " + std::to_string(g) +
                                    " " + what);
      };
      if (gradient.layout() != at::kStrided || weight.layout() != at::kStrided) {
        refuse(
            "has a sparse gradient: must be dense; call to_dense() on it, or train the parameter with "
            "torch::optim::SparseAdam");
      }
      const at::ScalarType type = weight.scalar_type();
      if (type != at::kFloat && type != at::kDouble && type != at::kBFloat16) {
        refuse(std::string("is of type ") + c10::toString(type) + ": must be float32, float64 or bfloat16");
      }
      const LearnedOptimizerOptions& options = checked(options_of(groups[g]));
      TensorUpdate update;
      update.weight = weight;
      update.gradient = gradient.detach().to(weight.options());
      update.shape = shape_of(weight);
      update.settings = {.rate = options.lr(), .weight_decay = options.weight_decay(), .gradient_factor = 1};
      updates.push_back(std::move(update));
    }
  }
  return updates;
}

}  // namespace

at::Tensor LearnedOptimizer::step(LossClosure closure) {
  State& state = *state_of_run_;
  at::Tensor loss;
  if (closure != nullptr) {
    const torch::AutoGradMode graph(true);
    loss = closure();
  }
  const torch::NoGradGuard no_graph;
  std::vector<TensorUpdate> updates = gather(param_groups());
  if (updates.empty()) return loss;

  std::vector<TensorUpdate*> fused;
  std::map<std::string, std::vector<TensorUpdate*>> batched;  // by device
  for (TensorUpdate& update : updates) {
    update.state = &state.parameters[update.weight.unsafeGetTensorImpl()];
    at::Tensor& averages = update.state->averages;
    if (!averages.defined()) {
      averages = at::zeros({kernel::kMomenta + 1, update.shape.size}, update.weight.options().dtype(at::kBFloat16));
    }
    if (averages.size(1) != update.shape.size) {
      throw std::invalid_argument("LearnedOptimizer: a parameter had " + std::to_string(averages.size(1)) +
                                  " weights and now has " + std::to_string(update.shape.size) +
                                  ": make a new optimizer for it");
    }
    averages = averages.to(update.weight.device());  // it may have been moved since
    if (state.fused && update.weight.is_cpu()) {
      fused.push_back(&update);
    } else {
      batched[update.weight.device().str()].push_back(&update);
    }
  }
  std::vector<std::unique_ptr<UpdatePasses>> passes;
  if (!fused.empty()) passes.push_back(fused_passes(std::move(fused), state.threads_now()));
  for (auto& [device, group] : batched) passes.push_back(batched_passes(std::move(group)));

  for (auto& pass : passes) pass->sums();
  GuardInput input;
  for (const TensorUpdate& update : updates) {
    input.add(update.shape, update.sums, update.state->record);
    input.rate = std::max(input.rate, update.settings.rate);
  }
  const double factor = state.clip_norm > 0 ? std::min(1.0, state.clip_norm / (std::sqrt(input.gradient_square) + 1e-6))
                                            : 1.0;  // as clip_grad_norm_
  state.run.horizon = state.horizon;
  if (loss.defined()) input.loss = loss.item<double>();
  input.gradient_factor = factor;
  input.rate *= 1 - state.run.elapsed();
  const Guard::Action action = state.guarded ? state.guard.observe(input) : Guard::Action{};
  if (action.restore) {
    state.restore(param_groups());
    state.non_finite += input.non_finite;
    state.stepper.end(state.run);
    return loss;
  }
  if (input.loss) {
    state.run.observe_loss(*input.loss);
  } else {
    state.run.observe_loss();
  }
  const WeightStepper& stepper = action.fallback ? state.fallback : state.stepper;
  stepper.begin(state.run, input.theta_square, input.size);
  if (state.guarded) state.hold(param_groups(), action.hold);
  for (TensorUpdate& update : updates) {
    update.settings.rate *= action.rate;
    update.settings.gradient_factor = factor;
    update.plan = stepper.plan(state.run, update.state->record, update.shape, update.sums, update.settings);
  }
  for (auto& pass : passes) pass->step(stepper);
  for (const TensorUpdate& update : updates) {
    WeightStepper::end(update.state->record, update.shape, update.step_sums);
    state.non_finite += update.step_sums.non_finite;
  }
  stepper.end(state.run);
  return loss;
}

void LearnedOptimizer::save(torch::serialize::OutputArchive& archive) const {
  const State& state = *state_of_run_;
  archive.write("scout_format", c10::IValue(kFormatVersion));
  archive.write("policy", c10::IValue(state.policy_checksum()));
  archive.write("run", pack(state.run));
  archive.write("guarded", c10::IValue(state.guarded));
  archive.write("guard", pack(state.guard.record()));
  archive.write("held_run", pack(state.held_run));
  archive.write("non_finite", c10::IValue(state.non_finite));
  archive.write("groups", c10::IValue(static_cast<std::int64_t>(param_groups().size())));
  for (std::size_t g = 0; g < param_groups().size(); ++g) {
    const auto& group = param_groups()[g];
    torch::serialize::OutputArchive group_archive(archive.compilation_unit());
    torch::serialize::OutputArchive options(archive.compilation_unit());
    options_of(group).serialize(options);
    group_archive.write("options", options);
    group_archive.write("parameters", c10::IValue(static_cast<std::int64_t>(group.params().size())));
    for (std::size_t p = 0; p < group.params().size(); ++p) {
      const auto found = state.parameters.find(group.params()[p].unsafeGetTensorImpl());
      if (found == state.parameters.end()) continue;
      group_archive.write("record" + std::to_string(p), pack(found->second.record));
      group_archive.write("averages" + std::to_string(p), found->second.averages.clone());
      if (found->second.held.defined()) group_archive.write("held" + std::to_string(p), found->second.held.clone());
    }
    archive.write("group" + std::to_string(g), group_archive);
  }
}

void LearnedOptimizer::load(torch::serialize::InputArchive& archive) {
  State& state = *state_of_run_;
  const auto refuse = [](const std::string& what) { throw std::runtime_error("LearnedOptimizer: the saved state " + what); };
  c10::IValue value;
  if (!archive.try_read("scout_format", value)) refuse("is not one of LearnedOptimizer's");
  if (value.toInt() != kFormatVersion) {
    refuse("has format " + std::to_string(value.toInt()) + ": this program reads format " + std::to_string(kFormatVersion));
  }
  archive.read("policy", value);
  if (value.toInt() != state.policy_checksum())
    refuse("belongs to another policy: give the optimizer the one it was saved with");
  archive.read("groups", value);
  if (value.toInt() != static_cast<std::int64_t>(param_groups().size())) {
    refuse("has " + std::to_string(value.toInt()) + " parameter groups: this optimizer has " +
           std::to_string(param_groups().size()));
  }
  RunRecord run, held_run;
  GuardRecord guard = Guard(state.horizon).record();
  unpack(read_tensor(archive, "run"), run);
  archive.read("guarded", value);
  if (state.guarded && value.toBool()) {
    unpack(read_tensor(archive, "guard"), guard);
    unpack(read_tensor(archive, "held_run"), held_run);
  }
  archive.read("non_finite", value);
  const std::int64_t non_finite = value.toInt();
  std::vector<LearnedOptimizerOptions> options;
  std::unordered_map<const c10::TensorImpl*, ParameterState> parameters;
  for (std::size_t g = 0; g < param_groups().size(); ++g) {
    auto& group = param_groups()[g];
    const std::string where = "group " + std::to_string(g);
    torch::serialize::InputArchive group_archive;
    torch::serialize::InputArchive options_archive;
    archive.read("group" + std::to_string(g), group_archive);
    group_archive.read("options", options_archive);
    options.push_back(options_of(group));
    options.back().serialize(options_archive);
    checked(options.back());
    group_archive.read("parameters", value);
    if (value.toInt() != static_cast<std::int64_t>(group.params().size())) {
      refuse("has " + std::to_string(value.toInt()) + " parameters in " + where + ": this optimizer has " +
             std::to_string(group.params().size()));
    }
    for (std::size_t p = 0; p < group.params().size(); ++p) {
      const at::Tensor& weight = group.params()[p];
      const at::Tensor record = read_tensor(group_archive, "record" + std::to_string(p));
      if (!record.defined()) continue;
      ParameterState& parameter = parameters[weight.unsafeGetTensorImpl()];
      unpack(record, parameter.record);
      const at::Tensor averages = read_tensor(group_archive, "averages" + std::to_string(p));
      if (!averages.defined()) refuse("is damaged");
      if (averages.scalar_type() != at::kBFloat16 || averages.numel() != (kernel::kMomenta + 1) * weight.numel()) {
        refuse("does not fit parameter " + std::to_string(p) + " of " + where + ", which has " +
               std::to_string(weight.numel()) + " weights");
      }
      parameter.averages = averages.to(weight.device()).contiguous().clone();
      const at::Tensor held = read_tensor(group_archive, "held" + std::to_string(p));
      if (!state.guarded || !held.defined()) continue;
      if (held.sizes() != weight.sizes()) refuse("does not fit parameter " + std::to_string(p) + " of " + where);
      parameter.held = held.to(weight.options()).clone();
    }
  }
  for (std::size_t g = 0; g < param_groups().size(); ++g) {
    auto& own = static_cast<LearnedOptimizerOptions&>(param_groups()[g].options());
    own.lr(options[g].lr());
    own.weight_decay(options[g].weight_decay());
  }
  state.run = run;
  state.held_run = held_run;
  state.guard.resume(guard);
  state.non_finite = non_finite;
  state.parameters = std::move(parameters);
}

}  // namespace scout
