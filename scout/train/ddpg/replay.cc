#include "scout/train/ddpg/replay.h"

#include <algorithm>
#include <numeric>

namespace scout {

void Batch::clear(int expected_rows, int features, int action_size) {
  const auto n = static_cast<std::size_t>(expected_rows);
  begin.assign(1, 0);
  for (auto* numbers : {&states, &actions, &returns, &next_states, &discounts, &outcomes, &pulls}) numbers->clear();
  demonstrated.clear();
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

void Replay::check(int features, int action_size) const {
  for (const Trajectory& t : trajectories_) {
    if (t.steps() > 0 && t.features == features && t.action_size == action_size) continue;
    throw std::runtime_error("damaged replay: a trajectory of " + std::to_string(t.steps()) + " steps has rows of " +
                             std::to_string(t.features) + " features and " + std::to_string(t.action_size) + " actions");
  }
}

std::size_t Replay::trajectory_of(std::size_t position) const {
  // Where all are of one length it is this one, and a search by halves would guess wrong at every other step.
  const std::size_t guess = first_ + (position - dropped_) * (ends_.size() - first_) / size();
  if (position < ends_[guess] && (guess == 0 || position >= ends_[guess - 1])) return guess;
  return static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), position) - ends_.begin());
}

void Replay::sample(int count, int n_step, float gamma, int rows, Random& random, Batch& batch) const {
  // First what is taken, then copies into arrays of the right size.
  struct Piece {
    const Trajectory* trajectory;
    std::size_t now, then;  // its first row among those of the states, and among those of the next states
    std::size_t rows;
  };
  std::vector<Piece> pieces;
  pieces.reserve(static_cast<std::size_t>(count) * static_cast<std::size_t>(std::max(rows, 1)));
  std::vector<std::size_t> chosen;
  std::size_t total = static_cast<std::size_t>(batch.begin.back());
  for (int k = 0; k < count; ++k) {
    const std::size_t position = dropped_ + random.index(size());
    const std::size_t index = trajectory_of(position);
    const Trajectory& t = trajectories_[index];
    const int first = static_cast<int>(position - (index == 0 ? 0 : ends_[index - 1]));
    const int last = std::min(first + n_step, t.steps());

    const auto all = static_cast<std::size_t>(t.coordinates);
    const std::size_t taken = rows > 0 ? std::min(static_cast<std::size_t>(rows), all) : all;
    const std::size_t now = static_cast<std::size_t>(first) * all;
    const std::size_t then = static_cast<std::size_t>(last) * all;
    if (taken == all) {
      pieces.push_back({&t, now, then, all});
    } else {  // a random subset: the head of a partial Fisher-Yates shuffle
      chosen.resize(all);
      std::iota(chosen.begin(), chosen.end(), std::size_t{0});
      for (std::size_t i = 0; i < taken; ++i) {
        std::swap(chosen[i], chosen[i + random.index(all - i)]);
        pieces.push_back({&t, now + chosen[i], then + chosen[i], 1});
      }
    }
    float discount = 1;
    for (int s = first; s < last; ++s) discount *= gamma;
    batch.discounts.push_back(t.terminated && last == t.steps() ? 0.0F : discount);
    total += taken;
    batch.begin.push_back(static_cast<int>(total));
  }
  if (pieces.empty()) return;

  const auto f = static_cast<std::size_t>(pieces.front().trajectory->features);
  const auto a = static_cast<std::size_t>(pieces.front().trajectory->action_size);
  const auto grow = [total](std::vector<float>& numbers, std::size_t width) {
    const std::size_t before = numbers.size();
    numbers.resize(total * width);
    return numbers.data() + before;
  };
  float* states = grow(batch.states, f);
  float* next_states = grow(batch.next_states, f);
  float* actions = grow(batch.actions, a);
  float* returns = grow(batch.returns, 1);
  const auto copy = [](const std::vector<float>& from, std::size_t row, std::size_t n, std::size_t width, float*& to) {
    const float* source = from.data() + row * width;
    const std::size_t numbers = n * width;
    if (numbers <= 8) {  // which cost less than a call
      for (std::size_t i = 0; i < numbers; ++i) to[i] = source[i];
    } else {
      std::copy_n(source, numbers, to);
    }
    to += numbers;
  };
  for (const Piece& piece : pieces) {
    const Trajectory& t = *piece.trajectory;
    copy(t.states, piece.now, piece.rows, f, states);
    copy(t.states, piece.then, piece.rows, f, next_states);
    copy(t.actions, piece.now, piece.rows, a, actions);
    const auto all = static_cast<std::size_t>(t.coordinates);
    for (std::size_t i = 0; i < piece.rows; ++i) {
      float value = 0;
      for (std::size_t at = piece.then + i; at > piece.now + i; at -= all) value = t.rewards[at - all] + gamma * value;
      *returns++ = value;
      if (!batch.outcomes_wanted) continue;
      float outcome = 0;
      for (std::size_t at = t.rewards.size() + (piece.now + i) % all; at > piece.now + i;) {
        at -= all;
        outcome = t.rewards[at] + gamma * outcome;
      }
      batch.outcomes.push_back(outcome);
    }
  }
}

}  // namespace scout
