// What rollouts bring to the learner, whichever rank they were made on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scout/base/bytes.h"
#include "scout/train/learner/replay.h"
#include "scout/train/mover/ensemble.h"

namespace scout {

/// A schedule that was tried.
struct Candidate {
  std::int64_t generation = 0;    ///< that it was drawn in
  std::vector<double> direction;  ///< in which it lay from that generation's mean, in standard deviations
  std::vector<double> score;      ///< by problem: mean log of the final gap's share; lower is better
};

struct Experience {
  std::int64_t sequence = 0;         ///< one past the last number of its rollouts
  std::int64_t round = 0;            ///< rounds done by the learner whose parameters acted
  std::int64_t units = 0;            ///< policy episodes: what a round is made of
  std::int64_t evaluations = 0;      ///< of training instances
  double return_sum = 0;             ///< of the policy episodes
  std::vector<Trajectory> policy{};  ///< of the policy, those of candidates included
  std::vector<Trajectory> explorers{};
  std::vector<Candidate> candidates{};
  int ensembles = 0;
  EnsembleSummary summary{};  ///< totals over the ensembles
};

/// Visits the fields of a trajectory in a fixed order, to write or to read them.
template <class Visitor, class OneTrajectory>
void visit_trajectory(Visitor& visit, OneTrajectory& t) {
  visit(t.rows);
  visit(t.features);
  visit(t.actions);
  visit(t.terminated);
  visit(t.states);
  visit(t.moves);
  visit(t.rewards);
}

/// Throws std::runtime_error if the sizes of the arrays do not fit each other.
void check_trajectory(const Trajectory& trajectory);

void write_experience(ByteWriter& bytes, const Experience& experience);
/// Throws std::runtime_error if that is not what the bytes hold.
Experience read_experience(ByteReader& bytes);

}  // namespace scout
