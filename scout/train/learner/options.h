// Every option of meta-training, with its default: what CONFIG.toml and --set can change.
#pragma once

#include <algorithm>
#include <map>

#include "scout/policy/rules.h"
#include "scout/train/ddpg/ddpg.h"
#include "scout/train/mover/ensemble.h"

namespace scout {

/// The dimension is not an option here: it follows from those of the instances.
struct PolicyOptions : RuleOptions {
  PolicyOptions() : RuleOptions{.hidden = {32, 32}, .decisions = 10, .by_coordinate = false} {}
  std::string start;

  void describe(auto&& visit) {
    visit("rule", rule, "the update rule whose parameters are trained (scout list rules)");
    visit("hidden", hidden, "widths of the actor's hidden layers", at_least(1));
    visit("gradient", gradient, "observe the gradient; off is the seed's literal state");
    visit("proposals", proposals, "the actor blends steps that the features contain");
    visit("history", history, "steps of history in the state", at_least(1));
    visit(
        "absolute", absolute,
        "rule joint: θ as it lies in the box instead of relative to the best point, and no sense of time: the seed's state, "
        "with which a policy can learn one landscape by heart");
    visit(
        "code", code,
        "rule joint: what an action stands for, the logarithm of a step, over five decades, or the step itself: the seed's",
        OneOf{{"log", "linear"}});
    visit(
        "step_scale", step_scale,
        "functions: the largest step of a coordinate, as a share of the box's width; weights: the base step, as a share of "
        "the tensor's scale",
        positive());
    visit(
        "decisions", decisions,
        "decisions of a run, each for an equal part of its horizon; rule weight: in the first thousand steps, each for "
        "longer than the one before. None unless the learner \"decisions\" takes part, or another's slice is \"decisions\"",
        at_least(0));
    visit("decision_hidden", decision_hidden, "widths of the hidden layers of the network that decides", at_least(1));
    visit("by_coordinate", by_coordinate,
          "rule coordinate: a network steers every coordinate; off: what acts on whole runs steers alone");
    visit("layers", layers,
          "rule lstm: cells of each layer; empty: the step is affine in the network's inputs; rule transformer: units of "
          "each block's feed-forward layer",
          at_least(1));
    visit(
        "preprocess", preprocess,
        "rule lstm: k, where the network sees the logarithm of a gradient over k and the gradient times e^k, both clamped; "
        "0: it sees the gradient",
        between(0, 20));
    visit("width", width, "rule transformer: numbers that stand for a step of a coordinate; a multiple of heads",
          between(1, 256));
    visit("heads", heads, "rule transformer: heads of each block's attention", between(1, 16));
    visit("context", context, "rule transformer: steps that it sees, the latest", between(1, 1024));
    visit("start", start,
          "policy to start from, of the same rule and widths: a file, or one that comes with the library; "
          "empty: the initial policy");
  }
};

struct RolloutOptions {
  int episodes = 8;
  int horizon = 100;
  double noise = 0.01;
  double noise_high = 0.1;
  int horizon_low = 0;
  int curriculum = 0;
  int weights = 32;
  double weight_noise = 0;
  double noise_memory = 0.95;
  double tell_horizon = 0.9;
  double tell_loss = 0.5;

  int least_horizon() const { return horizon_low > 0 ? std::min(horizon_low, horizon) : horizon; }

  void describe(auto&& visit) {
    visit("episodes", episodes, "episodes of the policy in a round", at_least(1));
    visit("horizon", horizon, "updates in an episode, T", at_least(2));
    visit("noise", noise, "least standard deviation of the action noise; each episode draws its own, log-uniformly",
          positive());
    visit("noise_high", noise_high, "greatest standard deviation of the action noise", positive());
    visit("horizon_low", horizon_low, "least horizon; each run draws its own, log-uniformly. 0: all have `horizon`",
          at_least(0));
    visit("curriculum", curriculum, "rounds in which the greatest horizon grows from the least to `horizon`", at_least(0));
    visit("weights", weights, "weights: weights of a run whose transitions are kept", at_least(1));
    visit("weight_noise", weight_noise, "weights: noise on the steps of single weights, as a share of that on whole tensors",
          at_least(0));
    visit("noise_memory", noise_memory,
          "weights: share of a tensor's noise that is left at the next step; 1: drawn once a run", between(0, 1));
    visit("tell_horizon", tell_horizon, "weights: share of runs in which the policy knows the horizon", between(0, 1));
    visit("tell_loss", tell_loss, "weights: share of runs in which the policy sees the minibatches' losses", between(0, 1));
  }
};

struct EvolutionOptions {
  int population = 24;
  int instances = 8;
  int renew = 10;
  double deviation = 0.15;
  double mean_rate = 1;
  double average = 0.1;
  double floor = 1e-5;
  std::string order = "mean";
  std::vector<int> outputs;

