#include "scout/torch/learned_optimizer_state.h"

#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>

#include <unordered_set>
#include <utility>

#include "scout/policy/shipped.h"

namespace scout {
namespace {

/// Weights that are written again within so many steps are written by the training, as Guard has it.
constexpr std::int64_t kRoutine = 50;

bool finite(const at::Tensor& tensor) { return tensor.isfinite().all().item<bool>(); }
/// Whether there is something to bring back.
bool fits(const WatchedBuffer& buffer) { return buffer.held.defined() && buffer.held.sizes() == buffer.tensor.sizes(); }

}  // namespace

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
  take_in_buffers();
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
  if (written) {
    // A new stage has buffers of its own: there is no copy of those that are not finite. Writing may also be routine.
    const bool routine = training.steps() - buffers_left.written_at < kRoutine;
    for (WatchedBuffer& buffer : buffers) {
      if (!buffers_told_ && !routine && !finite(buffer.tensor)) buffer.held = at::Tensor();
    }
    buffers_left.written_at = training.steps();
  }
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
  for (WatchedBuffer& buffer : buffers) {
    if (all && finite(buffer.tensor)) buffer.held = buffer.tensor.detach().clone();
  }
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
  for (WatchedBuffer& buffer : buffers) {
    if (fits(buffer)) buffer.tensor.detach().copy_(buffer.held);
  }
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
  for (WatchedBuffer& buffer : buffers) {
    if (!fits(buffer)) continue;
    const at::Tensor now = buffer.tensor.detach().clone();
    buffer.tensor.detach().copy_(buffer.held);
    if (finite(now)) buffer.held = now;
  }
}

void LearnedOptimizer::State::clear() {
  for_trained([&](const at::Tensor&, ParameterState& state) {
    state.record = training.stepper().new_record();
    if (state.numbers.defined()) state.numbers.zero_();
  });
}

void LearnedOptimizer::State::watch(std::vector<at::Tensor> tensors) {
  buffers.clear();
  for (at::Tensor& tensor : tensors) {
    if (!tensor.defined()) continue;
    buffers.push_back({std::move(tensor)});
    if (finite(buffers.back().tensor)) buffers.back().held = buffers.back().tensor.detach().clone();
  }
  training.report().buffers = static_cast<std::int64_t>(buffers.size());
  buffers_left = {.count = buffers.size()};
  look_at_buffers(false);
  mend_buffers();
}

std::uint64_t LearnedOptimizer::State::fingerprint_of_buffers() const {
  Seed out(buffers.size());
  for (const WatchedBuffer& buffer : buffers) out = out.derive(fingerprint(buffer.tensor));
  return out.value();
}

std::vector<at::Tensor> LearnedOptimizer::State::copies_of_buffers() const {
  std::vector<at::Tensor> out;
  for (const WatchedBuffer& buffer : buffers) {
    out.push_back(finite(buffer.tensor) ? buffer.tensor.detach().clone() : at::Tensor());
  }
  return out;
}

void LearnedOptimizer::State::look_at_buffers(bool closure) {
  buffers_written_.clear();
  buffers_looked_at_ = closure && !buffers.empty() && buffers_left.known;
  buffers_told_ = buffers_as_left_ = false;
  if (!buffers_looked_at_) return;
  const at::NoGradGuard no_graph;
  const WithoutLostThreads threads(process);
  buffers_found_ = fingerprint_of_buffers();
  buffers_as_left_ = buffers_found_ == buffers_left.fingerprint;
  if (!buffers_as_left_ && buffers_left.found_so) buffers_written_ = copies_of_buffers();
  buffers_told_ = buffers_as_left_ || buffers_left.found_so;
}

void LearnedOptimizer::State::take_in_buffers() {
  if (buffers_looked_at_) buffers_left.found_so = buffers_as_left_;
  for (std::size_t k = 0; k < buffers_written_.size(); ++k) {
    if (buffers_written_[k].defined()) buffers[k].held = std::move(buffers_written_[k]);
  }
  buffers_written_.clear();
}

void LearnedOptimizer::State::keep_track_of_buffers() {
  if (!buffers_looked_at_) return;
  const at::NoGradGuard no_graph;
  const WithoutLostThreads threads(process);
  if (fingerprint_of_buffers() == buffers_found_) return;
  take_in_buffers();
  leave_buffers();
}

void LearnedOptimizer::State::leave_buffers() {
  if (buffers.empty()) return;
  buffers_left.fingerprint = fingerprint_of_buffers();
  buffers_left.known = true;
}

void LearnedOptimizer::State::mend_buffers() {
  training.report().buffers_broken = 0;
  for (WatchedBuffer& buffer : buffers) {
    if (finite(buffer.tensor)) continue;
    if (!fits(buffer)) {
      ++training.report().buffers_broken;
      continue;
    }
    buffer.tensor.detach().copy_(buffer.held);
    ++training.report().buffers_restored;
  }
}

}  // namespace scout
