// What rollouts bring to the learners, whichever rank they were made on.
#pragma once

#include <cstdint>
#include <vector>

#include "scout/train/episode/trajectory.h"
#include "scout/train/mover/ensemble.h"

namespace scout {

/// Parameters that were tried.
struct Candidate {
  std::int64_t generation = 0;    ///< that they were drawn in
  std::vector<double> direction;  ///< in which they lay from that generation's mean, in standard deviations
  std::vector<double> score;      ///< by problem: sum of the log of the final gap's share; lower is better

  template <class Archive>
  void visit(Archive& archive) {
    archive(generation);
    archive(direction);
    archive(score);
  }
};

/// What one learner's rollouts have found.
struct Findings {
  std::vector<Trajectory> policy{};     ///< of the policy, whatever its parameters: any learner may take them
  std::vector<Trajectory> explorers{};  ///< of ensembles
  std::vector<Candidate> candidates{};
  double return_sum = 0;      ///< of the policy's episodes,
  std::int64_t episodes = 0;  ///< which are so many
  int ensembles = 0;
  EnsembleSummary summary{};  ///< over these ensembles

  template <class Archive>
  void visit(Archive& archive) {
    archive(policy);
    archive(explorers);
    archive(candidates);
    archive(return_sum);
    archive(episodes);
    archive(ensembles);
    archive(summary);
  }
};

struct Experience {
  std::int64_t sequence = 0;         ///< one past the last number of its units
  std::int64_t round = 0;            ///< rounds done by the learner whose parameters acted
  std::int64_t units = 0;            ///< what a round is made of
  std::int64_t evaluations = 0;      ///< of training instances
  std::vector<Findings> findings{};  ///< by learner

  template <class Archive>
  void visit(Archive& archive) {
    archive(sequence);
    archive(round);
    archive(units);
    archive(evaluations);
    archive(findings);
  }
};

}  // namespace scout
