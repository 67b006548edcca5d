// What a small network decides for a whole run, and for several steps at once.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scout/policy/rule/actor.h"

namespace scout {

/// A run is cut into a few stretches of steps. At the beginning of each a perceptron turns a row of numbers that describe
/// the run, or one of its tensors, [S] into a *decision* [A], numbers in [-1, 1]. The decision holds for the stretch: output
/// k of the rule's actor is shifted by span_k times number k of it. So an action of the learner lasts long enough for its
/// effect on the end of the run to be seen, where the effect of one step of one coordinate cannot be told from the critic's
/// error.
///
/// Parameters: the mean [S] and the inverse deviation [S] that normalise a row, to at most 5, then the network's. An inverse
/// deviation of 0 leaves a number out. The initial head decides 0, which changes nothing. Immutable.
class DecisionHead {
 public:
  /// How a run is cut.
  enum class Stretches {
    equal,    ///< into `count` equal parts of its horizon
    growing,  ///< whatever the horizon: `count` stretches in the first thousand steps, each longer than the one before
  };

  DecisionHead() = default;
  /// `inputs`: S. `spans` [A]: what a decision of 1 adds to each output. `count`: at least 1. `offset`: where its parameters
  /// begin among the rule's.
  DecisionHead(int inputs, const std::vector<int>& hidden, std::vector<float> spans, int count, Stretches stretches,
               std::size_t offset);

  int inputs() const { return actor_.features(); }
  /// A.
  int size() const { return actor_.actions(); }
  const std::vector<float>& spans() const { return spans_; }
  /// The network, of normalised rows.
  const Actor& actor() const { return actor_; }

  /// Whether a decision is due before the step number `step`, from 0, of a run of `horizon` steps. Of equal stretches the
  /// last holds beyond the horizon.
  bool due(std::int64_t step, std::int64_t horizon) const;

  std::size_t offset() const { return offset_; }
  std::size_t parameter_count() const { return 2 * static_cast<std::size_t>(inputs()) + actor_.parameter_count(); }
  /// Random hidden layers; the rest zero. [parameter_count()]
  std::vector<float> initial_parameters(Random& random) const;

  struct Scratch {
    std::vector<float> rows;
    Actor::Trace trace;
  };
  /// rows [n, S] -> decisions [n, A]. `parameters`: the head's own.
  void decide(const float* parameters, const float* rows, int n, Scratch& scratch, float* decisions) const;
  /// Normalises rows [n, S] in place.
  void normalise(const float* parameters, float* rows, std::size_t n) const;

 private:
  Actor actor_;
  std::vector<float> spans_;
  int count_ = 1;
  Stretches stretches_ = Stretches::equal;
  std::size_t offset_ = 0;
};

}  // namespace scout