  void describe(auto&& visit) {
    visit("population", population, "candidates tried in a round by the CMA-ES", at_least(4));
    visit("instances", instances, "instances of each problem that they are tried on", at_least(1));
    visit("renew", renew, "rounds after which those instances are replaced by new ones", at_least(1));
    visit("deviation", deviation, "standard deviation of the first generation", positive());
    visit("mean_rate", mean_rate, "share of a generation's step that the mean takes, c_m",
          Condition{.low = 0, .high = 1, .open_low = true});
    visit("average", average, "share of a new generation's mean in the running average of means that is judged and kept",
          between(0, 1));
    visit("floor", floor, "gaps below this share of the start's gap are not told apart", positive());
    visit(
        "order", order,
        "what orders candidates, added up over the problems: log gaps; their distance from the problem's median over their "
        "spread; or ranks within the problem",
        OneOf{{"mean", "spread", "ranks"}});
    visit("outputs", outputs,
          "those of the context head's outputs that evolve, from 0; the others stay as they are; empty: all", at_least(0));
  }
};

struct ReplayOptions {
  int capacity = 50000;
  double explorer_share = 0.25;
  int explorer_capacity = 20000;
  int warm_up = 2000;
  int fade = 0;

  void describe(auto&& visit) {
    visit("capacity", capacity, "steps of the policy kept", at_least(1));
    visit("explorer_share", explorer_share, "share of explorer experience in a batch; 0: no ensemble is rolled out",
          between(0, 1));
    visit("explorer_capacity", explorer_capacity, "steps of explorers kept", at_least(1));
    visit("warm_up", warm_up, "steps stored before the first update", at_least(1));
    visit("fade", fade, "rounds in which imitation gives way to the policy gradient, linearly; 0: it never does",
          at_least(0));
  }
};

struct ValidationOptions {
  std::vector<std::string> problems{};
  int instances = 16;
  int every = 10;

  void describe(auto&& visit) {
    visit("problems", problems,
          "families that the policy is judged on, say some that no training sees; empty: as trained on");
    visit("instances", instances, "validation instances of each problem and dimension", at_least(1));
    visit("every", every, "rounds between validations", at_least(1));
  }
};

struct DistributedOptions {
  int staleness = 100;
  int window = 4;
  double timeout = 60;

  void describe(auto&& visit) {
    visit("staleness", staleness,
          "rounds that the learner may be ahead of the parameters behind an experience; beyond: dropped", at_least(0));
    visit("window", window, "messages that a rank may have on their way to the learner before it waits for an answer",
          at_least(1));
    visit("timeout", timeout, "seconds of silence after which a rank counts as dead", positive());
  }
};

struct TrainOptions {
  std::vector<std::string> problems{"rastrigin", "rastrigin-rotated"};
  std::vector<std::string> learners{"decisions"};
  std::vector<int> dimensions{10};
  int rounds = 300;
  int updates = 24;
  int threads = 0;
  int checkpoint_every = 50;
  PolicyOptions policy;
  RewardOptions reward;
  RolloutOptions rollout;
  EvolutionOptions evolution;
  EnsembleOptions ensemble;
  ReplayOptions replay;
  DdpgOptions ddpg;
  ValidationOptions validation;
  DistributedOptions distributed;

  void describe(auto&& visit) {
    visit("problems", problems, "families to train on, mixed evenly");
    visit("learners", learners, "what learns, in this order, each its own slice of the parameters (scout list learners)");
    visit("dimensions", dimensions, "dimensions to train on, mixed evenly", at_least(1));
    visit("rounds", rounds, "rounds of rollouts and updates", at_least(1));
    visit("updates", updates, "updates of the networks in a round", at_least(0));
    visit("threads", threads, "threads; 0: one a core. Part of what a seed reproduces", between(0, 1024));
    visit("checkpoint_every", checkpoint_every, "rounds between checkpoints", at_least(1));
    visit("policy", policy);
    visit("reward", reward);
    visit("rollout", rollout);
    visit("evolution", evolution);
    visit("ensemble", ensemble);
    visit("replay", replay);
    visit("ddpg", ddpg);
    visit("validation", validation);
    visit("distributed", distributed);
  }

  /// The families of validation.
  const std::vector<std::string>& judged() const { return validation.problems.empty() ? problems : validation.problems; }

  /// Options of learners that have none of their own above: by name, as a JSON object that the learner reads.
  std::map<std::string, nlohmann::json> others{};
};

/// Whether some learner learns what is decided for whole runs: "decisions", or another whose `slice` that is.
bool learns_decisions(const TrainOptions& options);
/// Every option with its value, those of `others` included, as a flat object.
nlohmann::json training_options_json(const TrainOptions& options);
/// The same of the defaults, those of every learner's own options included.
nlohmann::json training_option_defaults();
/// `set_options`, for those of `others` too.
void set_training_options(TrainOptions& options, const nlohmann::json& values);
/// The options that have another value than their default, although neither the chosen rule nor the chosen learners use
/// them. `weights`: whether the rule is for weights.
std::vector<std::string> unused_options(const TrainOptions& options, bool weights);
/// Throws std::invalid_argument naming the first of them, if there is one.
void check_options_are_used(const TrainOptions& options, bool weights);

}  // namespace scout
