// Deep deterministic policy gradient (Lillicrap et al. 2015), for actors shared by the rows of a state.
#pragma once

#include <string>
#include <vector>

#include "scout/base/options.h"
#include "scout/base/parallel.h"
#include "scout/policy/rule/actor.h"
#include "scout/train/learner/replay.h"

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
  std::string credit = "coordinate";
  bool pooled_critic = true;
  double imitation = 1.0;
  double output_penalty = 0.3;
  double loss_bound = 2.0;
  double gradient_clip = 10.0;
  double average = 0.999;

  template <class Visitor>
  void describe(Visitor&& visit) {
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
    visit("average", average, "decay of the running average of the actor that is judged and kept; 0: the actor itself",
          between(0, 1));
    visit("imitation", imitation,
          "pull of the actor towards replayed actions that its critic rates above its own; 0 is the paper's", at_least(0));
    visit("output_penalty", output_penalty,
          "weight of the mean square of the actor's outputs, which pulls it to its initial policy", at_least(0));
    visit("loss_bound", loss_bound, "error of Q beyond which the critic's loss grows linearly (Huber 1964)", positive());
    visit("gradient_clip", gradient_clip, "greatest norm of a gradient; 0: no limit", at_least(0));
  }
};

/// Adam (Kingma & Ba 2015) on a flat vector.
struct Adam {
  std::vector<float> mean, square;
  std::int64_t steps = 0;
  void update(std::vector<float>& parameters, const std::vector<float>& gradient, double learning_rate);
};

/// Q of the rows of a state. q_i = w · relu(W2 h_i + W3 mean_j h_j + b), h_i = relu(W1 [s_i, a_i] + b1):
/// permutation-equivariant (Zaheer et al. 2017); with one row, or not pooled, an ordinary perceptron.
class Critic {
 public:
  Critic() = default;
  Critic(int features, int actions, std::vector<int> hidden, bool pooled);
  std::size_t parameter_count() const { return parameter_count_; }
  std::vector<float> initial_parameters(Random& random) const;

  /// The activations of one batch, and scratch of `backward`. Reused from call to call.
  struct Trace {
    std::vector<float> hidden, pool, pooled_part, second, q;
    std::vector<float> d_second, d_hidden, d_pool, move_columns, no_bias;
  };
  /// The critic's input [rows, F + A], of states [rows, F] and moves [rows, A]; and the same states with other moves.
  void join(const float* states, const float* moves, int rows, std::vector<float>& input) const;
  void replace_moves(const float* moves, int rows, std::vector<float>& input) const;
  /// Rows [begin[b], begin[b+1]) of the input belong to one state; begin[0] = 0. Returns q [N], in `trace`.
  const std::vector<float>& forward(const float* parameters, const std::vector<float>& input, std::span<const int> begin,
                                    Trace& trace) const;
  /// Of the last `forward` with `trace`. Adds to `gradient` if not null; writes ∂L/∂moves [N, A] to `d_moves` if not null.
  void backward(const float* parameters, const std::vector<float>& input, std::span<const int> begin, const float* dq,
                Trace& trace, float* gradient, float* d_moves) const;

 private:
  int features_ = 0;
  int actions_ = 0;
  bool pooled_ = false;
  Linear first_, second_, pool_, output_;
  std::size_t parameter_count_ = 0;
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

  /// Starts from another actor's parameters; call before the first update. Throws std::invalid_argument if their number is
  /// another.
  void start_from(const std::vector<float>& parameters);
  /// Leaves the actor's schedule to the caller, who sets it; the policy gradient then moves the network alone.
  void freeze_schedule() { schedule_frozen_ = true; }
  /// Sets the schedule of the actor and its target, and moves that of the averaged actor towards it by `share`, in [0, 1].
  void set_schedule(std::span<const float> schedule, double share);

  const Actor& actor() const { return actor_; }
  const std::vector<float>& actor_parameters() const { return actor_parameters_; }
  /// The running average of the actor's parameters (Polyak & Juditsky 1992): steadier than the actor, and what is judged and
  /// kept.
  const std::vector<float>& averaged_parameters() const { return actor_average_; }
  const DdpgOptions& options() const { return options_; }
  std::int64_t updates() const { return updates_; }

  /// Everything that continues the learning: `state(visitor)` visits each vector<float> and each counter, in a fixed order.
  template <class Visitor>
  void state(Visitor&& visit) {
    visit(actor_parameters_);
    visit(actor_target_);
    visit(actor_average_);
    for (int k = 0; k < 2; ++k) {
      visit(critic_parameters_[k]);
      visit(critic_target_[k]);
      visit(critic_adam_[k].mean);
      visit(critic_adam_[k].square);
      visit(critic_adam_[k].steps);
    }
    visit(actor_adam_.mean);
    visit(actor_adam_.square);
    visit(actor_adam_.steps);
    visit(updates_);
  }

 private:
  /// One thread's part of a batch.
  struct Shard {
    Actor::Trace actor_trace;
    Critic::Trace critic_trace;
    std::vector<int> begin;
    std::vector<float> input;  // of the critics
    std::vector<float> actions, targets, dq, d_moves, replayed_q;
    std::vector<float> gradient[2];
    double loss = 0, q_sum = 0;
  };
  void update_critics(const Batch& batch);
  void update_actor(const Batch& batch);
  void update_targets();
  void update_average();
  void critic_shard(const Batch& batch, int first, int last, Shard& shard);
  void actor_shard(const Batch& batch, int first, int last, Shard& shard);
  void apply(std::vector<float>& parameters, Adam& adam, int which, double learning_rate);
  int critics() const { return options_.twin_critics ? 2 : 1; }

  Actor actor_;
  Critic critic_;
  DdpgOptions options_;
  ThreadTeam& team_;
  std::vector<float> actor_parameters_, actor_target_, actor_average_;
  std::vector<float> critic_parameters_[2], critic_target_[2];
  Adam actor_adam_, critic_adam_[2];
  bool schedule_frozen_ = false;
  std::int64_t updates_ = 0;
  std::vector<Shard> shards_;
  std::vector<float> noise_;
};

}  // namespace scout
