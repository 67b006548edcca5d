#include "scout/train/learner/ddpg.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/nn/affine.h"
#include "scout/nn/pool.h"
#include "scout/nn/update.h"

namespace scout {

// --- Adam
// ------------------------------------------------------------------------------------------------------------------

void Adam::update(std::vector<float>& parameters, const std::vector<float>& gradient, double learning_rate) {
  constexpr double beta1 = 0.9;
  constexpr double beta2 = 0.999;
  mean.resize(parameters.size(), 0.0F);
  square.resize(parameters.size(), 0.0F);
  ++steps;
  const double correction1 = 1.0 - std::pow(beta1, static_cast<double>(steps));
  const double correction2 = 1.0 - std::pow(beta2, static_cast<double>(steps));
  const auto rate = static_cast<float>(learning_rate / correction1);
  const auto root = static_cast<float>(1.0 / std::sqrt(correction2));
  kernel::adam(parameters.data(), mean.data(), square.data(), gradient.data(), parameters.size(), rate, root);
}

// --- The critic
// ------------------------------------------------------------------------------------------------------------

Critic::Critic(int features, int actions, std::vector<int> hidden, bool pooled)
    : features_(features), actions_(actions), pooled_(pooled) {
  if (hidden.size() != 2) throw std::invalid_argument("option 'ddpg.critic_hidden' must have two entries");
  auto add = [&](int in, int out) {
    const Linear layer{in, out, parameter_count_};
    parameter_count_ += layer.size();
    return layer;
  };
  first_ = add(features + actions, hidden[0]);
  second_ = add(hidden[0], hidden[1]);
  if (pooled_) pool_ = add(hidden[0], hidden[1]);
  output_ = add(hidden[1], 1);
}

std::vector<float> Critic::initial_parameters(Random& random) const {
  std::vector<float> parameters(parameter_count_, 0.0F);
  auto fill = [&](const Linear& layer, double scale) {
    for (int i = 0; i < layer.in * layer.out; ++i) {
      parameters[layer.offset + static_cast<std::size_t>(i)] = static_cast<float>(scale * random.normal());
    }
  };
  fill(first_, std::sqrt(2.0 / first_.in));
  fill(second_, std::sqrt(2.0 / second_.in) * (pooled_ ? std::sqrt(0.5) : 1.0));
  if (pooled_) fill(pool_, std::sqrt(1.0 / second_.in));
  fill(output_, 0.1 * std::sqrt(1.0 / output_.in));
  return parameters;
}

void Critic::join(const float* states, const float* moves, int rows, std::vector<float>& input) const {
  const auto in = static_cast<std::size_t>(first_.in);
  input.resize(static_cast<std::size_t>(rows) * in);
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    std::copy_n(states + r * static_cast<std::size_t>(features_), features_, input.data() + r * in);
  }
  replace_moves(moves, rows, input);
}

void Critic::replace_moves(const float* moves, int rows, std::vector<float>& input) const {
  float* to = input.data() + features_;
  for (int r = 0; r < rows; ++r, moves += actions_, to += first_.in) std::copy_n(moves, actions_, to);
}

const std::vector<float>& Critic::forward(const float* parameters, const std::vector<float>& input,
                                          std::span<const int> begin, Trace& t) const {
  const int rows = begin.back();
  const auto n = static_cast<std::size_t>(rows);
  t.hidden.resize(n * static_cast<std::size_t>(first_.out));
  t.second.resize(n * static_cast<std::size_t>(second_.out));
  t.q.resize(n);
  first_.forward(parameters, input.data(), rows, t.hidden.data(), true);
  second_.forward(parameters, t.hidden.data(), rows, t.second.data(), !pooled_);
  if (pooled_) {
    const int states = static_cast<int>(begin.size()) - 1;
    t.pool.resize(static_cast<std::size_t>(states * first_.out));
    t.pooled_part.resize(static_cast<std::size_t>(states * second_.out));
    kernel::pool(t.hidden.data(), begin.data(), states, first_.out, true, t.pool.data());
    pool_.forward(parameters, t.pool.data(), states, t.pooled_part.data());
    kernel::add_pooled_relu(t.pooled_part.data(), begin.data(), states, second_.out, t.second.data());
  }
  output_.forward(parameters, t.second.data(), rows, t.q.data());
  return t.q;
}

