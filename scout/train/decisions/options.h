// What the learner "decisions", and the ways of exploring that it has, can be told.
#pragma once

#include "scout/train/ddpg/ddpg.h"
#include "scout/train/mover/ensemble.h"

namespace scout {

struct OrnsteinUhlenbeckOptions {
  double memory = 0.85;

  void describe(auto&& visit) {
    visit("memory", memory, "share of the last decision's noise that is left, 1 - θ of the process; the paper's is 0.85",
          between(0, 1));
  }
};

struct ParameterNoiseOptions {
  double deviation = 0.02;
  double distance = 0.15;
  double factor = 1.01;
  int every = 1;

  void describe(auto&& visit) {
    visit("deviation", deviation, "standard deviation of the noise on the network's parameters, at the beginning",
          positive());
    visit("distance", distance, "δ: root mean square by which disturbed decisions are to differ from the policy's",
          positive());
    visit("factor", factor, "α: what the deviation is multiplied or divided by, to come near that distance",
          Condition{.low = 1, .open_low = true});
    visit("every", every, "updates of the networks between two measurements of the distance", at_least(1));
  }
};

struct PredictionOptions {
  double scale = 0.1;
  double decay = 1e-3;
  std::vector<int> hidden{64, 64};
  double learning_rate = 1e-3;

  void describe(auto&& visit) {
    visit("scale", scale, "β: weight of the bonus beside the reward", at_least(0));
    visit("decay", decay, "C: the bonus of decision number t is divided by t C", positive());
    visit("hidden", hidden, "widths of the model's hidden layers", at_least(1));
    visit("learning_rate", learning_rate, "Adam's step for the model", positive());
  }
};

struct ExemplarOptions {
  double scale = 0.01;
  int code = 16;
  double kl = 0.01;
  std::vector<int> hidden{32, 32};
  double learning_rate = 1e-3;
  int warm_up = 500;

  void describe(auto&& visit) {
    visit("scale", scale, "weight of the bonus beside the reward", at_least(0));
    visit("code", code, "numbers of the noisy code of a state", at_least(1));
    visit("kl", kl, "weight of the codes' divergence from a standard normal distribution", at_least(0));
    visit("hidden", hidden, "widths of the hidden layers of encoders and discriminator", at_least(1));
    visit("learning_rate", learning_rate, "Adam's step for encoders and discriminator", positive());
    visit("warm_up", warm_up, "updates of these before there is a bonus", at_least(0));
  }
};

struct BootstrappedOptions {
  int heads = 4;
  double prior = 1;
  double spread = 0.3;
  bool noise = true;

  void describe(auto&& visit) {
    visit("heads", heads, "pairs of an actor and its critics, one of which decides in an episode", at_least(2));
    visit("prior", prior, "deviation of the fixed random function that is part of a head's Q; 0: none", at_least(0));
    visit("spread", spread, "deviation of the decisions that heads begin with", at_least(0));
    visit("noise", noise, "whether decisions are disturbed by noise too; the paper's are not");
  }
};

struct DivideOptions {
  int parts = 4;
  double penalty = 0.3;
  int every = 10;
  int steps = 1000;
  double learning_rate = 1e-3;

  void describe(auto&& visit) {
    visit("parts", parts, "k: parts that runs are divided into, each with a policy of its own", at_least(2));
    visit("penalty", penalty, "α: weight of the distance between the policies of parts", at_least(0));
    visit("every", every, "rounds after which one policy is made of them, from which all go on", at_least(1));
    visit("steps", steps, "steps of regression that this takes", at_least(1));
    visit("learning_rate", learning_rate, "Adam's step for it", positive());
  }
};

struct SoftOptions {
  double temperature = 0.01;
  double temperature_rate = 3e-4;
  double entropy = -1;
  double deviation = 0.1;
  std::vector<int> hidden{64, 64};

  void describe(auto&& visit) {
    visit("temperature", temperature, "α at the beginning: what a unit of entropy is worth in units of reward", positive());
    visit("temperature_rate", temperature_rate, "Adam's step for log α; 0: α stays as it is", at_least(0));
    visit("entropy", entropy, "of a number of a decision, which α is adapted to; the paper's is -1",
          Condition{.high = 0.69, .open_high = true});
    visit("deviation", deviation, "standard deviation of decisions at the beginning", between(0.007, 2));
    visit("hidden", hidden, "widths of the hidden layers of the network that gives deviations", at_least(1));
  }
};

struct DecisionsOptions {
  int episodes = 64;
  double updates = 0.2;
  std::string exploration = "noise";
  double noise = 0.03;
  double noise_high = 0.3;
  int capacity = 300000;
  int warm_up = 640;
  int fade = 0;
  double rate_halving = 0;
  DecisionReward reward{};
  EnsembleOptions ensemble{.instances = 0, .explorers = 4, .coordinate_probability_end = 0.2, .step_end = 1, .reset = false};
  DdpgOptions ddpg{.critic_hidden = {128, 128},
                   .actor_learning_rate = 3e-4,
                   .discount = 1,
                   .batch = 128,
                   .n_step = 1,
                   .critic_first = 5000,
                   .target_noise = 0.1,
                   .target_noise_clip = 0.25,
                   .pooled_critic = false,
                   .imitation = 1,
                   .imitate = "outcome",
                   .output_penalty = 0,
                   .loss_bound = 5,
                   .average = 0.9995};
  OrnsteinUhlenbeckOptions ornstein_uhlenbeck;
  ParameterNoiseOptions parameter_noise;
  PredictionOptions prediction;
  ExemplarOptions exemplars;
  BootstrappedOptions bootstrapped;
  DivideOptions divide;
  SoftOptions soft;

  void describe(auto&& visit) {
    visit("episodes", episodes, "episodes in a round, those of explorers and the policy's noisy ones", at_least(1));
    visit("updates", updates, "updates of the networks for each new decision", at_least(0));
    visit("exploration", exploration, "how the policy's episodes explore (scout list exploration)");
    visit("noise", noise, "least standard deviation of the noise on decisions; each episode draws its own, log-uniformly",
          positive());
    visit("noise_high", noise_high, "greatest standard deviation of that noise", positive());
    visit("capacity", capacity, "decisions kept, of the policy and of explorers each", at_least(1));
    visit("warm_up", warm_up, "decisions stored before the first update; they also tell how a run's row is normalised",
          at_least(1));
    visit(
        "fade", fade,
        "rounds in which explorers give way to the policy, in episodes as in a batch, and imitation to the policy gradient; "
        "0: they never do",
        at_least(0));
    visit("rate_halving", rate_halving, "rounds after which the learning rates are half of what they were; 0: constant",
          at_least(0));
    visit("reward", reward);
    visit("ensemble", ensemble);
    visit("ddpg", ddpg);
    visit("ornstein_uhlenbeck", ornstein_uhlenbeck);
    visit("parameter_noise", parameter_noise);
    visit("prediction", prediction);
    visit("exemplars", exemplars);
    visit("bootstrapped", bootstrapped);
    visit("divide", divide);
    visit("soft", soft);
  }
};

}  // namespace scout
