// The coordinatewise policy and its rollouts as one writes them with LibTorch: tensors and their operations, no autograd in
// rollouts. What Scout's rollouts are measured against.
//
// The same kinds of features, made of the same statistics of a run, and the same mixture of proposals; close to Scout's
// observer and actor, but not the same number by number: this is a yardstick for speed. The models of the region are kept up
// to date by a point a step, as Scout's are, rather than made anew from all points.
#pragma once

#include <torch/torch.h>

#include "benchmarks/libtorch_ddpg.h"
#include "scout/problem/instance.h"

namespace scout::benchmark {

/// Runs on E instances of M dimensions each, in tensors [E, M]. With E = 1 an object a run, as in Scout; with more, runs
/// side by side in the same tensors. f and ∇f are Scout's own functions.
class LibTorchEnvironments {
 public:
  static constexpr int kFeatures = 64;

  LibTorchEnvironments(std::vector<std::shared_ptr<const Instance>> instances, double step_scale, int horizon);

  /// Begins at starts [E, M].
  void start(std::span<const double> theta);
  /// Takes actions [E M, 1], in the orientation of the features.
  void step(const torch::Tensor& actions);
  /// [E M, kFeatures].
  torch::Tensor features() const;
  /// The best point's gap as a share of the start's, [E], double.
  torch::Tensor gap_share() const;

 private:
  void evaluate();
  void update_statistics();
  void insert();
  std::vector<torch::Tensor> separable() const;
  std::vector<torch::Tensor> quadratic() const;

  std::vector<std::shared_ptr<const Instance>> instances_;
  std::int64_t count_, dimension_, horizon_;
  double step_scale_;
  std::int64_t step_ = 0;
  torch::Tensor theta_, origin_, scale_;                    // [E, M], [E, M], [E, 1], double
  torch::Tensor lower_, optimum_, start_gap_;               // [E, 1], double
  torch::Tensor gradient_size_, f_, best_, worst_;          // [E, 1]
  torch::Tensor gradient_, sign_, x_, last_step_, best_x_;  // [E, M]
  torch::Tensor best_gradient_, mean5_, mean9_, square_, elite_, elite_weight_;
  torch::Tensor actions_, gradients_, values_;                              // the last four, [4, E, M], [4, E, M], [4, E, 1]
  torch::Tensor mean_x_, mean_g_, mean_f_, xx_, xg_, gg_, xf_, ff_;         // [3, E, M or 1]: of three windows
  torch::Tensor since_best_, square_mean_, square_average_, first_square_;  // [E, 1]
  torch::Tensor sorted_x_, sorted_g_, is_last_;  // [E, M, N]: the N points of the run by coordinate, and which is the last
  torch::Tensor first_f_, row_sum_, products_, f_sum_, f_products_, f_square_;  // of the quadratic's fit, double
};

/// Scout's actor: a network and a head whose outputs mix the proposals among the features (sparsemax). Begins, as that
/// does, with a network of zeros and a head that probes and then goes by its models; evolution shapes the head.
struct MixtureActor : LibTorchActor {
  explicit MixtureActor(std::vector<int> hidden);
  std::pair<torch::Tensor, torch::Tensor> act(const torch::Tensor& features) override;
  torch::nn::Sequential network;
  torch::nn::Linear head{nullptr};
};

}  // namespace scout::benchmark