void Critic::backward(const float* parameters, const std::vector<float>& input, std::span<const int> begin, const float* dq,
                      Trace& t, float* gradient, float* d_moves) const {
  const int rows = begin.back();
  const auto n = static_cast<std::size_t>(rows);
  const auto width = static_cast<std::size_t>(first_.out);
  t.d_second.resize(n * static_cast<std::size_t>(second_.out));
  t.d_hidden.resize(n * width);
  output_.backward(parameters, t.second.data(), dq, rows, gradient, t.d_second.data(), true);
  second_.backward(parameters, t.hidden.data(), t.d_second.data(), rows, gradient, t.d_hidden.data(), !pooled_);
  if (pooled_) {
    const int states = static_cast<int>(begin.size()) - 1;
    t.d_pool.resize(t.pool.size());
    std::vector<float>& d_part = t.pooled_part;
    kernel::pool(t.d_second.data(), begin.data(), states, second_.out, false, d_part.data());
    pool_.backward(parameters, t.pool.data(), d_part.data(), states, gradient, t.d_pool.data());
    kernel::add_mean_gradient_relu(t.d_pool.data(), begin.data(), states, first_.out, t.hidden.data(), t.d_hidden.data());
  }
  if (gradient != nullptr) first_.backward(parameters, input.data(), t.d_hidden.data(), rows, gradient, nullptr);
  if (d_moves != nullptr) {
    // Only the columns of W1 that meet the moves: dmoves = dhidden · those.
    const float* column = first_.weight(parameters) + features_;
    t.move_columns.resize(static_cast<std::size_t>(actions_) * width);
    for (std::size_t a = 0; a < static_cast<std::size_t>(actions_); ++a, ++column) {
      for (std::size_t j = 0; j < width; ++j) {
        t.move_columns[a * width + j] = column[j * static_cast<std::size_t>(first_.in)];
      }
    }
    t.no_bias.assign(static_cast<std::size_t>(actions_), 0.0F);
    kernel::affine(t.d_hidden.data(), t.move_columns.data(), t.no_bias.data(), rows, first_.out, actions_, false, d_moves);
  }
}

// --- The algorithm
// ---------------------------------------------------------------------------------------------------------

Ddpg::Ddpg(Actor actor, const DdpgOptions& options, Seed seed, ThreadTeam& team)
    : actor_(std::move(actor)),
      critic_(actor_.features(), actor_.actions(), options.critic_hidden, options.pooled_critic),
      options_(options),
      team_(team),
      shards_(static_cast<std::size_t>(team.size())) {
  validate(options);
  Random random(seed.derive("networks"));
  actor_parameters_ = actor_.initial_parameters(random);
  actor_target_ = actor_average_ = actor_parameters_;
  for (int k = 0; k < 2; ++k) {
    critic_parameters_[k] = critic_.initial_parameters(random);
    critic_target_[k] = critic_parameters_[k];
  }
}

void Ddpg::start_from(const std::vector<float>& parameters) {
  if (parameters.size() != actor_.parameter_count()) {
    throw std::invalid_argument("the policy to start from has " + std::to_string(parameters.size()) +
                                " parameters: the one to train has " + std::to_string(actor_.parameter_count()));
  }
  actor_parameters_ = actor_target_ = actor_average_ = parameters;
}

DdpgReport Ddpg::update(const Batch& batch, Random& random) {
  // Noise on the target actions, drawn here so that it does not depend on the number of threads.
  noise_.resize(options_.target_noise > 0 ? batch.moves.size() : 0);
  const auto bound = options_.target_noise_clip;
  for (float& e : noise_) e = static_cast<float>(std::clamp(options_.target_noise * random.normal(), -bound, bound));

  update_critics(batch);
  ++updates_;
  if (updates_ % options_.actor_delay == 0) {
    if (updates_ > options_.critic_first) update_actor(batch);
    update_targets();
  }

  DdpgReport report;
  for (const Shard& shard : shards_) {
    report.critic_loss += shard.loss / batch.size();
    report.mean_q += shard.q_sum / batch.size();
  }
  return report;
}

void Ddpg::update_critics(const Batch& batch) {
  for (Shard& shard : shards_) {
    shard.loss = shard.q_sum = 0;
    for (int k = 0; k < critics(); ++k) shard.gradient[k].assign(critic_.parameter_count(), 0.0F);
  }
  team_.run([&](int s) {
    critic_shard(batch, batch.size() * s / team_.size(), batch.size() * (s + 1) / team_.size(),
                 shards_[static_cast<std::size_t>(s)]);
  });
  for (int k = 0; k < critics(); ++k) apply(critic_parameters_[k], critic_adam_[k], k, options_.critic_learning_rate);
}

