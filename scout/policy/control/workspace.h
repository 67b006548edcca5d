// What the primitives of a run share.
#pragma once

#include <memory>
#include <vector>

#include "scout/base/random.h"
#include "scout/policy/control/memory.h"

namespace scout {

class Stepper;

/// Points that fill the unit box evenly, from the first on: the additive recurrence of Roberts (2018), begun at random. In
/// more than `kMostCoordinates` coordinates no sequence is more even than draws, and these are drawn.
class PointSequence {
 public:
  static constexpr std::size_t kMostCoordinates = 40;

  void start(std::size_t dimension, Random& random);
  /// Writes the next point [M].
  void next(std::span<double> point, Random& random);
  void visit(auto& archive) { archive(place_, stride_); }

 private:
  std::vector<double> place_, stride_;
};

/// A point that was probed, from which no local search has started.
struct Probe {
  double value = 0;
  std::vector<double> point{};
  void visit(auto& archive) { archive(value, point); }
};

struct Workspace {
  Memory memory;
  Random random{Seed(0)};
  PointSequence sequence;
  std::vector<Probe> probes;
  std::vector<double> first;               ///< where the run began [M]
  std::vector<double> lower, upper;        ///< the bounds of local searches [M], which may be infinite
  double used = 0;                         ///< share of the budget
  double calls = 0;                        ///< made
  double radius = 0.05;                    ///< of moves around the best point
  double left = 0;                         ///< calls that are left
  std::shared_ptr<const Stepper> stepper;  ///< of the rule of coordinates
  double step_scale = 0.7;                 ///< its largest step, in widths of the box
  std::vector<float> outputs;              ///< what is decided for its runs
  double gradient_price = 1;               ///< calls that a gradient costs, beside the value's one

  /// All but the stepper, which the rule gives.
  void visit(auto& archive) {
    Random::State state = random.state();
    for (std::uint64_t& word : state) archive(word);
    random = Random(state);
    archive(memory, sequence, probes, first, lower, upper, used, calls, left, radius, step_scale, outputs, gradient_price);
  }
};

}  // namespace scout
