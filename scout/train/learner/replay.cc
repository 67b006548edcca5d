#include "scout/train/learner/replay.h"

#include <algorithm>
#include <numeric>

namespace scout {

void Batch::clear(int expected_rows, int features, int action_size) {
  const auto n = static_cast<std::size_t>(expected_rows);
  begin.assign(1, 0);
  states.clear();
  actions.clear();
  returns.clear();
  next_states.clear();
  discounts.clear();
  states.reserve(n * static_cast<std::size_t>(features));
  next_states.reserve(n * static_cast<std::size_t>(features));
  actions.reserve(n * static_cast<std::size_t>(action_size));
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

void Replay::sample(int count, int n_step, float gamma, int rows, Random& random, Batch& batch) const {
  std::vector<std::size_t> chosen;
  for (int k = 0; k < count; ++k) {
    const std::size_t position = random.index(steps_);
    const auto it = std::upper_bound(ends_.begin(), ends_.end(), position);
    const auto index = static_cast<std::size_t>(it - ends_.begin());
    const Trajectory& t = trajectories_[index];
    const int first = static_cast<int>(position - (index == 0 ? 0 : ends_[index - 1]));
    const int last = std::min(first + n_step, t.steps());

    const int count_rows = rows > 0 ? std::min(rows, t.coordinates) : t.coordinates;
    const auto f = static_cast<std::size_t>(t.features);
    const auto a = static_cast<std::size_t>(t.action_size);
    const std::size_t now = static_cast<std::size_t>(first) * static_cast<std::size_t>(t.coordinates);
    const std::size_t then = static_cast<std::size_t>(last) * static_cast<std::size_t>(t.coordinates);
    // Rows [row, row + n) of the transition.
    auto append = [&](std::size_t row, std::size_t n) {
      auto copy = [n](std::vector<float>& to, const std::vector<float>& from, std::size_t begin, std::size_t width) {
        const float* source = from.data() + begin * width;
        to.insert(to.end(), source, source + n * width);
      };
      copy(batch.states, t.states, now + row, f);
      copy(batch.next_states, t.states, then + row, f);
      copy(batch.actions, t.actions, now + row, a);
      for (std::size_t i = row; i < row + n; ++i) {
        float value = 0;
        for (int s = last - 1; s >= first; --s) {
          value = t.rewards[static_cast<std::size_t>(s) * static_cast<std::size_t>(t.coordinates) + i] + gamma * value;
        }
        batch.returns.push_back(value);
      }
    };
    if (count_rows == t.coordinates) {
      append(0, static_cast<std::size_t>(t.coordinates));
    } else {  // a random subset: the head of a partial Fisher-Yates shuffle
      chosen.resize(static_cast<std::size_t>(t.coordinates));
      std::iota(chosen.begin(), chosen.end(), std::size_t{0});
      for (int i = 0; i < count_rows; ++i) {
        std::swap(chosen[static_cast<std::size_t>(i)],
                  chosen[static_cast<std::size_t>(i) + random.index(static_cast<std::uint64_t>(t.coordinates - i))]);
        append(chosen[static_cast<std::size_t>(i)], 1);
      }
    }
    float discount = 1;
    for (int s = first; s < last; ++s) discount *= gamma;
    batch.discounts.push_back(t.terminated && last == t.steps() ? 0.0F : discount);
    batch.begin.push_back(batch.begin.back() + count_rows);
  }
}

}  // namespace scout