void Ddpg::critic_shard(const Batch& batch, int first, int last, Shard& shard) {
  if (first == last) return;
  const int row0 = batch.begin[static_cast<std::size_t>(first)];
  const int rows = batch.begin[static_cast<std::size_t>(last)] - row0;
  const auto n = static_cast<std::size_t>(rows);
  const auto actions = static_cast<std::size_t>(actor_.actions());
  const float* states = batch.states.data() + static_cast<std::ptrdiff_t>(row0) * actor_.features();
  const float* next_states = batch.next_states.data() + static_cast<std::ptrdiff_t>(row0) * actor_.features();
  const float* moves = batch.moves.data() + static_cast<std::size_t>(row0) * actions;
  shard.begin.clear();
  for (int b = first; b <= last; ++b) shard.begin.push_back(batch.begin[static_cast<std::size_t>(b)] - row0);

  // Targets: y = Σ_{k<n} γ^k r_{t+k} + γ^n min_j Q'_j(s_{t+n}, π'(s_{t+n}) + ε).
  shard.actions.resize(n * actions);
  actor_.forward(actor_target_.data(), next_states, rows, shard.actor_trace, shard.actions.data());
  if (!noise_.empty()) {
    const float* noise = noise_.data() + static_cast<std::size_t>(row0) * actions;
    for (std::size_t i = 0; i < shard.actions.size(); ++i) {
      shard.actions[i] = std::clamp(shard.actions[i] + noise[i], -1.0F, 1.0F);
    }
  }
  critic_.join(next_states, shard.actions.data(), rows, shard.input);
  for (int k = 0; k < critics(); ++k) {
    const auto& q = critic_.forward(critic_target_[k].data(), shard.input, shard.begin, shard.critic_trace);
    if (k == 0) {
      shard.targets = q;
    } else {
      for (std::size_t i = 0; i < n; ++i) shard.targets[i] = std::min(shard.targets[i], q[i]);
    }
  }
  for (int b = first; b < last; ++b) {
    const float discount = batch.discounts[static_cast<std::size_t>(b)];
    for (int r = shard.begin[static_cast<std::size_t>(b - first)]; r < shard.begin[static_cast<std::size_t>(b - first) + 1];
         ++r) {
      const auto i = static_cast<std::size_t>(r);
      shard.targets[i] = batch.returns[static_cast<std::size_t>(row0) + i] + discount * shard.targets[i];
    }
  }

  // Huber's loss (squared up to `loss_bound`, then linear), of each row's Q ("coordinate") or of the rows' mean Q
  // ("shared").
  const bool shared = options_.credit == "shared";
  const auto bound = static_cast<float>(options_.loss_bound);
  shard.dq.resize(n);
  critic_.join(states, moves, rows, shard.input);
  for (int k = 0; k < critics(); ++k) {
    const auto& q = critic_.forward(critic_parameters_[k].data(), shard.input, shard.begin, shard.critic_trace);
    for (int b = 0; b < last - first; ++b) {
      const int r0 = shard.begin[static_cast<std::size_t>(b)];
      const int r1 = shard.begin[static_cast<std::size_t>(b) + 1];
      const float share = 1.0F / static_cast<float>(r1 - r0);
      float mean_error = 0;
      for (int r = r0; r < r1; ++r) {
        const auto i = static_cast<std::size_t>(r);
        const float error = q[i] - shard.targets[i];
        mean_error += share * error;
        shard.dq[i] = std::clamp(error, -bound, bound) * share / static_cast<float>(batch.size());
        if (!shared) shard.loss += static_cast<double>(error * error * share) / critics();
        shard.q_sum += static_cast<double>(q[i] * share) / critics();
      }
      if (shared) {
        shard.loss += static_cast<double>(mean_error * mean_error) / critics();
        for (int r = r0; r < r1; ++r) {
          shard.dq[static_cast<std::size_t>(r)] =
              std::clamp(mean_error, -bound, bound) * share / static_cast<float>(batch.size());
        }
      }
    }
    critic_.backward(critic_parameters_[k].data(), shard.input, shard.begin, shard.dq.data(), shard.critic_trace,
                     shard.gradient[k].data(), nullptr);
  }
}

void Ddpg::update_actor(const Batch& batch) {
  for (Shard& shard : shards_) shard.gradient[0].assign(actor_.parameter_count(), 0.0F);
  team_.run([&](int s) {
    actor_shard(batch, batch.size() * s / team_.size(), batch.size() * (s + 1) / team_.size(),
                shards_[static_cast<std::size_t>(s)]);
  });
  if (schedule_frozen_) {
    for (Shard& shard : shards_)
      std::fill(shard.gradient[0].end() - static_cast<std::ptrdiff_t>(actor_.schedule_size()), shard.gradient[0].end(),
                0.0F);
  }
  apply(actor_parameters_, actor_adam_, 0, options_.actor_learning_rate);
  update_average();
}

void Ddpg::update_targets() {
  const auto tau = static_cast<float>(options_.target_rate);
  kernel::follow(actor_target_.data(), actor_parameters_.data(), actor_target_.size(), tau);
  for (int k = 0; k < critics(); ++k) {
    kernel::follow(critic_target_[k].data(), critic_parameters_[k].data(), critic_target_[k].size(), tau);
  }
}

