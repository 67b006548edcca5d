// What a LearnedOptimizer carries from step to step, and where its guarded steps find the weights.
#pragma once

#include <ATen/Parallel.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scout/base/parallel.h"
#include "scout/torch/learned_optimizer.h"
#include "scout/torch/parameters.h"
#include "scout/torch/tensor_update.h"
#include "scout/torch/watched_buffers.h"

namespace scout {

/// Throws std::invalid_argument if an option is out of range or the policy is of a rule for functions.
const LearnedOptimizerOptions& checked(const LearnedOptimizerOptions& options);
/// Throws std::invalid_argument if the group's are those of another optimizer.
const LearnedOptimizerOptions& options_of(const torch::optim::OptimizerParamGroup& group);

/// In a child of fork() LibTorch's threads are not there, and an operation that wants them waits for ever: while this lives,
/// it wants none.
class WithoutLostThreads {
 public:
  /// `process`: in which the threads began.
  explicit WithoutLostThreads(long process) : before_(getpid() != process ? at::get_num_threads() : 0) {
    if (before_ > 0) at::set_num_threads(1);
  }
  ~WithoutLostThreads() {
    if (before_ > 0) at::set_num_threads(before_);
  }
  WithoutLostThreads(const WithoutLostThreads&) = delete;
  WithoutLostThreads& operator=(const WithoutLostThreads&) = delete;

 private:
  int before_;
};

struct LearnedOptimizer::State : StepTarget {
  explicit State(const LearnedOptimizerOptions& options);

  /// Prepares the updates of a step, and who makes them.
  void begin(const ParameterGroups& all, std::vector<TensorUpdate> gathered, const LearnedOptimizerOptions& options);
  void end();

  void watch(std::vector<at::Tensor> tensors);
  /// Brings back what is held of buffers that are not finite.
  void mend_buffers();

  std::vector<TensorStep*> tensors() override;
  void step(const WeightStepper& stepper) override;
  void hold(bool all) override;
  void restore() override;
  double slope() override;
  void exchange() override;
  void clear() override;

  at::ScalarType numbers_type() const { return layout.type == StateLayout::Type::bfloat16 ? at::kBFloat16 : at::kFloat; }

  long process = getpid();  // that LibTorch's threads live in
  std::shared_ptr<const Policy> policy;
  GuardedStep training;
  StateLayout layout;
  bool batches;  // whether LibTorch's operations can take the rule's step
  std::unique_ptr<ThreadTeam> team;
  ParameterStates parameters;
  WatchedBuffers buffers;
  // Of a step.
  const ParameterGroups* groups = nullptr;
  std::vector<TensorUpdate> updates;
  std::vector<std::unique_ptr<UpdatePasses>> passes;

 private:
  ThreadTeam& threads(int wanted);
  template <class Visitor>
  void for_trained(Visitor&& visitor);
  /// The weights' fingerprint now.
  std::uint64_t found(const at::Tensor& weight, const ParameterState& state) const {
    return state.seen == training.steps() ? state.left : fingerprint(weight);
  }
  void put(const at::Tensor& weight, ParameterState& state, const at::Tensor& values, std::uint64_t print);
};

}  // namespace scout
