// Deep deterministic policy gradient (Lillicrap et al. 2015), for actors shared by the coordinates of a state.
#pragma once

#include "scout/base/parallel.h"
#include "scout/nn/mlp.h"
#include "scout/nn/update.h"
#include "scout/policy/rule/actor.h"
#include "scout/train/ddpg/critic.h"
#include "scout/train/ddpg/replay.h"

namespace scout {

struct DdpgOptions {
  std::vector<int> critic_hidden{64, 64};
  double actor_learning_rate = 1e-5;
  double critic_learning_rate = 1e-3;
  double discount = 0.99;
  double target_rate = 0.005;  // τ
  int batch = 32;
  int rows = 0;
  int n_step = 5;
  int actor_delay = 2;
  int critic_first = 2000;
  bool twin_critics = true;
  double target_noise = 0.01;
  double target_noise_clip = 0.03;
  std::string slice{};
  std::string credit = "coordinate";
  bool pooled_critic = true;
  double imitation = 1.0;
  std::string imitate = "critic";
  double output_penalty = 0.3;
  double loss_bound = 2.0;
  double gradient_clip = 10.0;
  double average = 0.999;

  void describe(auto&& visit) {
    visit("critic_hidden", critic_hidden, "widths of the critic's two hidden layers", at_least(1));
    visit("actor_learning_rate", actor_learning_rate, "Adam's step for the actor", positive());
    visit("critic_learning_rate", critic_learning_rate, "Adam's step for the critics", positive());
    visit("discount", discount, "γ, per update of θ", between(0, 1));
    visit("target_rate", target_rate, "τ: share of the networks that their targets take on at each update", between(0, 1));
    visit("batch", batch, "transitions in a batch", at_least(1));
    visit("rows", rows, "coordinates taken from a transition at most; 0: all", at_least(0));
    visit("n_step", n_step, "steps of reward before the bootstrap; 1 is the paper's", at_least(1));
    visit("actor_delay", actor_delay, "critic updates for each actor update (Fujimoto 2018); 1 is the paper's", at_least(1));
    visit("critic_first", critic_first,
          "updates of the critics before the actor's first: it starts from a policy worth keeping", at_least(0));
    visit("twin_critics", twin_critics, "bootstrap from the lesser of two critics (Fujimoto 2018)");
    visit("target_noise", target_noise, "noise on the target action (Fujimoto 2018); 0 is the paper's", at_least(0));
    visit("target_noise_clip", target_noise_clip, "bound on that noise", at_least(0));
    visit("credit", credit, "what a row's Q predicts: its own share of the return, or all rows' mean Q the whole return",
          OneOf{{"coordinate", "shared"}});
    visit("pooled_critic", pooled_critic, "the critic's second layer also sees the mean over rows of the first");
    visit("slice", slice,
          "the parameters that it learns: all, the context head, or the rest; empty: all if it learns alone, else the rest",
          OneOf{{"", "all", "head", "body"}});
    visit("average", average, "decay of the running average of the actor that is judged and kept; 0: the actor itself",
          between(0, 1));
    visit("imitation", imitation,
          "pull of the actor towards replayed actions that were better than its own; 0 is the paper's", at_least(0));
    visit(
        "imitate", imitate,
        "who says that they were: the critic, which rates them above the actor's own (after Nair 2018); or the outcome, the "
        "return that followed, which is above the critic's value of the actor's own (after Oh 2018); or nobody: whatever "
        "explorers did is a demonstration, and nothing else is",
        OneOf{{"critic", "outcome", "explorers"}});
    visit("output_penalty", output_penalty,
          "weight of the mean square of the actor's outputs, which pulls it to its initial policy", at_least(0));
    visit("loss_bound", loss_bound, "error of Q beyond which the critic's loss grows linearly (Huber 1964)", positive());
    visit("gradient_clip", gradient_clip, "greatest norm of a gradient; 0: no limit", at_least(0));
  }
};

/// What one update did, for the log.
struct DdpgReport {
  double critic_loss = 0;
  double mean_q = 0;
};

class Ddpg {
 public:
  Ddpg(Actor actor, const DdpgOptions& options, Seed seed, ThreadTeam& team);

  /// One critic update and, every `actor_delay` updates, one of the actor and of the targets.
  DdpgReport update(const Batch& batch, Random& random);

