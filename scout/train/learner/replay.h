// Replay of whole trajectories.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// One rollout of T steps. A row is what the shared networks see: a coordinate (coordinatewise policy) or the whole state
/// (joint policy, or a classic control task). All arrays row-major.
struct Trajectory {
  int rows = 0;                ///< rows of a step, C
  int features = 0;            ///< F
  int actions = 0;             ///< A
  bool terminated = false;     ///< true: the last state is terminal. false: cut off there, so its value is bootstrapped
  std::vector<float> states;   ///< [T + 1, C, F]
  std::vector<float> moves;    ///< [T, C, A]
  std::vector<float> rewards;  ///< [T, C]

  int steps() const { return rows == 0 ? 0 : static_cast<int>(rewards.size()) / rows; }
};

/// A batch of n-step transitions, B of them; transition b owns rows [begin[b], begin[b + 1]) of the arrays, N rows in all.
struct Batch {
  std::vector<int> begin;          ///< [B + 1]
  std::vector<float> states;       ///< [N, F]
  std::vector<float> moves;        ///< [N, A]
  std::vector<float> returns;      ///< [N], Σ_{k<n} γ^k r_{t+k}
  std::vector<float> next_states;  ///< [N, F], n steps later
  std::vector<float> discounts;    ///< [B], γ^n, or 0 where the next state is terminal

  int size() const { return static_cast<int>(begin.size()) - 1; }
  void clear(int expected_rows, int features, int actions);
};

/// The latest trajectories; the oldest are dropped. Sampling is uniform over the stored steps.
class Replay {
 public:
  /// `capacity`: steps (of all rows together counted once), at least 1. A single longer trajectory is kept all the same.
  explicit Replay(std::size_t capacity) : capacity_(capacity) {}

  void add(Trajectory trajectory);
  /// Steps stored.
  std::size_t size() const { return steps_; }

  /// Appends `count` transitions to `batch`. At most `rows` rows of a transition are taken, chosen at random (0: all of
  /// them). n-step returns stop early where a trajectory ends. Needs size() > 0.
  void sample(int count, int n_step, float gamma, int rows, Random& random, Batch& batch) const;

  /// The oldest first.
  const std::deque<Trajectory>& trajectories() const { return trajectories_; }
  void clear();

 private:
  std::size_t capacity_;
  std::size_t steps_ = 0;
  std::deque<Trajectory> trajectories_;
  std::vector<std::size_t> ends_;  // running totals of steps, for sampling
};

}  // namespace scout
