// Meta-training as one writes it with LibTorch: the loop of configs/evolution.toml on tensors, modules and autograd. What
// Scout's Trainer is measured against.
//
// A round rolls out episodes of the policy with noise, tries a generation of candidates (the CMA-ES is Scout's own), and
// updates actor and critics from a replay in tensors. Rewards are by run, not by coordinate; there is no ensemble of
// explorers and no second replay: it does a little less than Scout does.
#pragma once

#include "benchmarks/libtorch_policy.h"
#include "scout/train/evolution/cma_es.h"
#include "scout/train/learner/options.h"

namespace scout::benchmark {

/// Instances and starts [E, M] of theirs: `count` of each problem, of the first dimension.
struct Tasks {
  std::vector<std::shared_ptr<const Instance>> instances;
  std::vector<double> starts;
  Tasks(const TrainOptions& options, int count, Seed seed);
};

class LibTorchTraining {
 public:
  /// `together`: runs in one object of tensors, which divides the number of tasks; 1: an object each.
  LibTorchTraining(const TrainOptions& options, std::size_t together);

  void round();
  /// The parts of a round: one candidate tried on all tasks of the generation, whose run `recorded` goes to the replay;
  /// returns the mean log of the gaps' shares, lower is better.
  double try_candidate(const std::vector<double>& head, std::int64_t recorded);
  void update(int count);

  const std::vector<double>& mean() const { return evolution_.mean(); }
  const Tasks& tasks() const { return tasks_; }

 private:
  struct Rollout {
    torch::Tensor states, actions, rewards;  // of the runs kept: [K, T + 1, M, F], [K, T, M, 1], [K, T]
    torch::Tensor score;                     // [E]
  };
  /// `noise` [E], or undefined; `keep`: which runs.
  Rollout roll_out(const Tasks& tasks, const torch::Tensor& noise, const std::vector<std::int64_t>& keep);
  void add(const Rollout& rollout);
  void set_head(const std::vector<double>& head);

  TrainOptions options_;
  std::size_t together_;
  std::int64_t dimension_, horizon_;
  Tasks tasks_;
  LibTorchDdpg ddpg_;
  SeparableCmaEs evolution_;
  Random random_{Seed(2)};
  std::int64_t rounds_ = 0;
  torch::Tensor states_, actions_, rewards_;  // the replay: as in Rollout, of the last runs
  std::int64_t next_ = 0, size_ = 0;
};

}  // namespace scout::benchmark
