#include "scout/learn/replay.h"

#include <algorithm>
#include <numeric>

namespace scout {

void Batch::clear(int expected_rows, int features, int actions) {
  const auto n = static_cast<std::size_t>(expected_rows);
  begin.assign(1, 0);
  states.clear();
  moves.clear();
  returns.clear();
  next_states.clear();
  discounts.clear();
  states.reserve(n * static_cast<std::size_t>(features));
  next_states.reserve(n * static_cast<std::size_t>(features));
  moves.reserve(n * static_cast<std::size_t>(actions));
  returns.reserve(n);
}

void Replay::add(Trajectory trajectory) {
  const auto added = static_cast<std::size_t>(trajectory.steps());
  if (added == 0) return;
  steps_ += added;
  trajectories_.push_back(std::move(trajectory));
  while (steps_ > capacity_ && trajectories_.size() > 1) {
    steps_ -= static_cast<std::size_t>(trajectories_.front().steps());
    trajectories_.pop_front();
  }
  ends_.resize(trajectories_.size());
  std::size_t total = 0;
  for (std::size_t i = 0; i < ends_.size(); ++i) ends_[i] = total += static_cast<std::size_t>(trajectories_[i].steps());
}

void Replay::clear() {
  trajectories_.clear();
  ends_.clear();
  steps_ = 0;
}

void Replay::sample(int count, int n_step, float gamma, int rows, Random& random, Batch& batch) const {
  std::vector<int> chosen;
  for (int k = 0; k < count; ++k) {
    const std::size_t position = random.index(steps_);
    const auto it = std::upper_bound(ends_.begin(), ends_.end(), position);
    const auto index = static_cast<std::size_t>(it - ends_.begin());
    const Trajectory& t = trajectories_[index];
    const int first = static_cast<int>(position - (index == 0 ? 0 : ends_[index - 1]));
    const int last = std::min(first + n_step, t.steps());

    chosen.resize(static_cast<std::size_t>(t.rows));
    std::iota(chosen.begin(), chosen.end(), 0);
    if (rows > 0 && rows < t.rows) {  // a random subset: the head of a partial Fisher-Yates shuffle
      for (int i = 0; i < rows; ++i) {
        std::swap(chosen[static_cast<std::size_t>(i)],
                  chosen[static_cast<std::size_t>(i) + random.index(static_cast<std::uint64_t>(t.rows - i))]);
      }
      chosen.resize(static_cast<std::size_t>(rows));
    }
    const std::ptrdiff_t f = t.features;
    const std::ptrdiff_t a = t.actions;
    for (int row : chosen) {
      const std::ptrdiff_t now = static_cast<std::ptrdiff_t>(first) * t.rows + row;
      const std::ptrdiff_t then = static_cast<std::ptrdiff_t>(last) * t.rows + row;
      batch.states.insert(batch.states.end(), t.states.begin() + now * f, t.states.begin() + (now + 1) * f);
      batch.next_states.insert(batch.next_states.end(), t.states.begin() + then * f, t.states.begin() + (then + 1) * f);
      batch.moves.insert(batch.moves.end(), t.moves.begin() + now * a, t.moves.begin() + (now + 1) * a);
      float value = 0;
      for (int s = last - 1; s >= first; --s) {
        value = t.rewards[static_cast<std::size_t>(s) * static_cast<std::size_t>(t.rows) + static_cast<std::size_t>(row)] +
                gamma * value;
      }
      batch.returns.push_back(value);
    }
    float discount = 1;
    for (int s = first; s < last; ++s) discount *= gamma;
    batch.discounts.push_back(t.terminated && last == t.steps() ? 0.0F : discount);
    batch.begin.push_back(batch.begin.back() + static_cast<int>(chosen.size()));
  }
}

}  // namespace scout
