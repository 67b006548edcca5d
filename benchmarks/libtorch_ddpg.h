// DDPG as one writes it with LibTorch: modules, autograd, torch::optim::Adam. What Scout's learner is measured against.
//
// The structure is that of CleanRL and Stable-Baselines3, with the options of Scout's `Ddpg`, so that both do the same work.
#pragma once

#include <torch/torch.h>

#include "scout/train/ddpg/ddpg.h"

namespace scout::benchmark {

/// Features [N, F] to actions in [-1, 1], [N, A].
struct LibTorchActor : torch::nn::Module {
  /// Also returns what the output penalty is about, [N, U].
  virtual std::pair<torch::Tensor, torch::Tensor> act(const torch::Tensor& features) = 0;
};

/// A perceptron with ReLU between its layers.
torch::nn::Sequential perceptron(const std::vector<int>& sizes);

/// A perceptron with tanh at its end.
struct PlainActor : LibTorchActor {
  PlainActor(int features, std::vector<int> hidden, int actions);
  std::pair<torch::Tensor, torch::Tensor> act(const torch::Tensor& features) override;
  torch::nn::Sequential network;
};

/// A batch of transitions of `rows` rows each, N = B · rows; returns and discounts [N, 1].
struct LibTorchBatch {
  torch::Tensor states, actions, returns, next_states, discounts;
};

class LibTorchDdpg {
 public:
  /// `rows`: of a state; above 1 the critic may be pooled. `make_actor` makes the actor, its target and its average.
  LibTorchDdpg(const std::function<std::shared_ptr<LibTorchActor>()>& make_actor, const DdpgOptions& options, int features,
               int actions, int rows);

  /// As Ddpg::update.
  void update(const LibTorchBatch& batch);
  LibTorchActor& actor() { return *actor_; }
  /// The actor, its target and its average.
  std::vector<LibTorchActor*> actors() { return {actor_.get(), actor_target_.get(), average_.get()}; }
  LibTorchActor& averaged_actor() { return options_.average > 0 ? *average_ : *actor_; }

 private:
  struct Critic : torch::nn::Module {
    Critic(const DdpgOptions& options, int features, int actions, int rows);
    torch::Tensor forward(const torch::Tensor& states, const torch::Tensor& actions);
    int rows;
    torch::nn::Linear first{nullptr}, second{nullptr}, pool{nullptr}, output{nullptr};
  };
  void update_critics(const LibTorchBatch& batch);
  void update_actor(const LibTorchBatch& batch);

  DdpgOptions options_;
  std::shared_ptr<LibTorchActor> actor_, actor_target_, average_;
  std::vector<std::shared_ptr<Critic>> critics_, critic_targets_;
  std::unique_ptr<torch::optim::Adam> actor_optimizer_, critic_optimizer_;
  std::int64_t updates_ = 0;
};

/// Transitions in tensors that are allocated once.
class LibTorchReplay {
 public:
  LibTorchReplay(std::int64_t capacity, int features, int actions);
  void add(const float* state, const float* action, float reward, const float* next_state);
  LibTorchBatch sample(int count, double discount) const;

 private:
  std::int64_t capacity_, size_ = 0, next_ = 0;
  torch::Tensor states_, actions_, rewards_, next_states_;
};

}  // namespace scout::benchmark
