#include "scout/train/ddpg/ddpg.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "scout/nn/update.h"

namespace scout {

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
  own_end_ = actor_parameters_.size();
  for (int k = 0; k < 2; ++k) {
    critic_parameters_[k] = critic_.initial_parameters(random);
    critic_target_[k] = critic_parameters_[k];
  }
}

void Ddpg::start_from(std::span<const float> parameters) {
  if (parameters.size() != actor_.parameter_count()) {
    throw std::invalid_argument("the policy to start from has " + std::to_string(parameters.size()) +
                                " parameters: the one to train has " + std::to_string(actor_.parameter_count()));
  }
  actor_parameters_.assign(parameters.begin(), parameters.end());
  actor_target_ = actor_average_ = actor_parameters_;
}

void Ddpg::set_prior(double scale, Seed seed) {
  Random random(seed);
  prior_ = critic_.initial_parameters(random);
  // Biases are initialised with 0. On a ray from 0 the prior would then grow in proportion, and a network that fits it near
  // 0 would follow it far beyond the data.
  for (float& x : prior_) x = x == 0 ? static_cast<float>(0.5 * random.normal()) : x;
  // The output layer, which comes last, is initialised with a tenth of what gives outputs of order 1.
  const Linear last = critic_.output();
  for (std::size_t i = last.offset; i < last.offset + last.size(); ++i) prior_[i] *= static_cast<float>(10 * scale);
}

void Ddpg::add_prior(const std::vector<float>& input, std::span<const int> begin, Critic::Trace& trace,
                     std::vector<float>& q) const {
  if (prior_.empty()) return;
  const std::vector<float>& prior = critic_.forward(prior_.data(), input, begin, trace);
  for (std::size_t i = 0; i < q.size(); ++i) q[i] += prior[i];
}

std::vector<float> Ddpg::value(std::span<const float> states, std::span<const float> actions) const {
  const int rows = static_cast<int>(actions.size()) / actor_.actions();
  std::vector<int> begin(static_cast<std::size_t>(rows) + 1);
  std::iota(begin.begin(), begin.end(), 0);
  std::vector<float> input;
  critic_.join(states.data(), actions.data(), rows, input);
  Critic::Trace trace, prior;
  std::vector<float> q = critic_.forward(critic_parameters_[0].data(), input, begin, trace);
  add_prior(input, begin, prior, q);
  return q;
}

void Ddpg::adopt(std::span<const float> parameters) {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (i == own_begin_) i = own_end_;
    if (i < parameters.size()) actor_parameters_[i] = actor_target_[i] = parameters[i];
  }
}

DdpgReport Ddpg::update(const Batch& batch, Random& random) {
  if (options_.imitation > 0 && options_.imitate == "outcome" && batch.outcomes.size() != batch.returns.size()) {
    throw std::invalid_argument("ddpg.imitate = \"outcome\" needs a batch with outcomes");
  }
  if (options_.imitation > 0 && options_.imitate == "explorers" &&
      batch.demonstrated.size() != static_cast<std::size_t>(batch.size())) {
    throw std::invalid_argument("ddpg.imitate = \"explorers\" needs a batch that says which transitions are explorers'");
  }
  if (pull_ > 0 && batch.pulls.size() != batch.actions.size()) {
    throw std::invalid_argument("Ddpg::pull needs a batch with actions that the actor is pulled to");
  }
  // Noise on the target actions, drawn here so that it does not depend on the number of threads.
  noise_.resize(options_.target_noise > 0 ? batch.actions.size() : 0);
  const auto bound = options_.target_noise_clip;
  for (float& e : noise_) e = static_cast<float>(std::clamp(options_.target_noise * random.normal(), -bound, bound));

  cut(batch);
  update_critics(batch.size());
  ++updates_;
  if (updates_ % options_.actor_delay == 0) {
    if (updates_ > options_.critic_first) update_actor(batch.size());
    update_targets();
  }

  DdpgReport report;
  for (const Shard& shard : shards_) {
    report.critic_loss += shard.loss / batch.size();
    report.mean_q += shard.q_sum / batch.size();
  }
  return report;
}

void Ddpg::cut(const Batch& batch) {
  const auto actions = static_cast<std::size_t>(actor_.actions());
  const auto features = static_cast<std::size_t>(actor_.features());
  for (int s = 0; s < team_.size(); ++s) {
    Shard& shard = shards_[static_cast<std::size_t>(s)];
    const auto first = static_cast<std::size_t>(batch.size() * s / team_.size());
    const auto last = static_cast<std::size_t>(batch.size() * (s + 1) / team_.size());
    const auto row = static_cast<std::size_t>(batch.begin[first]);
    shard.begin.clear();
    for (std::size_t b = first; b <= last; ++b) shard.begin.push_back(batch.begin[b] - batch.begin[first]);
    shard.rows = shard.begin.back();
    shard.states = batch.states.data() + row * features;
    shard.next_states = batch.next_states.data() + row * features;
    shard.actions = batch.actions.data() + row * actions;
    shard.returns = batch.returns.data() + row;
    shard.noise = noise_.empty() ? nullptr : noise_.data() + row * actions;
    shard.discounts = batch.discounts.data() + first;
    shard.outcomes = options_.imitate == "outcome" ? batch.outcomes.data() + row : nullptr;
    shard.pulls = pull_ > 0 ? batch.pulls.data() + row * actions : nullptr;
    shard.demonstrated = batch.demonstrated.empty() ? nullptr : batch.demonstrated.data() + first;
    shard.loss = shard.q_sum = 0;
  }
  batch_rows_ = batch.begin.back();
}

