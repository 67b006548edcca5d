#include "scout/torch/learned_optimizer_state.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <unordered_set>
#include <utility>

#include "scout/policy/shipped.h"

namespace scout {

LearnedOptimizer::State::State(const LearnedOptimizerOptions& options)
    : policy(checked(options).policy() != nullptr ? options.policy() : scout::policy("network")),
      training(std::static_pointer_cast<const WeightStepper>(policy->stepper()), options.horizon(), options.guard()),
      layout(training.stepper().layout()),
      batches(dynamic_cast<const FusedStepper*>(&training.stepper()) != nullptr) {}

ThreadTeam& LearnedOptimizer::State::threads(int wanted) {
  if (wanted == 0) wanted = at::get_num_threads();
  if (team == nullptr || team->size() != wanted) team = std::make_unique<ThreadTeam>(wanted);
  return *team;
}

void LearnedOptimizer::State::begin(const ParameterGroups& all, std::vector<TensorUpdate> gathered,
                                    const LearnedOptimizerOptions& options) {
  end();  // of a step that threw
  buffers.take_in();
  groups = &all;
  updates = std::move(gathered);
  std::vector<TensorUpdate*> in_pieces;
  std::map<std::string, std::vector<TensorUpdate*>> batched;  // by device
  for (TensorUpdate& update : updates) {
    ParameterState& state = parameters.of(update.weight);
    const LearnedOptimizerOptions& own = options_of(all[update.group]);
    update.settings = {.rate = own.lr(), .weight_decay = own.weight_decay(), .gradient_factor = 1};
    update.state = &state;
    // Batches have the numbers beside the weights; the rule's own step has them on the CPU.
    const bool batch = batches && (!options.fused() || !update.weight.is_cpu());
    if (!state.numbers.defined()) {
      state.record = training.stepper().new_record();
      state.plan = training.stepper().new_plan();
      state.numbers = at::zeros({layout.per_weight, update.shape.size}, numbers_type());
    }
    state.numbers = state.numbers.to(batch ? update.weight.device() : at::kCPU);  // it may have been moved since
    update.record = &state.record;
    update.plan = state.plan.get();
    (batch ? batched[update.weight.device().str()] : in_pieces).push_back(&update);
  }
  const bool guarded = training.guarded();
  if (!in_pieces.empty()) {
    passes.push_back(piece_passes(std::move(in_pieces), threads(options.threads()), layout.whole, guarded));
  }
  for (auto& [device, group] : batched) passes.push_back(batched_passes(std::move(group), guarded));
}

void LearnedOptimizer::State::end() {
  passes.clear();
  updates.clear();
}

std::vector<TensorStep*> LearnedOptimizer::State::tensors() {
  for (auto& pass : passes) pass->add_up();
  std::vector<TensorStep*> out;
  bool written = false;
  for (TensorUpdate& update : updates) {
    out.push_back(&update);
    if (!training.guarded()) continue;
    ParameterState& state = *update.state;
    update.written = state.known && state.left != update.fingerprint;
    written = written || update.written;
    state.known = true;
    state.left = update.fingerprint;
    state.seen = training.steps();
  }
  if (written) buffers.weights_were_written(training.steps());
  return out;
}

void LearnedOptimizer::State::step(const WeightStepper& stepper) {
  for (auto& pass : passes) pass->step(stepper);
  for (TensorUpdate& update : updates) update.state->left = update.fingerprint;
}

/// Calls `visitor` with each parameter that was ever stepped and is trained still, and its state.
template <class Visitor>
void LearnedOptimizer::State::for_trained(Visitor&& visitor) {
  std::unordered_set<const ParameterState*> visited;
  for (const auto& group : *groups) {
    for (const at::Tensor& weight : group.params()) {
      ParameterState* state = trained(weight) ? parameters.find(weight) : nullptr;
      if (state != nullptr && visited.insert(state).second) visitor(weight, *state);
    }
  }
}

void LearnedOptimizer::State::hold(bool all) {
  for_trained([&](const at::Tensor& weight, ParameterState& state) {
    if (state.held.defined() && !all) return;
    state.left_at_hold = found(weight, state);
    if (state.held.defined() && state.held.device() == weight.device()) {
      state.held.copy_(weight.detach());
    } else {
      state.held = weight.detach().clone();
    }
  });
  if (all) buffers.hold();
}

void LearnedOptimizer::State::put(const at::Tensor& weight, ParameterState& state, const at::Tensor& values,
                                  std::uint64_t print) {
  weight.detach().copy_(values);
  state.left = print;
  state.seen = training.steps();
}

void LearnedOptimizer::State::restore() {
  for_trained([&](const at::Tensor& weight, ParameterState& state) {
    if (!state.held.defined() || found(weight, state) != state.left) return;  // it was written while it took no part
    put(weight, state, state.held, state.left_at_hold);
  });
  buffers.restore();
}

double LearnedOptimizer::State::slope() {
  double sum = 0;
  for (const TensorUpdate& update : updates) {
    if (!update.state->held.defined()) continue;
    const at::Tensor way =
        update.weight.detach().to(at::kDouble) - update.state->held.to(update.weight.device(), at::kDouble);
    const at::Tensor parts = way * update.gradient.to(at::kDouble);
    sum += at::where(parts.isfinite(), parts, at::zeros_like(parts)).sum().item<double>();
  }
  return sum;
}

void LearnedOptimizer::State::exchange() {
  for_trained([&](const at::Tensor& weight, ParameterState& state) {
    if (!state.held.defined() || found(weight, state) != state.left) return;
    const at::Tensor now = weight.detach().clone();
    const std::uint64_t print = state.left;
    put(weight, state, state.held, state.left_at_hold);
    state.held = now;
    state.left_at_hold = print;
  });
  buffers.exchange();
}

void LearnedOptimizer::State::clear() {
  for_trained([&](const at::Tensor&, ParameterState& state) {
    state.record = training.stepper().new_record();
    if (state.numbers.defined()) state.numbers.zero_();
  });
}

void LearnedOptimizer::State::watch(std::vector<at::Tensor> tensors) {
  buffers = WatchedBuffers(std::move(tensors));
  training.report().buffers = static_cast<std::int64_t>(buffers.all().size());
  mend_buffers();
}

void LearnedOptimizer::State::mend_buffers() {
  const WatchedBuffers::Mended mended = buffers.mend();
  training.report().buffers_broken = mended.broken;
  training.report().buffers_restored += mended.restored;
}

}  // namespace scout
