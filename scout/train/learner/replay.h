// Replay of whole trajectories.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "scout/base/random.h"
#include "scout/train/episode/trajectory.h"

namespace scout {

/// A batch of n-step transitions, B of them; transition b owns rows [begin[b], begin[b + 1]) of the arrays, N rows in all.
struct Batch {
  std::vector<int> begin;          ///< [B + 1]
  std::vector<float> states;       ///< [N, F]
  std::vector<float> actions;      ///< [N, A]
  std::vector<float> returns;      ///< [N], Σ_{k<n} γ^k r_{t+k}
  std::vector<float> next_states;  ///< [N, F], n steps later
  std::vector<float> discounts;    ///< [B], γ^n, or 0 where the next state is terminal

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
  std::size_t size() const { return steps_; }

  /// Appends `count` transitions to `batch`. At most `rows` coordinates of a transition are taken, chosen at random (0: all
  /// of them). n-step returns stop early where a trajectory ends. Needs size() > 0.
  void sample(int count, int n_step, float gamma, int rows, Random& random, Batch& batch) const;

  template <class Archive>
  void save(Archive& archive) const {
    archive(static_cast<std::uint64_t>(trajectories_.size()));
    for (const Trajectory& trajectory : trajectories_) archive(trajectory);
  }
  template <class Archive>
  void restore(Archive& archive) {
    std::uint64_t count = 0;
    archive(count);
    trajectories_.clear();
    ends_.clear();
    steps_ = 0;
    for (std::uint64_t k = 0; k < count; ++k) {
      Trajectory trajectory;
      archive(trajectory);
      add(std::move(trajectory));
    }
  }

 private:
  std::size_t capacity_;
  std::size_t steps_ = 0;
  std::deque<Trajectory> trajectories_;
  std::vector<std::size_t> ends_;  // running totals of steps, for sampling
};

}  // namespace scout