void Ddpg::for_shards(void (Ddpg::*body)(Shard& shard, int batch), int batch) {
  team_.run([&](int s) {
    Shard& shard = shards_[static_cast<std::size_t>(s)];
    if (shard.rows > 0) (this->*body)(shard, batch);
  });
}

void Ddpg::update_critics(int batch) {
  for (Shard& shard : shards_) {
    for (int k = 0; k < critics(); ++k) shard.gradient[k].assign(critic_.parameter_count(), 0.0F);
  }
  for_shards(&Ddpg::critic_gradient, batch);
  for (int k = 0; k < critics(); ++k) apply(critic_parameters_[k], critic_adam_[k], k, options_.critic_learning_rate);
}

void Ddpg::critic_gradient(Shard& shard, int batch) {
  const int rows = shard.rows;
  const auto n = static_cast<std::size_t>(rows);

  // Targets: y = Σ_{k<n} γ^k r_{t+k} + γ^n min_j Q'_j(s_{t+n}, π'(s_{t+n}) + ε).
  shard.policy_actions.resize(n * static_cast<std::size_t>(actor_.actions()));
  actor_.forward(actor_target_.data(), shard.next_states, rows, shard.actor_trace, shard.policy_actions.data());
  for (std::size_t i = 0; shard.noise != nullptr && i < shard.policy_actions.size(); ++i) {
    shard.policy_actions[i] = std::clamp(shard.policy_actions[i] + shard.noise[i], -1.0F, 1.0F);
  }
  critic_.join(shard.next_states, shard.policy_actions.data(), rows, shard.input);
  for (int k = 0; k < critics(); ++k) {
    const auto& q = critic_.forward(critic_target_[k].data(), shard.input, shard.begin, shard.critic_trace);
    if (k == 0) {
      shard.targets = q;
    } else {
      for (std::size_t i = 0; i < n; ++i) shard.targets[i] = std::min(shard.targets[i], q[i]);
    }
  }
  add_prior(shard.input, shard.begin, shard.prior_trace, shard.targets);
  shard.for_transitions([&](std::size_t b, std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; ++i) {
      shard.targets[i] = shard.returns[i] + shard.discounts[b] * shard.targets[i];
    }
  });

  // Huber's loss (squared up to `loss_bound`, then linear), of each coordinate's Q ("coordinate") or of their mean Q
  // ("shared").
  const bool shared = options_.credit == "shared";
  const auto bound = static_cast<float>(options_.loss_bound);
  shard.dq.resize(n);
  critic_.join(shard.states, shard.actions, rows, shard.input);
  for (int k = 0; k < critics(); ++k) {
    critic_.forward(critic_parameters_[k].data(), shard.input, shard.begin, shard.critic_trace);
    std::vector<float>& q = shard.critic_trace.q;
    add_prior(shard.input, shard.begin, shard.prior_trace, q);
    shard.for_transitions([&](std::size_t, std::size_t first, std::size_t last) {
      const float share = 1.0F / static_cast<float>(last - first);
      float mean_error = 0;
      for (std::size_t i = first; i < last; ++i) {
        const float error = q[i] - shard.targets[i];
        mean_error += share * error;
        shard.dq[i] = std::clamp(error, -bound, bound) * share / static_cast<float>(batch);
        if (!shared) shard.loss += static_cast<double>(error * error * share) / critics();
        shard.q_sum += static_cast<double>(q[i] * share) / critics();
      }
      if (shared) {
        shard.loss += static_cast<double>(mean_error * mean_error) / critics();
        const float slope = std::clamp(mean_error, -bound, bound) * share / static_cast<float>(batch);
        std::fill_n(shard.dq.data() + first, last - first, slope);
      }
    });
    critic_.backward(critic_parameters_[k].data(), shard.input, shard.begin, shard.dq.data(), shard.critic_trace,
                     shard.gradient[k].data(), nullptr);
  }
}

