// The learner "ppo": proximal policy optimisation (Schulman et al. 2017), of the rule "transformer".
//
// In a round the policy makes `rollout.episodes` episodes. At each step it draws the number u of each coordinate from a
// normal distribution around what the network puts out, whose deviation is one for all and is learnt. Then some epochs over
// these steps, in minibatches of whole coordinates, climb the clipped surrogate (eq. 7) plus the entropy bonus of eq. 9,
// with generalised advantages (eq. 11), normalised over the round. The value function V is a perceptron of its own on the
// latest token of a coordinate, fitted to Â + V by least squares.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "scout/nn/mlp.h"
#include "scout/policy/transformer/transformer_rule.h"
#include "scout/train/learner/adam_on_slice.h"
#include "scout/train/ppo/surrogate.h"

namespace scout::learner {
namespace {

struct PpoOptions {
  int epochs = 4;
  int minibatches = 4;
  double clip = 0.2;
  double discount = 0.99;
  double lambda = 0.95;
  double learning_rate = 3e-4;
  double value_learning_rate = 1e-3;
  std::vector<int> hidden{32, 32};
  double deviation = 0.1;
  double least_deviation = 0.05;
  double entropy = 1e-3;
  double gradient_clip = 0.5;
  double average = 0.99;

  void describe(auto&& visit) {
    visit("epochs", epochs, "passes over a round's steps", at_least(1));
    visit("minibatches", minibatches, "parts of a pass, each a step of Adam", at_least(1));
    visit("clip", clip, "ratios of likelihoods that are not told apart lie so far from 1, ε",
          Condition{.low = 0, .high = 1, .open_low = true});
    visit("discount", discount, "discount factor, γ", between(0, 1));
    visit("lambda", lambda, "decay of the generalised advantage, λ", between(0, 1));
    visit("learning_rate", learning_rate, "Adam's step of the policy", positive());
    visit("value_learning_rate", value_learning_rate, "Adam's step of the value function", positive());
    visit("hidden", hidden, "widths of the value function's hidden layers", at_least(1));
    visit("deviation", deviation,
          "standard deviation of the policy's draws where a training begins: 0.25 is a decade of step sizes",
          between(1e-4, kGreatest));
    visit("least_deviation", least_deviation,
          "least standard deviation that is learnt: one that shrinks with the first gain leaves nothing to learn from",
          between(1e-4, kGreatest));
    visit("entropy", entropy, "weight of the entropy bonus", at_least(0));
    visit("gradient_clip", gradient_clip, "greatest norm of the policy's gradient; 0: any", at_least(0));
    visit("average", average, "decay of the running average that is judged and kept", between(0, 1));
  }

  /// The bound of the deviation.
  static constexpr double kGreatest = 1;
};

const TransformerRule& rule_of(const TrainingContext& context) {
  if (const auto* rule = dynamic_cast<const TransformerRule*>(&context.rule)) return *rule;
  throw_bad_option("learners", "\"" + context.name + "\"",
                   "of learners that fit policy.rule: it has no distribution of step sizes whose likelihood could be "
                   "differentiated, as the rule \"transformer\" has");
}

/// Draws around the network's outputs, and notes for each draw of a step [M, 2]: u, and log π(u).
class Draws final : public Mover {
 public:
  Draws(double log_deviation, Random random) : log_deviation_(log_deviation), random_(random) {}

  void move(Episode& episode) override {
    auto& run = static_cast<TransformerRun&>(episode.run());
    drawn_.resize(run.outputs().size());
    for (std::size_t i = 0; i < drawn_.size(); ++i) {
      const float mean = run.outputs()[i];
      drawn_[i] = mean + static_cast<float>(std::exp(log_deviation_) * random_.normal());
      noted_.push_back(drawn_[i]);
      noted_.push_back(
          static_cast<float>(log_density(static_cast<double>(drawn_[i]), static_cast<double>(mean), log_deviation_)));
    }
    run.act(drawn_);
  }
  /// [T, M, 2].
  std::vector<float> take() { return std::move(noted_); }

