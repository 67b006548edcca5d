#include "scout/train/learner/replay.h"

#include <algorithm>
#include <numeric>

namespace scout {

void Batch::clear(int expected_rows, int features, int action_size) {
  const auto n = static_cast<std::size_t>(expected_rows);
  begin.assign(1, 0);
  for (auto* numbers : {&states, &actions, &returns, &next_states, &discounts, &outcomes}) numbers->clear();
  states.reserve(n * static_cast<std::size_t>(features));
  next_states.reserve(n * static_cast<std::size_t>(features));
  actions.reserve(n * static_cast<std::size_t>(action_size));
  returns.reserve(n);
}

void Replay::add(Trajectory trajectory) {
  if (trajectory.steps() == 0) return;
  ends_.push_back((ends_.empty() ? 0 : ends_.back()) + static_cast<std::size_t>(trajectory.steps()));
  trajectories_.push_back(std::move(trajectory));
  while (size() > capacity_ && first_ + 1 < trajectories_.size()) {
    dropped_ = ends_[first_];
    trajectories_[first_++] = {};
  }
  // Seldom, so that an addition costs little on average.
  if (first_ > trajectories_.size() / 2) forget();
}

void Replay::forget() {
  trajectories_.erase(trajectories_.begin(), trajectories_.begin() + static_cast<std::ptrdiff_t>(first_));
  count();
}

void Replay::count() {
  first_ = dropped_ = 0;
  ends_.clear();
  for (const Trajectory& trajectory : trajectories_) ends_.push_back(size() + static_cast<std::size_t>(trajectory.steps()));
}

void Replay::sample(int count, int n_step, float gamma, int rows, Random& random, Batch& batch) const {
  std::vector<std::size_t> chosen;
  for (int k = 0; k < count; ++k) {
    const std::size_t position = dropped_ + random.index(size());
    const auto it = std::upper_bound(ends_.begin(), ends_.end(), position);
    const auto index = static_cast<std::size_t>(it - ends_.begin());
    const Trajectory& t = trajectories_[index];
    const int first = static_cast<int>(position - (index == 0 ? 0 : ends_[index - 1]));
    const int last = std::min(first + n_step, t.steps());

    const auto all = static_cast<std::size_t>(t.coordinates);
    const std::size_t taken = rows > 0 ? std::min(static_cast<std::size_t>(rows), all) : all;
    const auto f = static_cast<std::size_t>(t.features);
    const auto a = static_cast<std::size_t>(t.action_size);
    const std::size_t now = static_cast<std::size_t>(first) * all;
    const std::size_t then = static_cast<std::size_t>(last) * all;
    // Rows [row, row + n) of the transition.
    const auto append = [&](std::size_t row, std::size_t n) {
      const auto copy = [n](std::vector<float>& to, const std::vector<float>& from, std::size_t begin, std::size_t width) {
        const float* source = from.data() + begin * width;
        to.insert(to.end(), source, source + n * width);
      };
      copy(batch.states, t.states, now + row, f);
      copy(batch.next_states, t.states, then + row, f);
      copy(batch.actions, t.actions, now + row, a);
      for (std::size_t i = row; i < row + n; ++i) {
        float value = 0;
        for (std::size_t at = then + i; at > now + i; at -= all) value = t.rewards[at - all] + gamma * value;
        batch.returns.push_back(value);
        if (!batch.outcomes_wanted) continue;
        float outcome = 0;
        for (int s = t.steps() - 1; s >= first; --s) {
          outcome = t.rewards[static_cast<std::size_t>(s) * all + i] + gamma * outcome;
        }
        batch.outcomes.push_back(outcome);
      }
    };
    if (taken == all) {
      append(0, all);
    } else {  // a random subset: the head of a partial Fisher-Yates shuffle
      chosen.resize(all);
      std::iota(chosen.begin(), chosen.end(), std::size_t{0});
      for (std::size_t i = 0; i < taken; ++i) {
        std::swap(chosen[i], chosen[i + random.index(all - i)]);
        append(chosen[i], 1);
      }
    }
    float discount = 1;
    for (int s = first; s < last; ++s) discount *= gamma;
    batch.discounts.push_back(t.terminated && last == t.steps() ? 0.0F : discount);
    batch.begin.push_back(batch.begin.back() + static_cast<int>(taken));
  }
}

}  // namespace scout