void Ddpg::update_average() {
  // Forgets at the given rate, and weighs all actors evenly before it has seen 1/(1 - rate) of them.
  const auto rate =
      static_cast<float>(std::max(1.0 - options_.average, 1.0 / (1.0 + static_cast<double>(actor_adam_.steps))));
  // A frozen schedule is averaged by `set_schedule`.
  const std::size_t learnt = actor_average_.size() - (schedule_frozen_ ? actor_.schedule_size() : 0);
  kernel::follow(actor_average_.data(), actor_parameters_.data(), learnt, rate);
}

void Ddpg::set_schedule(std::span<const float> schedule, double share) {
  const std::size_t first = actor_parameters_.size() - schedule.size();
  for (std::size_t i = 0; i < schedule.size(); ++i) {
    actor_parameters_[first + i] = actor_target_[first + i] = schedule[i];
    actor_average_[first + i] += static_cast<float>(share) * (schedule[i] - actor_average_[first + i]);
  }
}

void Ddpg::actor_shard(const Batch& batch, int first, int last, Shard& shard) {
  if (first == last) return;
  const int row0 = batch.begin[static_cast<std::size_t>(first)];
  const int rows = batch.begin[static_cast<std::size_t>(last)] - row0;
  const auto n = static_cast<std::size_t>(rows);
  const auto actions = static_cast<std::size_t>(actor_.actions());
  const float* states = batch.states.data() + static_cast<std::ptrdiff_t>(row0) * actor_.features();
  shard.begin.clear();
  for (int b = first; b <= last; ++b) shard.begin.push_back(batch.begin[static_cast<std::size_t>(b)] - row0);

  // Ascend Q_1(s, π(s)): the deterministic policy gradient (Silver et al. 2014, eq. 9).
  shard.actions.resize(n * actions);
  shard.d_moves.resize(n * actions);
  const float* moves = batch.moves.data() + static_cast<std::size_t>(row0) * actions;
  // `input` still holds the batch's states and moves.
  if (options_.imitation > 0) {
    shard.replayed_q = critic_.forward(critic_parameters_[0].data(), shard.input, shard.begin, shard.critic_trace);
  }
  actor_.forward(actor_parameters_.data(), states, rows, shard.actor_trace, shard.actions.data());
  critic_.replace_moves(shard.actions.data(), rows, shard.input);
  critic_.forward(critic_parameters_[0].data(), shard.input, shard.begin, shard.critic_trace);
  shard.dq.resize(n);
  for (int b = 0; b < last - first; ++b) {
    const int r0 = shard.begin[static_cast<std::size_t>(b)];
    const int r1 = shard.begin[static_cast<std::size_t>(b) + 1];
    for (int r = r0; r < r1; ++r)
      shard.dq[static_cast<std::size_t>(r)] = -1.0F / static_cast<float>((r1 - r0) * batch.size());
  }
  critic_.backward(critic_parameters_[0].data(), shard.input, shard.begin, shard.dq.data(), shard.critic_trace, nullptr,
                   shard.d_moves.data());
  if (options_.imitation > 0) {
    // The gradient above only climbs the hill of Q that the action stands on. Where the replay holds an action that the
    // critic rates higher, on whatever hill, descend w/2 |π(s) - a|² too, w = the advantage, at most 1 (after Nair et al.
    // 2018, Q filter).
    for (std::size_t r = 0; r < n; ++r) {
      const float advantage = shard.replayed_q[r] - shard.critic_trace.q[r];
      if (!(advantage > 0)) continue;
      const float weight = static_cast<float>(options_.imitation) * std::min(advantage, 1.0F) * -shard.dq[r];
      for (std::size_t i = r * actions; i < (r + 1) * actions; ++i)
        shard.d_moves[i] += weight * (shard.actions[i] - moves[i]);
    }
  }
  const double penalty =
      2.0 * options_.output_penalty / static_cast<double>(batch.states.size() / static_cast<std::size_t>(actor_.features()));
  actor_.backward(actor_parameters_.data(), states, shard.d_moves.data(), shard.actor_trace, shard.gradient[0].data(),
                  static_cast<float>(penalty));
}

void Ddpg::apply(std::vector<float>& parameters, Adam& adam, int which, double learning_rate) {
  std::vector<float>& gradient = shards_.front().gradient[which];
  for (std::size_t k = 1; k < shards_.size(); ++k) {
    const std::vector<float>& part = shards_[k].gradient[which];
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += part[i];
  }
  if (options_.gradient_clip > 0) {
    const double norm = std::sqrt(kernel::square_sum(gradient.data(), gradient.size()));
    if (norm > options_.gradient_clip) {
      const auto shrink = static_cast<float>(options_.gradient_clip / norm);
      for (float& g : gradient) g *= shrink;
    }
  }
  adam.update(parameters, gradient, learning_rate);
}

}  // namespace scout