 private:
  double log_deviation_;
  Random random_;
  std::vector<float> drawn_, noted_;
};

/// What a round knows of one coordinate of an episode.
struct Sequence {
  std::vector<float> tokens;       // [T + 1, F], of the last state too
  std::vector<float> u, old;       // [T]: what was drawn, and the logarithm of its density then
  std::vector<float> rewards;      // [T]
  std::vector<double> advantages;  // [T]
  std::vector<double> returns;     // [T]
  bool terminated = false;
};

/// Of a minibatch, or of a sequence of it.
struct Sums {
  std::vector<float> gradient;  // of the loss, by the network's parameters
  double d_log_deviation = 0;
  double surrogate = 0;
  double clipped = 0;
};

class Ppo final : public Learner {
 public:
  explicit Ppo(const TrainingContext& context)
      : context_(context),
        options_(own_options<PpoOptions>(context)),
        rule_(rule_of(context)),
        value_(sizes()),
        log_deviation_{static_cast<float>(std::log(options_.deviation))} {
    Random random(context.seed.derive(context.name).derive("value"));
    value_parameters_ = value_.initial_parameters(random, 0.1F);
  }

  Slice slice() const override { return {0, rule_.parameter_count()}; }

  std::vector<Rollout> ask(const Window& window, const ObserveExplorers&) override {
    const auto acting = rule_.with(context_.parameters.acting);
    std::vector<Rollout> out;
    for (const Task& task : context_.tasks.draw(window, context_.name, context_.options.rollout.episodes)) {
      Random random(task.seed.derive("rollout"));
      RunRequest run{.instance = task.instance, .stepper = acting};
      run.plan = context_.tasks.plan(window.round, random);
      run.start = sample_start(*task.instance, random);
      run.recording.all = true;
      run.mover = std::make_shared<Draws>(static_cast<double>(log_deviation_[0]), random);
      out.emplace_back().runs.push_back(std::move(run));
    }
    return out;
  }

  /// The actions of these trajectories are u and log π(u).
  Findings digest(std::vector<Rollout> done) override {
    Findings out;
    for (Rollout& rollout : done) {
      RunResult& result = rollout.results[0];
      Trajectory& trajectory = result.trajectory;
      trajectory.action_size = 2;
      trajectory.actions = static_cast<Draws&>(*rollout.runs[0].mover).take();
      out.return_sum += result.mean_return;
      ++out.episodes;
      if (trajectory.steps() > 0) out.policy.push_back(std::move(trajectory));
    }
    return out;
  }

  void take(Findings& own, std::span<Findings>) override {
    std::ranges::move(own.policy, std::back_inserter(taken_.policy));
    taken_.return_sum += own.return_sum;
    taken_.episodes += own.episodes;
  }

  void learn(std::int64_t round, RoundReport& report) override {
    std::vector<Sequence> sequences = split(taken_.policy);
    estimate_advantages(sequences);
    std::vector<std::size_t> order(sequences.size());
    for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
    Random random(context_.seed.derive(context_.name).derive("order").derive(static_cast<std::uint64_t>(round)));
    double surrogate = 0, clipped = 0, value_loss = 0;
    const std::size_t parts = std::min(static_cast<std::size_t>(options_.minibatches), sequences.size());
    for (int epoch = 0; epoch < options_.epochs; ++epoch) {
      shuffle(std::span(order), random);
      for (std::size_t part = 0; part < parts; ++part) {
        const std::size_t first = part * order.size() / parts, last = (part + 1) * order.size() / parts;
        std::vector<const Sequence*> batch;
        for (std::size_t k = first; k < last; ++k) batch.push_back(&sequences[order[k]]);
        const Sums sums = climb(batch);
        const double share = 1 / (static_cast<double>(parts) * options_.epochs);
        surrogate += share * sums.surrogate;
        clipped += share * sums.clipped;
        value_loss += share * fit_value(batch);
      }
    }
    const auto metric = [&](const char* name, double value) { report.metrics.push_back({context_.name + name, value}); };
    metric("_return", taken_.return_sum / static_cast<double>(std::max<std::int64_t>(taken_.episodes, 1)));
    metric("_surrogate", surrogate);
    metric("_clipped", clipped);
    metric("_value_loss", value_loss);
    metric("_deviation", std::exp(static_cast<double>(log_deviation_[0])));
    taken_ = {};
  }

