// Replay of whole trajectories.
#pragma once

#include "scout/train/episode/episode.h"

namespace scout {

/// A batch of n-step transitions, B of them; transition b owns rows [begin[b], begin[b + 1]) of the arrays, N rows in all.
struct Batch {
  std::vector<int> begin;          ///< [B + 1]
  std::vector<float> states;       ///< [N, F]
  std::vector<float> actions;      ///< [N, A]
  std::vector<float> returns;      ///< [N], Σ_{k<n} γ^k r_{t+k}
  std::vector<float> next_states;  ///< [N, F], n steps later
  std::vector<float> discounts;    ///< [B], γ^n, or 0 where the next state is terminal
  std::vector<float> outcomes;     ///< [N] if wanted: the discounted rewards from there to the trajectory's end
  std::vector<char> demonstrated;  ///< [B] if DdpgOptions::imitate asks: whether the actions are to be imitated
  std::vector<float> pulls;        ///< [N, A] if Ddpg::pull is given a weight: actions that the actor's own are pulled to
  bool outcomes_wanted = false;    ///< `clear` leaves it as it is

  int size() const { return static_cast<int>(begin.size()) - 1; }
  void clear(int expected_rows, int features, int action_size);
};

/// The latest trajectories; the oldest are dropped. Sampling is uniform over the stored steps.
class Replay {
 public:
  /// `capacity`: steps (of all rows together counted once), at least 1. A single longer trajectory is kept all the same.
  explicit Replay(std::size_t capacity) : capacity_(capacity) {}

  void add(Trajectory trajectory);
  /// Steps stored.
  std::size_t size() const { return ends_.empty() ? 0 : ends_.back() - dropped_; }

  /// Appends `count` transitions to `batch`. At most `rows` coordinates of a transition are taken, chosen at random (0: all
  /// of them). n-step returns stop early where a trajectory ends. Needs size() > 0.
  void sample(int count, int n_step, float gamma, int rows, Random& random, Batch& batch) const;

  /// Throws std::runtime_error if a trajectory is of other rows.
  void check(int features, int action_size) const;

  void visit(auto& archive) {
    forget();
    archive(trajectories_);
    count();
  }

 private:
  /// Frees what was dropped.
  void forget();
  /// Counts the steps anew.
  void count();
  /// The number of the trajectory that a step is of, by its place among all steps, dropped ones included.
  std::size_t trajectory_of(std::size_t position) const;

  std::size_t capacity_;
  std::vector<Trajectory> trajectories_;  // the first few may be dropped already
  std::size_t first_ = 0;                 // the oldest that is not
  std::vector<std::size_t> ends_;         // running totals of steps
  std::size_t dropped_ = 0;               // steps before the oldest
};

}  // namespace scout
