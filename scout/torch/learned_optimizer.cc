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
#include "scout/torch/tensor_update.h"

namespace scout {
namespace {

constexpr std::int64_t kFormatVersion = 4;

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

/// Not defined if there is none. Always a new one: an archive writes into the storage of what it is given.
at::Tensor read_tensor(torch::serialize::InputArchive& archive, const std::string& key) {
  at::Tensor out;
  archive.try_read(key, out);
  return out;
}

template <class Record>
at::Tensor pack(const Record& record) {
  ArchiveWriter writer;
  if constexpr (requires { record.save(writer); }) {
    record.save(writer);
  } else {
    writer(record);
  }
  Bytes bytes = writer.take();
  return at::from_blob(bytes.data(), {static_cast<std::int64_t>(bytes.size())}, at::kByte).clone();
}

/// The inverse. Throws std::runtime_error if the tensor is none of such a record.
template <class Record>
void unpack(at::Tensor tensor, Record& record) {
  if (!tensor.defined() || tensor.scalar_type() != at::kByte) throw std::runtime_error("a record is damaged");
  tensor = tensor.to(at::kCPU).contiguous();
  ArchiveReader reader({static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()}, "record");
  if constexpr (requires { record.restore(reader); }) {
    record.restore(reader);
  } else {
    reader(record);
  }
  reader.finish();
}

at::ScalarType type_of(const StateLayout& layout) {
  return layout.type == StateLayout::Type::bfloat16 ? at::kBFloat16 : at::kFloat;
}

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
      update.shape = {weight.numel(), static_cast<int>(weight.dim()), weight.dim() > 0 ? weight.size(0) : 1};
      update.settings = {.rate = options.lr(), .weight_decay = options.weight_decay(), .gradient_factor = 1};
      updates.push_back(std::move(update));
    }
  }
  return updates;
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

struct LearnedOptimizer::State : StepTarget {
  explicit State(const LearnedOptimizerOptions& options)
      : policy(checked(options).policy() != nullptr ? options.policy() : scout::policy("network")),
        training(std::static_pointer_cast<const WeightStepper>(policy->stepper()), options.horizon(), options.guard()),
        layout(training.stepper().layout()),
        batches(dynamic_cast<const FusedStepper*>(&training.stepper()) != nullptr),
        given(options) {}

  ThreadTeam& threads_now() {
    const int wanted = given.threads() > 0 ? given.threads() : at::get_num_threads();
    if (team == nullptr || team->size() != wanted) team = std::make_unique<ThreadTeam>(wanted);
    return *team;
  }

  /// Prepares the updates of a step, and who makes them.
  void begin(const std::vector<torch::optim::OptimizerParamGroup>& all, std::vector<TensorUpdate> gathered) {
    end();  // of a step that threw
    groups = &all;
    updates = std::move(gathered);
    std::vector<TensorUpdate*> in_pieces;
    std::map<std::string, std::vector<TensorUpdate*>> batched;  // by device
    for (TensorUpdate& update : updates) {
      ParameterState& state = parameters[update.weight.unsafeGetTensorImpl()];
      update.state = &state;
      // Batches have the numbers beside the weights; the rule's own step has them on the CPU.
      const bool batch = batches && (!given.fused() || !update.weight.is_cpu());
      if (!state.numbers.defined()) {
        state.record = training.stepper().new_record();
        state.plan = training.stepper().new_plan();
        state.numbers = at::zeros({layout.per_weight, update.shape.size}, type_of(layout));
      }
      if (state.numbers.size(1) != update.shape.size) {
        throw std::invalid_argument("LearnedOptimizer: a parameter had " + std::to_string(state.numbers.size(1)) +
                                    " weights and now has " + std::to_string(update.shape.size) +
                                    ": make a new optimizer for it");
      }
      state.numbers = state.numbers.to(batch ? update.weight.device() : at::kCPU);  // it may have been moved since
      update.record = &state.record;
      update.plan = state.plan.get();
      (batch ? batched[update.weight.device().str()] : in_pieces).push_back(&update);
    }
    if (!in_pieces.empty()) passes.push_back(piece_passes(std::move(in_pieces), threads_now()));
    for (auto& [device, group] : batched) passes.push_back(batched_passes(std::move(group)));
  }
  void end() {
    passes.clear();
    updates.clear();
  }