  void save(ArchiveWriter& archive) const override {
    archive(adam_, value_adam_, deviation_adam_, value_parameters_, log_deviation_, taken_);
  }
  void restore(ArchiveReader& archive) override {
    archive(adam_, value_adam_, deviation_adam_, value_parameters_, log_deviation_, taken_);
    if (value_parameters_.size() != value_.parameter_count() || log_deviation_.size() != 1) {
      archive.fail("the value function is of another training");
    }
    for (const Trajectory& trajectory : taken_.policy) {
      const bool own = trajectory.features == TransformerRule::kInputs && trajectory.action_size == 2;
      if (!own && trajectory.steps() > 0) archive.fail("an episode is of another training");
    }
  }
  void share(ArchiveWriter& archive) const override { archive(log_deviation_); }
  void adopt(ArchiveReader& archive) override { archive.fixed(log_deviation_); }

 private:
  static constexpr std::size_t kInputs = TransformerRule::kInputs;

  std::vector<int> sizes() const {
    std::vector<int> out{TransformerRule::kInputs};
    out.insert(out.end(), options_.hidden.begin(), options_.hidden.end());
    out.push_back(1);
    return out;
  }

  static std::vector<Sequence> split(const std::vector<Trajectory>& trajectories) {
    std::vector<Sequence> out;
    for (const Trajectory& trajectory : trajectories) {
      const auto steps = static_cast<std::size_t>(trajectory.steps()),
                 rows = static_cast<std::size_t>(trajectory.coordinates);
      for (std::size_t row = 0; row < rows; ++row) {
        Sequence& one = out.emplace_back();
        one.terminated = trajectory.terminated;
        for (std::size_t t = 0; t <= steps; ++t) {
          const float* token = &trajectory.states[(t * rows + row) * kInputs];
          one.tokens.insert(one.tokens.end(), token, token + kInputs);
          if (t == steps) break;
          one.u.push_back(trajectory.actions[2 * (t * rows + row)]);
          one.old.push_back(trajectory.actions[2 * (t * rows + row) + 1]);
          one.rewards.push_back(trajectory.rewards[t * rows + row]);
        }
      }
    }
    return out;
  }

  /// By the value function as it is before the round's updates.
  void estimate_advantages(std::vector<Sequence>& sequences) {
    double sum = 0, square = 0, count = 0;
    for (Sequence& one : sequences) {
      const std::size_t steps = one.u.size();
      const std::span<float> predicted =
          value_.forward(value_parameters_.data(), one.tokens.data(), static_cast<int>(steps + 1), trace_);
      std::vector<double> values(predicted.begin(), predicted.end());
      if (one.terminated) values[steps] = 0;
      one.advantages = generalised_advantages(one.rewards, values, options_.discount, options_.lambda);
      one.returns.resize(steps);
      for (std::size_t t = 0; t < steps; ++t) {
        one.returns[t] = one.advantages[t] + values[t];
        sum += one.advantages[t];
        square += one.advantages[t] * one.advantages[t];
      }
      count += static_cast<double>(steps);
    }
    const double mean = sum / std::max(count, 1.0);
    const double deviation = std::sqrt(std::max(square / std::max(count, 1.0) - mean * mean, 0.0)) + 1e-8;
    for (Sequence& one : sequences) {
      for (double& advantage : one.advantages) advantage = (advantage - mean) / deviation;
    }
  }

