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

namespace scout {

/// Throws std::invalid_argument if an option is out of range or the policy is of a rule for functions.
const LearnedOptimizerOptions& checked(const LearnedOptimizerOptions& options);
/// Throws std::invalid_argument if the group's are those of another optimizer.
const LearnedOptimizerOptions& options_of(const torch::optim::OptimizerParamGroup& group);

/// A tensor that belongs to the weights and is no parameter.
struct WatchedBuffer {
  at::Tensor tensor;
  at::Tensor held{};  ///< finite; undefined if it never was
};

/// What tells buffers that a training's own passes have written from those that something else has.
struct BuffersLeft {
  std::uint64_t count = 0;        ///< of buffers
  std::uint64_t fingerprint = 0;  ///< of all of them, at the end of the last step
  bool known = false;
  bool found_so = false;            ///< the last closure has found them so: passes do not run outside of closures
  std::int64_t written_at = -1000;  ///< the last step before which something else had written weights

  template <class Archive>
  void visit(Archive& a) {
    a(count, fingerprint, known, found_so, written_at);
  }
};

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
  /// Before a step, and before its closure: whether something else than the training has written buffers since the last one.
  /// Those are the caller's, and are held from then on. Without a closure they cannot be told from the forward pass's.
  void look_at_buffers(bool closure);
  /// After a closure whose step is not taken: what its passes have written is the training's own.
  void keep_track_of_buffers();
  /// At the end of a step.
  void leave_buffers();
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
  std::vector<WatchedBuffer> buffers;
  BuffersLeft buffers_left;
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
  std::uint64_t fingerprint_of_buffers() const;
  /// Copies of the buffers; undefined where they are not finite.
  std::vector<at::Tensor> copies_of_buffers() const;
  void take_in_buffers();

  // Of a step that may yet be refused.
  bool buffers_looked_at_ = false, buffers_told_ = false, buffers_as_left_ = false;
  std::uint64_t buffers_found_ = 0;          // fingerprint
  std::vector<at::Tensor> buffers_written_;  // copies
  void put(const at::Tensor& weight, ParameterState& state, const at::Tensor& values, std::uint64_t print);
};

}  // namespace scout
