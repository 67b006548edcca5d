// What is recorded of an episode, for a learner's replay.
#pragma once

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace scout {

/// T steps of C coordinates. A coordinate is what the shared networks see: a coordinate of θ, a sampled weight, or the whole
/// state at once (joint rule, classic control tasks). All arrays row-major.
struct Trajectory {
  int coordinates = 0;         ///< C
  int features = 0;            ///< F, of a coordinate's state
  int action_size = 0;         ///< A, numbers of a coordinate's action
  bool terminated = false;     ///< true: the last state is terminal. false: cut off there, so its value is bootstrapped
  std::vector<float> states;   ///< [T + 1, C, F]
  std::vector<float> actions;  ///< [T, C, A]
  std::vector<float> rewards;  ///< [T, C]

  int steps() const { return coordinates == 0 ? 0 : static_cast<int>(rewards.size()) / coordinates; }

  /// Throws std::runtime_error if the sizes of the arrays do not fit each other.
  void check() const {
    const auto size = [](int value) { return static_cast<std::size_t>(value); };
    const bool counts = coordinates >= 0 && features >= 0 && action_size >= 0;
    if (counts && coordinates == 0 && rewards.empty() && actions.empty() && states.empty()) return;
    if (!counts || coordinates == 0 || rewards.size() % size(coordinates) != 0 ||
        rewards.size() > size(std::numeric_limits<int>::max()) || actions.size() != rewards.size() * size(action_size) ||
        states.size() != (rewards.size() + size(coordinates)) * size(features)) {
      throw std::runtime_error("damaged trajectory: " + std::to_string(states.size()) + " numbers of states, " +
                               std::to_string(actions.size()) + " of actions and " + std::to_string(rewards.size()) +
                               " of rewards do not fit " + std::to_string(coordinates) + " coordinates");
    }
  }

  template <class Archive>
  void visit(Archive& archive) {
    archive(coordinates);
    archive(features);
    archive(action_size);
    archive(terminated);
    archive(states);
    archive(actions);
    archive(rewards);
    check();
  }
};

}  // namespace scout