  /// A step of Adam up the mean surrogate of a minibatch, and its entropy.
  Sums climb(const std::vector<const Sequence*>& batch) {
    std::vector<Sums> each(batch.size());
    double steps = 0;
    for (const Sequence* one : batch) steps += static_cast<double>(one->u.size());
    // Each sequence into a place of its own, to be added up in their order: the threads change nothing.
    context_.team.for_jobs(static_cast<int>(batch.size()), [&](int job) {
      const auto k = static_cast<std::size_t>(job);
      each[k] = differentiate(*batch[k], 1 / steps);
    });
    Sums out{.gradient = std::vector<float>(rule_.parameter_count(), 0.0F)};
    for (const Sums& one : each) {
      for (std::size_t i = 0; i < out.gradient.size(); ++i) out.gradient[i] += one.gradient[i];
      out.d_log_deviation += one.d_log_deviation;
      out.surrogate += one.surrogate;
      out.clipped += one.clipped;
    }
    const double norm = std::sqrt(kernel::square_sum(out.gradient.data(), out.gradient.size()));
    if (options_.gradient_clip > 0 && norm > options_.gradient_clip) {
      for (float& g : out.gradient) g *= static_cast<float>(options_.gradient_clip / norm);
    }
    adam_on_slice(adam_, slice(), out.gradient, options_.learning_rate, options_.average, context_.parameters);
    // The entropy of a normal distribution is the logarithm of its deviation, and a constant.
    const std::vector<float> slope{static_cast<float>(out.d_log_deviation - options_.entropy)};
    deviation_adam_.update(log_deviation_, slope, options_.learning_rate);
    log_deviation_[0] = std::clamp(log_deviation_[0], static_cast<float>(std::log(options_.least_deviation)),
                                   static_cast<float>(std::log(PpoOptions::kGreatest)));
    return out;
  }

  /// Of the loss, the negated sum of surrogates times `share`.
  Sums differentiate(const Sequence& one, double share) const {
    const std::size_t steps = one.u.size();
    thread_local Transformer::Trace<float> trace;
    std::vector<float> mean(steps), d_mean(steps);
    Sums out{.gradient = std::vector<float>(rule_.parameter_count(), 0.0F)};
    const float* parameters = context_.parameters.acting.data();
    rule_.network().forward(parameters, one.tokens.data(), steps, mean.data(), trace);
    for (std::size_t t = 0; t < steps; ++t) {
      const Surrogate surrogate =
          clipped_surrogate(static_cast<double>(one.u[t]), static_cast<double>(one.old[t]), one.advantages[t],
                            static_cast<double>(mean[t]), static_cast<double>(log_deviation_[0]), options_.clip);
      d_mean[t] = static_cast<float>(-share * surrogate.d_mean);
      out.d_log_deviation -= share * surrogate.d_log_deviation;
      out.surrogate += share * surrogate.value;
      out.clipped += surrogate.clipped ? share : 0;
    }
    rule_.network().backward(parameters, steps, d_mean.data(), trace, out.gradient.data());
    return out;
  }

  /// A step of Adam of the value function; returns half of the mean squared error before it.
  double fit_value(const std::vector<const Sequence*>& batch) {
    std::vector<float> tokens, error;
    for (const Sequence* one : batch) {
      tokens.insert(tokens.end(), one->tokens.begin(), one->tokens.end() - static_cast<std::ptrdiff_t>(kInputs));
      for (const double target : one->returns) error.push_back(static_cast<float>(-target));
    }
    const std::span<float> values =
        value_.forward(value_parameters_.data(), tokens.data(), static_cast<int>(error.size()), trace_);
    double loss = 0;
    const auto count = static_cast<float>(error.size());
    for (std::size_t k = 0; k < error.size(); ++k) {
      error[k] += values[k];
      loss += 0.5 * static_cast<double>(error[k] * error[k] / count);
      error[k] /= count;
    }
    std::vector<float> gradient(value_parameters_.size(), 0.0F);
    value_.backward(value_parameters_.data(), tokens.data(), error.data(), trace_, gradient.data(), nullptr);
    value_adam_.update(value_parameters_, gradient, options_.value_learning_rate);
    return loss;
  }

  TrainingContext context_;
  PpoOptions options_;
  const TransformerRule& rule_;
  Mlp value_;
  Mlp::Trace trace_;
  std::vector<float> value_parameters_;
  std::vector<float> log_deviation_;  // [1]
  Adam adam_, value_adam_, deviation_adam_;
  Findings taken_;  // since the last round
};

}  // namespace

extern const LearnerEntry ppo{"ppo",
                              "proximal policy optimisation of a policy that draws step sizes (Schulman et al. 2017)",
                              {"ppo.", "reward.", "ddpg.credit"},
                              false,
                              make_learner<Ppo>,
                              described<PpoOptions>};

}  // namespace scout::learner
