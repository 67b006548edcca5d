#include "benchmarks/libtorch_ddpg.h"

namespace scout::benchmark {
namespace {

/// Moves `target` towards `source`; a rate of 1 copies it.
void follow(torch::nn::Module& target, torch::nn::Module& source, double rate) {
  const torch::NoGradGuard no_grad;
  const auto to = target.parameters();
  const auto from = source.parameters();
  for (std::size_t i = 0; i < to.size(); ++i) to[i].detach().lerp_(from[i], rate);
}

}  // namespace

torch::nn::Sequential perceptron(const std::vector<int>& sizes) {
  torch::nn::Sequential network;
  for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
    network->push_back(torch::nn::Linear(sizes[i], sizes[i + 1]));
    if (i + 2 < sizes.size()) network->push_back(torch::nn::ReLU());
  }
  return network;
}

PlainActor::PlainActor(int features, std::vector<int> hidden, int actions) {
  hidden.insert(hidden.begin(), features);
  hidden.push_back(actions);
  network = register_module("network", perceptron(hidden));
}

std::pair<torch::Tensor, torch::Tensor> PlainActor::act(const torch::Tensor& features) {
  const auto outputs = network->forward(features);
  return {torch::tanh(outputs), outputs};
}

LibTorchDdpg::Critic::Critic(const DdpgOptions& options, int features, int actions, int rows_of_state)
    : rows(rows_of_state) {
  const int width = options.critic_hidden[0];
  const int width2 = options.critic_hidden[1];
  first = register_module("first", torch::nn::Linear(features + actions, width));
  second = register_module("second", torch::nn::Linear(width, width2));
  if (options.pooled_critic) pool = register_module("pool", torch::nn::Linear(width, width2));
  output = register_module("output", torch::nn::Linear(width2, 1));
}

torch::Tensor LibTorchDdpg::Critic::forward(const torch::Tensor& states, const torch::Tensor& actions) {
  const auto hidden = torch::relu(first(torch::cat({states, actions}, 1)));
  auto z = second(hidden);
  if (!pool.is_empty()) {
    const auto mean = hidden.reshape({-1, rows, hidden.size(1)}).mean(1);
    z = (z.reshape({-1, rows, z.size(1)}) + pool(mean).unsqueeze(1)).reshape({-1, z.size(1)});
  }
  return output(torch::relu(z));
}

LibTorchDdpg::LibTorchDdpg(const std::function<std::shared_ptr<LibTorchActor>()>& make_actor, const DdpgOptions& options,
                           int features, int actions, int rows)
    : options_(options), actor_(make_actor()), actor_target_(make_actor()), average_(make_actor()) {
  follow(*actor_target_, *actor_, 1);
  follow(*average_, *actor_, 1);
  std::vector<torch::Tensor> parameters;
  for (int k = 0; k < (options.twin_critics ? 2 : 1); ++k) {
    critics_.push_back(std::make_shared<Critic>(options, features, actions, rows));
    critic_targets_.push_back(std::make_shared<Critic>(options, features, actions, rows));
    follow(*critic_targets_.back(), *critics_.back(), 1);
    const auto own = critics_.back()->parameters();
    parameters.insert(parameters.end(), own.begin(), own.end());
  }
  actor_optimizer_ =
      std::make_unique<torch::optim::Adam>(actor_->parameters(), torch::optim::AdamOptions(options.actor_learning_rate));
  critic_optimizer_ =
      std::make_unique<torch::optim::Adam>(parameters, torch::optim::AdamOptions(options.critic_learning_rate));
}

void LibTorchDdpg::update(const LibTorchBatch& batch) {
  update_critics(batch);
  ++updates_;
  if (updates_ % options_.actor_delay != 0) return;
  if (updates_ > options_.critic_first) update_actor(batch);
  follow(*actor_target_, *actor_, options_.target_rate);
  for (std::size_t k = 0; k < critics_.size(); ++k) follow(*critic_targets_[k], *critics_[k], options_.target_rate);
}

void LibTorchDdpg::update_critics(const LibTorchBatch& batch) {
  torch::Tensor target;
  {
    const torch::NoGradGuard no_grad;
    auto actions = actor_target_->act(batch.next_states).first;
    if (options_.target_noise > 0) {
      const double bound = options_.target_noise_clip;
      actions = (actions + (options_.target_noise * torch::randn_like(actions)).clamp(-bound, bound)).clamp(-1, 1);
    }
    auto q = critic_targets_[0]->forward(batch.next_states, actions);
    if (options_.twin_critics) q = torch::min(q, critic_targets_[1]->forward(batch.next_states, actions));
    target = batch.returns + batch.discounts * q;
  }
  torch::Tensor loss;
  for (const auto& critic : critics_) {
    const auto q = critic->forward(batch.states, batch.actions);
    const auto one = options_.loss_bound < 1e8 ? torch::huber_loss(q, target, at::Reduction::Mean, options_.loss_bound)
                                               : torch::mse_loss(q, target);
    loss = loss.defined() ? loss + one : one;
  }
  critic_optimizer_->zero_grad();
  loss.backward();
  if (options_.gradient_clip > 0) {
    for (const auto& critic : critics_) torch::nn::utils::clip_grad_norm_(critic->parameters(), options_.gradient_clip);
  }
  critic_optimizer_->step();
}

void LibTorchDdpg::update_actor(const LibTorchBatch& batch) {
  const auto [actions, outputs] = actor_->act(batch.states);
  const auto q = critics_[0]->forward(batch.states, actions);
  auto loss = -q.mean();
  if (options_.imitation > 0) {
    torch::Tensor weight;
    {
      const torch::NoGradGuard no_grad;
      weight = (critics_[0]->forward(batch.states, batch.actions) - q).clamp(0, 1);
    }
    loss = loss + 0.5 * options_.imitation * (weight * torch::square(actions - batch.actions)).mean();
  }
  if (options_.output_penalty > 0) loss = loss + options_.output_penalty * torch::square(outputs).mean();
  actor_optimizer_->zero_grad();
  loss.backward();
  if (options_.gradient_clip > 0) torch::nn::utils::clip_grad_norm_(actor_->parameters(), options_.gradient_clip);
  actor_optimizer_->step();
  if (options_.average > 0) follow(*average_, *actor_, 1 - options_.average);
}

LibTorchReplay::LibTorchReplay(std::int64_t capacity, int features, int actions)
    : capacity_(capacity),
      states_(torch::zeros({capacity, features})),
      actions_(torch::zeros({capacity, actions})),
      rewards_(torch::zeros({capacity, 1})),
      next_states_(torch::zeros({capacity, features})) {}

void LibTorchReplay::add(const float* state, const float* action, float reward, const float* next_state) {
  const auto features = states_.size(1);
  std::copy_n(state, features, states_.data_ptr<float>() + next_ * features);
  std::copy_n(next_state, features, next_states_.data_ptr<float>() + next_ * features);
  std::copy_n(action, actions_.size(1), actions_.data_ptr<float>() + next_ * actions_.size(1));
  rewards_.data_ptr<float>()[next_] = reward;
  next_ = (next_ + 1) % capacity_;
  size_ = std::min(size_ + 1, capacity_);
}

LibTorchBatch LibTorchReplay::sample(int count, double discount) const {
  const auto index = torch::randint(size_, {count}, torch::kLong);
  return {states_.index_select(0, index), actions_.index_select(0, index), rewards_.index_select(0, index),
          next_states_.index_select(0, index), torch::full({count, 1}, discount)};
}

}  // namespace scout::benchmark