  /// Starts, or goes on, from another actor's parameters. Throws std::invalid_argument if their number is
  /// another.
  void start_from(std::span<const float> parameters);
  /// Adds `scale` times a fixed random network to Q: a prior that data has to overcome (Osband et al. 2018, eq. 1:
  /// randomised prior functions). The same seed gives the same prior, which is not saved. Call before the first update.
  void set_prior(double scale, Seed seed);
  /// Q_1 [N], the prior included, of states [N, F] of one row each and actions [N, A].
  std::vector<float> value(std::span<const float> states, std::span<const float> actions) const;
  /// Leaves the actor's parameters outside [begin, end) to the caller: the policy gradient moves those inside alone.
  void own(std::size_t begin, std::size_t end) { own_begin_ = begin, own_end_ = end; }
  /// DdpgOptions::imitation from now on.
  void weigh_imitation(double weight) { options_.imitation = weight; }
  /// Adds w/2 |π(s) - a|² to what the actor descends, with the actions Batch::pulls, from now on.
  void pull(double weight) { pull_ = weight; }
  /// Multiplies the learning rates that DdpgOptions gives by this, from now on.
  void scale_rates(double scale) { rate_scale_ = scale; }
  /// Takes on the parameters outside the own slice, for the actor and its target.
  void adopt(std::span<const float> parameters);

  const Actor& actor() const { return actor_; }
  const std::vector<float>& actor_parameters() const { return actor_parameters_; }
  /// The running average of the actor's parameters (Polyak & Juditsky 1992): steadier than the actor, and what is judged and
  /// kept.
  const std::vector<float>& averaged_parameters() const { return actor_average_; }
  const DdpgOptions& options() const { return options_; }
  std::int64_t updates() const { return updates_; }

  /// Everything that continues the learning.
  void visit(auto& archive) {
    archive.fixed(actor_parameters_, actor_target_, actor_average_);
    for (int k = 0; k < 2; ++k) {
      archive.fixed(critic_parameters_[k], critic_target_[k]);
      archive(critic_adam_[k]);
    }
    archive(actor_adam_, updates_);
  }

 private:
  /// One thread's part of a batch: whole transitions.
  struct Shard {
    // What of the batch it is; see `cut`.
    int rows = 0;            // coordinates, of all its transitions
    std::vector<int> begin;  // of each transition, from 0; then `rows`
    const float* states = nullptr;
    const float* next_states = nullptr;
    const float* actions = nullptr;
    const float* returns = nullptr;
    const float* noise = nullptr;
    const float* discounts = nullptr;
    const float* outcomes = nullptr;     // null if actions are imitated where the critic says so
    const float* pulls = nullptr;        // null: nothing pulls
    const char* demonstrated = nullptr;  // null unless demonstrations are imitated, whatever their value

    Actor::Trace actor_trace;
    Critic::Trace critic_trace, prior_trace;
    std::vector<float> input;  // of the critics
    std::vector<float> policy_actions, targets, dq, d_actions, replayed_q, prior_d_actions;
    std::vector<float> gradient[2];
    double loss = 0, q_sum = 0;

    /// Calls body(b, first, last) for each transition b and its rows [first, last).
    void for_transitions(auto&& body) const {
      for (std::size_t b = 0; b + 1 < begin.size(); ++b) {
        body(b, static_cast<std::size_t>(begin[b]), static_cast<std::size_t>(begin[b + 1]));
      }
    }
  };
  /// Cuts a batch into a shard for each thread.
  void cut(const Batch& batch);
  /// Runs `body` on each shard that is not empty, a thread each.
  void for_shards(void (Ddpg::*body)(Shard& shard, int batch), int batch);
  void update_critics(int batch);
  void update_actor(int batch);
  void update_targets();
  void critic_gradient(Shard& shard, int batch);
  void actor_gradient(Shard& shard, int batch);
  void apply(std::vector<float>& parameters, Adam& adam, int which, double learning_rate);
  /// Adds the prior to q [N], of a critic's input.
  void add_prior(const std::vector<float>& input, std::span<const int> begin, Critic::Trace& trace,
                 std::vector<float>& q) const;
  int critics() const { return options_.twin_critics ? 2 : 1; }

  Actor actor_;
  Critic critic_;
  DdpgOptions options_;
  ThreadTeam& team_;
  std::vector<float> actor_parameters_, actor_target_, actor_average_;
  std::vector<float> critic_parameters_[2], critic_target_[2];
  Adam actor_adam_, critic_adam_[2];
  std::size_t own_begin_ = 0;
  std::size_t own_end_ = 0;
  std::int64_t updates_ = 0;
  double rate_scale_ = 1;
  double pull_ = 0;
  std::vector<float> prior_;  // of a critic, its outputs scaled; empty: none
  std::vector<Shard> shards_;
  int batch_rows_ = 0;  // of the batch that is cut
  std::vector<float> noise_;
};

}  // namespace scout
