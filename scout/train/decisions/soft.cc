// Soft actor-critic with an adapted temperature and without a network of V (Haarnoja et al. 2018, "Soft actor-critic
// algorithms and applications"): the policy is random, and its entropy is part of what it is to earn.
//
//     y = r + γ (min_j Q'_j(s', a') - α log π(a'|s')), a' ~ π(·|s')          critics, their eqs. 5, 6
//     descend E[α log π(a|s) - min_j Q_j(s, a)], a = tanh(μ + σ ε)           actor, their eqs. 9, 20, 21
//     descend E[-log α (log π(a|s) + H)]                                     temperature, their eq. 18 in log α
//
// The head gives the middle l of a decision, its bounded output: μ = artanh(kReach l). So the head alone decides as the
// policy does at ε = 0. A network of its own gives log σ of a row. One thread.
#include <algorithm>
#include <cmath>

#include "scout/policy/rule/action.h"
#include "scout/train/decisions/exploration.h"

namespace scout::exploration {
namespace {

constexpr float kReach = 0.98F;  ///< |tanh μ| at most
constexpr float kLeastLog = -5, kMostLog = 0.7F;

/// Numbers of a row's policy, and an action drawn from it.
struct Sampled {
  float middle, deviation, noise, action;

  Sampled(float output, float log_deviation, float epsilon)
      : middle(std::clamp(output, -1.0F, 1.0F)),
        deviation(std::exp(std::clamp(log_deviation, kLeastLog, kMostLog))),
        noise(epsilon),
        action(std::tanh(std::atanh(kReach * middle) + deviation * epsilon)) {}

  /// 1 - a², which is at least what floats can tell from 0.
  float slope() const { return std::max(1 - action * action, 1e-6F); }
  float log_probability() const {
    constexpr float kHalfLog = 0.5F * 1.8378770664F;  // ½ log 2π
    return -0.5F * noise * noise - std::log(deviation) - kHalfLog - std::log(slope());
  }
};

class SoftMover final : public DecisionMover {
 public:
  SoftMover(const DecisionHead& head, std::vector<float> parameters, const Mlp& spread, std::vector<float> spread_parameters,
            Random random)
      : head_(head),
        spread_(spread),
        parameters_(std::move(parameters)),
        spread_parameters_(std::move(spread_parameters)),
        random_(random) {}

  void change(std::span<const float> rows, std::span<float> decision) override {
    const auto numbers = static_cast<std::size_t>(head_.size());
    const auto n = static_cast<int>(decision.size() / numbers);
    head_.decide(parameters_.data(), rows.data(), n, scratch_, decision.data());
    const std::span<float> logs = spread_.forward(spread_parameters_.data(), scratch_.rows.data(), n, trace_);
    noise_.resize(numbers);  // the same in all rows: a tensor that alone goes further only seems to gain by it
    for (float& x : noise_) x = static_cast<float>(random_.normal());
    for (std::size_t i = 0; i < decision.size(); ++i) {
      decision[i] = Sampled(decision[i], logs[i], noise_[i % numbers]).action;
    }
  }

 private:
  const DecisionHead& head_;
  const Mlp& spread_;
  std::vector<float> parameters_, spread_parameters_, noise_;
  Random random_;
  DecisionHead::Scratch scratch_;
  Mlp::Trace trace_;
};

class Soft final : public Exploration {
 public:
  explicit Soft(const ExplorationContext& context)
      : Exploration(context),
        own_(context.options.soft),
        ddpg_(context.options.ddpg),
        actor_(context.ddpg.actor_parameters()),
        average_(actor_),
        spread_(layer_sizes(context.head.inputs(), own_.hidden, context.head.size())),
        critic_(context.head.inputs(), context.head.size(), ddpg_.critic_hidden, ddpg_.pooled_critic),
        log_temperature_{static_cast<float>(std::log(own_.temperature))} {
    Random random(context.seed.derive("soft"));
    spread_parameters_ = spread_.initial_parameters(random, 0.0F);
    const Linear& last = spread_.layers().back();
    std::fill_n(spread_parameters_.end() - last.out, last.out, static_cast<float>(std::log(own_.deviation)));
    acting_spread_ = spread_parameters_;
    for (int k = 0; k < 2; ++k) target_[k] = parameters_[k] = critic_.initial_parameters(random);
  }

  std::shared_ptr<Mover> mover(std::span<const float> parameters, Random& random) const override {
    return std::make_shared<SoftMover>(head(), std::vector<float>(parameters.begin(), parameters.end()), spread_,
                                       acting_spread_, random);
  }