void Ddpg::update_actor(int batch) {
  for (Shard& shard : shards_) shard.gradient[0].assign(actor_.parameter_count(), 0.0F);
  for_shards(&Ddpg::actor_gradient, batch);
  for (Shard& shard : shards_) {
    std::vector<float>& gradient = shard.gradient[0];
    std::fill_n(gradient.begin(), own_begin_, 0.0F);
    std::fill(gradient.begin() + static_cast<std::ptrdiff_t>(own_end_), gradient.end(), 0.0F);
  }
  apply(actor_parameters_, actor_adam_, 0, options_.actor_learning_rate);
  // The average forgets at the given rate, and weighs all actors evenly before it has seen 1/(1 - rate) of them.
  const double rate = std::max(1.0 - options_.average, 1.0 / (1.0 + static_cast<double>(actor_adam_.steps)));
  kernel::follow(actor_average_.data() + own_begin_, actor_parameters_.data() + own_begin_, own_end_ - own_begin_,
                 static_cast<float>(rate));
}

void Ddpg::update_targets() {
  const auto follow = [tau = static_cast<float>(options_.target_rate)](auto& target, const auto& network) {
    kernel::follow(target.data(), network.data(), target.size(), tau);
  };
  follow(actor_target_, actor_parameters_);
  for (int k = 0; k < critics(); ++k) follow(critic_target_[k], critic_parameters_[k]);
}

void Ddpg::actor_gradient(Shard& shard, int batch) {
  const int rows = shard.rows;
  const auto n = static_cast<std::size_t>(rows);
  const auto actions = static_cast<std::size_t>(actor_.actions());

  // Ascend Q_1(s, π(s)): the deterministic policy gradient (Silver et al. 2014, eq. 9).
  shard.policy_actions.resize(n * actions);
  shard.d_actions.resize(n * actions);
  critic_.join(shard.states, shard.actions, rows, shard.input);
  const bool judged = options_.imitation > 0 && options_.imitate != "explorers";
  if (judged && shard.outcomes == nullptr) {
    shard.replayed_q = critic_.forward(critic_parameters_[0].data(), shard.input, shard.begin, shard.critic_trace);
    add_prior(shard.input, shard.begin, shard.prior_trace, shard.replayed_q);
  }
  actor_.forward(actor_parameters_.data(), shard.states, rows, shard.actor_trace, shard.policy_actions.data());
  critic_.replace_actions(shard.policy_actions.data(), rows, shard.input);
  critic_.forward(critic_parameters_[0].data(), shard.input, shard.begin, shard.critic_trace);
  add_prior(shard.input, shard.begin, shard.prior_trace, shard.critic_trace.q);
  shard.dq.resize(n);
  shard.for_transitions([&](std::size_t, std::size_t first, std::size_t last) {
    const auto count = static_cast<int>(last - first);
    std::fill_n(shard.dq.data() + first, count, -1.0F / static_cast<float>(count * batch));
  });
  critic_.backward(critic_parameters_[0].data(), shard.input, shard.begin, shard.dq.data(), shard.critic_trace, nullptr,
                   shard.d_actions.data());
  if (!prior_.empty()) {
    shard.prior_d_actions.resize(n * actions);
    critic_.backward(prior_.data(), shard.input, shard.begin, shard.dq.data(), shard.prior_trace, nullptr,
                     shard.prior_d_actions.data());
    for (std::size_t i = 0; i < n * actions; ++i) shard.d_actions[i] += shard.prior_d_actions[i];
  }
  // The gradient above only climbs the hill of Q that the action stands on. Where the replay holds an action on a better
  // hill, descend w/2 |π(s) - a|² too.
  const auto imitate = [&](std::size_t row, float advantage) {
    const float weight = static_cast<float>(options_.imitation) * std::min(advantage, 1.0F) * -shard.dq[row];
    for (std::size_t i = row * actions; i < (row + 1) * actions; ++i) {
      shard.d_actions[i] += weight * (shard.policy_actions[i] - shard.actions[i]);
    }
  };
  if (judged) {
    // The critic rates it higher (after Nair et al. 2018, Q filter), or a higher return followed (after Oh et al. 2018,
    // self-imitation); w = the advantage, at most 1.
    const float* others = shard.outcomes != nullptr ? shard.outcomes : shard.replayed_q.data();
    for (std::size_t r = 0; r < n; ++r) {
      const float advantage = others[r] - shard.critic_trace.q[r];
      if (advantage > 0) imitate(r, advantage);
    }
  } else if (options_.imitation > 0) {  // demonstrations, which a critic that extrapolates must not overrule; w = 1
    shard.for_transitions([&](std::size_t b, std::size_t first, std::size_t last) {
      for (std::size_t r = first; r < last && shard.demonstrated[b] != 0; ++r) imitate(r, 1.0F);
    });
  }
  for (std::size_t i = 0; shard.pulls != nullptr && i < n * actions; ++i) {
    const float weight = static_cast<float>(pull_) * -shard.dq[i / actions];
    shard.d_actions[i] += weight * (shard.policy_actions[i] - shard.pulls[i]);
  }
  const double penalty = 2.0 * options_.output_penalty / static_cast<double>(batch_rows_);
  actor_.backward(actor_parameters_.data(), shard.states, shard.d_actions.data(), shard.actor_trace,
                  shard.gradient[0].data(), static_cast<float>(penalty));
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
  adam.update(parameters, gradient, learning_rate * rate_scale_);
}

}  // namespace scout