  std::vector<TensorStep*> tensors() override {
    for (auto& pass : passes) pass->add_up();
    std::vector<TensorStep*> out;
    for (TensorUpdate& update : updates) out.push_back(&update);
    return out;
  }
  void step(const WeightStepper& stepper) override {
    for (auto& pass : passes) pass->step(stepper);
  }
  void hold(bool all) override {
    for_parameters([all](const at::Tensor& weight, ParameterState& state) {
      if (!state.held.defined() || (all && state.held.device() != weight.device())) {
        state.held = weight.detach().clone();
      } else if (all) {
        state.held.copy_(weight);
      }
    });
  }
  void restore() override {
    for_parameters([this](at::Tensor weight, ParameterState& state) {
      if (state.held.defined()) weight.copy_(state.held);
      state.record = training.stepper().new_record();
      state.numbers.zero_();
    });
  }

  /// Calls `visitor` with each parameter that was ever stepped, and its state.
  template <class Visitor>
  void for_parameters(Visitor&& visitor) {
    for (const auto& group : *groups) {
      for (const at::Tensor& weight : group.params()) {
        const auto found = parameters.find(weight.unsafeGetTensorImpl());
        if (found != parameters.end() && found->second.numbers.defined()) visitor(weight, found->second);
      }
    }
  }

  /// Of the policy's file, without the checksum that it ends with.
  std::int64_t policy_checksum() const {
    const auto bytes = policy->to_bytes();
    return static_cast<std::int64_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size() - 4));
  }

  std::shared_ptr<const Policy> policy;
  GuardedStep training;
  StateLayout layout;
  bool batches;  // whether LibTorch's operations can take the rule's step
  LearnedOptimizerOptions given;
  std::unique_ptr<ThreadTeam> team;
  std::unordered_map<const c10::TensorImpl*, ParameterState> parameters;
  // Of a step.
  const std::vector<torch::optim::OptimizerParamGroup>* groups = nullptr;
  std::vector<TensorUpdate> updates;
  std::vector<std::unique_ptr<UpdatePasses>> passes;
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

std::int64_t LearnedOptimizer::steps() const { return state_of_run_->training.steps(); }
std::int64_t LearnedOptimizer::non_finite_gradients() const { return state_of_run_->training.non_finite(); }

std::int64_t LearnedOptimizer::state_bytes() const {
  const auto bytes = [](const at::Tensor& tensor) {
    return tensor.defined() ? static_cast<std::int64_t>(tensor.nbytes()) : 0;
  };
  std::int64_t sum = 0;
  for (const auto& [weight, state] : state_of_run_->parameters) sum += bytes(state.numbers) + bytes(state.held);
  return sum;
}

const GuardReport& LearnedOptimizer::guard_report() const { return state_of_run_->training.report(); }

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
  state.begin(param_groups(), std::move(updates));
  state.training.take(state, loss.defined() ? std::optional(loss.item<double>()) : std::nullopt, state.given.clip_norm());
  state.end();
  return loss;
}

void LearnedOptimizer::save(torch::serialize::OutputArchive& archive) const {
  const State& state = *state_of_run_;
  archive.write("scout_format", c10::IValue(kFormatVersion));
  archive.write("policy", c10::IValue(state.policy_checksum()));
  archive.write("training", pack(state.training));
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
      group_archive.write("numbers" + std::to_string(p), found->second.numbers.clone());
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
  GuardedStep training = state.training;
  unpack(read_tensor(archive, "training"), training);
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
      parameter.plan = training.stepper().new_plan();
      const at::Tensor numbers = read_tensor(group_archive, "numbers" + std::to_string(p));
      if (!numbers.defined() || static_cast<int>(parameter.record.own.size()) != state.layout.per_tensor) {
        refuse("is damaged");
      }
      if (numbers.scalar_type() != type_of(state.layout) || numbers.dim() != 2 ||
          numbers.size(0) != state.layout.per_weight || numbers.size(1) != weight.numel()) {
        refuse("does not fit parameter " + std::to_string(p) + " of " + where + ", which has " +
               std::to_string(weight.numel()) + " weights");
      }
      parameter.numbers = numbers.contiguous().clone();
      const at::Tensor held = read_tensor(group_archive, "held" + std::to_string(p));
      if (!state.training.guarded() || !held.defined()) continue;
      if (held.sizes() != weight.sizes()) refuse("does not fit parameter " + std::to_string(p) + " of " + where);
      parameter.held = held.to(weight.options()).clone();
    }
  }
  for (std::size_t g = 0; g < options.size(); ++g) {
    static_cast<LearnedOptimizerOptions&>(param_groups()[g].options()) = options[g];
  }
  state.training = std::move(training);
  state.parameters = std::move(parameters);
}

}  // namespace scout