  DdpgReport update(const Batch& batch, Random& random) override {
    weights_.resize(batch.returns.size());
    for (std::size_t b = 0; b + 1 < batch.begin.size(); ++b) {
      const int first = batch.begin[b], last = batch.begin[b + 1];
      const float weight = 1.0F / static_cast<float>((last - first) * batch.size());
      std::fill_n(weights_.begin() + first, last - first, weight);
    }
    const DdpgReport report = update_critics(batch, random);
    if (++updates_ > ddpg_.critic_first) update_policy(batch, random);
    for (int k = 0; k < 2; ++k) {
      const auto rate = static_cast<float>(ddpg_.target_rate);
      kernel::follow(target_[k].data(), parameters_[k].data(), target_[k].size(), rate);
    }
    return report;
  }
  void schedule(double, double rates) override { rates_ = rates; }
  void end_round() override { acting_spread_ = spread_parameters_; }

  const std::vector<float>& acting() const override { return actor_; }
  const std::vector<float>& kept() const override { return average_; }
  std::int64_t updates() const override { return updates_; }
  void report(std::vector<Metric>& metrics) const override {
    metrics.push_back({"soft_temperature", std::exp(static_cast<double>(log_temperature_[0]))});
    metrics.push_back({"soft_entropy", entropy_});
  }

  void save(ArchiveWriter& archive) const override { const_cast<Soft*>(this)->visit(archive); }
  void restore(ArchiveReader& archive) override { visit(archive), end_round(); }
  void share(ArchiveWriter& archive) const override { archive(acting_spread_); }
  void adopt(ArchiveReader& archive) override { archive.fixed(acting_spread_); }

 private:
  void visit(auto& archive) {
    archive.fixed(actor_, average_, spread_parameters_, log_temperature_);
    for (int k = 0; k < 2; ++k) archive.fixed(parameters_[k], target_[k]), archive(critic_adam_[k]);
    archive(actor_adam_, spread_adam_, temperature_adam_, updates_, entropy_);
  }
  float temperature() const { return std::exp(log_temperature_[0]); }

  /// Actions [N, A] of rows of states, and the logarithm of their probability densities [N].
  void sample(const std::vector<float>& states, Random& random) {
    const std::size_t rows = states.size() / inputs();
    const auto n = static_cast<int>(rows);
    const std::span<float> outputs = head().actor().network().forward(actor_.data(), states.data(), n, actor_trace_);
    const std::span<float> logs = spread_.forward(spread_parameters_.data(), states.data(), n, spread_trace_);
    sampled_.clear();
    actions_.clear();
    log_probabilities_.assign(rows, 0.0F);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const Sampled& one = sampled_.emplace_back(outputs[i], logs[i], static_cast<float>(random.normal()));
      actions_.push_back(one.action);
      log_probabilities_[i / actions()] += one.log_probability();
    }
  }

  DdpgReport update_critics(const Batch& batch, Random& random) {
    DdpgReport report;
    const int n = batch.begin.back();
    const auto rows = static_cast<std::size_t>(n);
    sample(batch.next_states, random);
    critic_.join(batch.next_states.data(), actions_.data(), n, input_);
    std::vector<float> y = critic_.forward(target_[0].data(), input_, batch.begin, trace_[0]);
    const std::vector<float>& second = critic_.forward(target_[1].data(), input_, batch.begin, trace_[1]);
    for (std::size_t b = 0; b + 1 < batch.begin.size(); ++b) {
      for (auto i = static_cast<std::size_t>(batch.begin[b]); i < static_cast<std::size_t>(batch.begin[b + 1]); ++i) {
        const float value = std::min(y[i], second[i]) - temperature() * log_probabilities_[i];
        y[i] = batch.returns[i] + batch.discounts[b] * value;
      }
    }
    critic_.join(batch.states.data(), batch.actions.data(), n, input_);
    const auto bound = static_cast<float>(ddpg_.loss_bound);
    for (int k = 0; k < 2; ++k) {
      const std::vector<float>& q = critic_.forward(parameters_[k].data(), input_, batch.begin, trace_[k]);
      dq_.resize(rows);
      for (std::size_t i = 0; i < rows; ++i) {
        const float error = q[i] - y[i];
        dq_[i] = std::clamp(error, -bound, bound) * weights_[i];
        report.critic_loss += 0.5 * static_cast<double>(error * error * weights_[i]);
        report.mean_q += 0.5 * static_cast<double>(q[i] * weights_[i]);
      }
      gradient_.assign(parameters_[k].size(), 0.0F);
      critic_.backward(parameters_[k].data(), input_, batch.begin, dq_.data(), trace_[k], gradient_.data(), nullptr);
      step(parameters_[k], critic_adam_[k], ddpg_.critic_learning_rate);
    }
    return report;
  }

