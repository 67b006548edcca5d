// The exploration ensemble in the weight space of a network.
#pragma once

#include <memory>
#include <vector>

#include "scout/train/episode/network_environment.h"
#include "scout/train/mover/ensemble.h"

namespace scout {

/// N explorers train the same network on the same data, each from a start of its own. Each holds a direction that no other
/// holds, of one of three kinds in turn (ExplorerOptions::directions):
///
/// - weights: a few single weights, which it moves by ±η of the largest step, each weight for itself: coordinate steps;
/// - tensor: one whole tensor, whose step by the policy it makes larger or smaller, by a factor 1 + 3√η;
/// - orthogonal: a random direction in the space of all weights, orthogonal to those of the others, along which it moves by
///   ±√η times the size that the policy's step has in each tensor.
///
/// With probability p_coor(t) an explorer moves along its direction, and everything else follows the policy; otherwise all
/// does (the policy's step stands where Ensemble has a gradient step). A direction turns round after a move that cost more
/// than it earned on the next minibatch, as credited by the gradient; one that has not earned anything after `prune_after`
/// moves is given up for another. An explorer whose loss stays high for `reset_after` steps starts anew.
class WeightEnsemble {
 public:
  /// `weights`: how many weights of each explorer are recorded, at least 1.
  WeightEnsemble(std::shared_ptr<const Instance> instance, std::shared_ptr<const WeightStepper> stepper,
                 const NetworkEpisode& episode, const ExplorerOptions& options, int weights, Seed seed,
                 const EnsembleShare& share = {});

  /// Rolls everything out, and returns the trajectories: one for each explorer and each reset.
  std::vector<Trajectory> run();
  const EnsembleSummary& summary() const { return summary_; }
  std::int64_t evaluations() const;
  /// The weights whose transitions were recorded, by trajectory.
  const std::vector<std::vector<std::size_t>>& recorded_weights() const { return recorded_weights_; }

 private:
  enum class Kind { weights, tensor, orthogonal };
  struct Explorer {
    Kind kind;
    Random random;
    NetworkEnvironment environment;
    std::size_t tensor = 0;
    std::vector<float> axis{};   // kind orthogonal: [M], rms 1
    std::vector<float> signs{};  // of the held weights, or one
    std::vector<float> added{};  // the last move's part along the direction, [M], where it is not that of single weights
    double gain = 0;
    int moves = 0;
    int low_steps = 0;
  };

  void begin(Explorer& explorer);
  void finish(Explorer& explorer);
  void hold_another(Explorer& explorer);
  std::vector<std::size_t> draw_weights(Explorer& explorer);
  void move(Explorer& explorer, double size, std::span<float> delta);
  /// What the last move along the direction earned.
  double judge(Explorer& explorer);

  ExplorerOptions options_;
  NetworkEpisode episode_;
  std::size_t weights_;
  std::vector<TensorShape> tensors_;
  std::vector<std::size_t> order_;  // the share's weights in random order; those before `next_weight_` were held
  std::size_t next_weight_ = 0;
  std::size_t next_tensor_ = 0;
  std::vector<Explorer> explorers_;
  std::vector<Trajectory> finished_;
  std::vector<std::vector<std::size_t>> recorded_weights_;
  double best_value_ = 0;
  double start_sum_ = 0;
  int starts_ = 0;
  EnsembleSummary summary_;
};

}  // namespace scout