  void update_policy(const Batch& batch, Random& random) {
    const int n = batch.begin.back();
    const auto rows = static_cast<std::size_t>(n);
    sample(batch.states, random);
    // ∂/∂a of -min_j Q_j.
    critic_.join(batch.states.data(), actions_.data(), n, input_);
    for (int k = 0; k < 2; ++k) critic_.forward(parameters_[k].data(), input_, batch.begin, trace_[k]);
    d_actions_.assign(actions_.size(), 0.0F);
    d_one_.resize(actions_.size());
    for (int k = 0; k < 2; ++k) {
      for (std::size_t i = 0; i < rows; ++i) {
        const bool least = k == 0 ? trace_[0].q[i] <= trace_[1].q[i] : trace_[1].q[i] < trace_[0].q[i];
        dq_[i] = least ? -weights_[i] : 0.0F;
      }
      critic_.backward(parameters_[k].data(), input_, batch.begin, dq_.data(), trace_[k], nullptr, d_one_.data());
      for (std::size_t i = 0; i < d_one_.size(); ++i) d_actions_[i] += d_one_[i];
    }
    // With z = μ + σε: ∂ log π/∂z = 2a, from -log(1 - a²), and ∂ log π/∂ log σ = -1 beside what goes through z.
    const float alpha = temperature();
    std::vector<float>& d_outputs = d_one_;
    d_logs_.resize(actions_.size());
    const std::vector<float>& outputs = actor_trace_.activations.back();
    const std::vector<float>& logs = spread_trace_.activations.back();
    for (std::size_t i = 0; i < sampled_.size(); ++i) {
      const Sampled& one = sampled_[i];
      const float weight = weights_[i / actions()];
      const float dz = 2 * alpha * weight * one.action + d_actions_[i] * one.slope();
      const float reached = kReach * one.middle;
      d_outputs[i] = inwards(outputs[i], dz * kReach / (1 - reached * reached));
      const float d_log = dz * one.deviation * one.noise - alpha * weight;
      const bool out = (logs[i] <= kLeastLog && d_log > 0) || (logs[i] >= kMostLog && d_log < 0);
      d_logs_[i] = out ? 0.0F : d_log;
    }
    float log_probability = 0;
    for (std::size_t i = 0; i < rows; ++i) log_probability += weights_[i] * log_probabilities_[i];
    entropy_ = -static_cast<double>(log_probability) / static_cast<double>(actions());

    const Mlp& network = head().actor().network();
    gradient_.assign(actor_.size(), 0.0F);
    network.backward(actor_.data(), batch.states.data(), d_outputs.data(), actor_trace_, gradient_.data(), nullptr);
    step(actor_, actor_adam_, ddpg_.actor_learning_rate);
    gradient_.assign(spread_parameters_.size(), 0.0F);
    spread_.backward(spread_parameters_.data(), batch.states.data(), d_logs_.data(), spread_trace_, gradient_.data(),
                     nullptr);
    step(spread_parameters_, spread_adam_, ddpg_.actor_learning_rate);
    if (own_.temperature_rate > 0) {
      gradient_.assign(1, -(log_probability + static_cast<float>(own_.entropy * static_cast<double>(actions()))));
      step(log_temperature_, temperature_adam_, own_.temperature_rate);
    }
    const double rate = std::max(1 - ddpg_.average, 1 / static_cast<double>(1 + actor_adam_.steps));
    kernel::follow(average_.data(), actor_.data(), actor_.size(), static_cast<float>(rate));
  }

  void step(std::vector<float>& parameters, Adam& adam, double learning_rate) {
    const double norm = std::sqrt(kernel::square_sum(gradient_.data(), gradient_.size()));
    if (ddpg_.gradient_clip > 0 && norm > ddpg_.gradient_clip) {
      for (float& g : gradient_) g *= static_cast<float>(ddpg_.gradient_clip / norm);
    }
    adam.update(parameters, gradient_, learning_rate * rates_);
  }

  SoftOptions own_;
  DdpgOptions ddpg_;
  std::vector<float> actor_, average_;
  Mlp spread_;
  std::vector<float> spread_parameters_, acting_spread_;
  Critic critic_;
  std::vector<float> parameters_[2], target_[2];
  std::vector<float> log_temperature_;
  Adam actor_adam_, spread_adam_, temperature_adam_, critic_adam_[2];
  std::int64_t updates_ = 0;
  double rates_ = 1;
  double entropy_ = 0;  // of a number of a decision, in the latest batch

  // Scratch of an update.
  Mlp::Trace actor_trace_, spread_trace_;
  Critic::Trace trace_[2];
  std::vector<Sampled> sampled_;
  std::vector<float> input_, actions_, log_probabilities_, weights_, dq_, d_actions_, d_one_, d_logs_, gradient_;
};

}  // namespace

extern const ExplorationEntry soft{"soft",
                                   "soft actor-critic: a random policy that earns its entropy (Haarnoja et al. 2018)",
                                   {"soft."},
                                   {"ddpg.twin_critics", "ddpg.actor_delay", "ddpg.target_noise", "ddpg.target_noise_clip",
                                    "ddpg.imitation", "ddpg.imitate", "ddpg.output_penalty", "ddpg.credit"},
                                   make_exploration_of<Soft>};

}  // namespace scout::exploration
