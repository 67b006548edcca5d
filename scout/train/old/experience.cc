#include "scout/train/episode/experience.h"

#include <limits>

namespace scout {
namespace {

/// The least that an element takes, whatever it holds: its lengths.
constexpr std::size_t kLeastTrajectory = 3 * sizeof(int) + sizeof(bool) + 3 * sizeof(std::uint64_t);
constexpr std::size_t kLeastCandidate = 3 * sizeof(std::uint64_t);

/// Visits everything but the lists of structures.
template <class Visitor, class OneExperience>
void visit_numbers(Visitor& visit, OneExperience& e) {
  visit(e.sequence);
  visit(e.round);
  visit(e.units);
  visit(e.evaluations);
  visit(e.return_sum);
  visit(e.ensembles);
  visit(e.summary.coordinate_moves);
  visit(e.summary.gradient_moves);
  visit(e.summary.resets);
  visit(e.summary.prunes);
  visit(e.summary.coordinates_tried);
  visit(e.summary.best_gap_share);
  visit(e.summary.basins);
}

template <class Visitor, class OneCandidate>
void visit_candidate(Visitor& visit, OneCandidate& c) {
  visit(c.generation);
  visit(c.direction);
  visit(c.score);
}

void write_trajectories(ByteWriter& bytes, const std::vector<Trajectory>& trajectories) {
  bytes(static_cast<std::uint64_t>(trajectories.size()));
  for (const Trajectory& t : trajectories) visit_trajectory(bytes, t);
}

std::vector<Trajectory> read_trajectories(ByteReader& bytes) {
  std::vector<Trajectory> trajectories(bytes.count(kLeastTrajectory));
  for (Trajectory& t : trajectories) {
    visit_trajectory(bytes, t);
    check_trajectory(t);
  }
  return trajectories;
}

}  // namespace

void check_trajectory(const Trajectory& t) {
  auto size = [](int value) { return static_cast<std::size_t>(value); };
  const bool counts = t.rows >= 0 && t.features >= 0 && t.actions >= 0;
  if (counts && t.rows == 0 && t.rewards.empty() && t.moves.empty() && t.states.empty()) return;
  if (!counts || t.rows == 0 || t.rewards.size() % size(t.rows) != 0 ||
      t.rewards.size() > size(std::numeric_limits<int>::max()) || t.moves.size() != t.rewards.size() * size(t.actions) ||
      t.states.size() != (t.rewards.size() + size(t.rows)) * size(t.features)) {
    throw std::runtime_error("damaged trajectory: " + std::to_string(t.states.size()) + " numbers of states, " +
                             std::to_string(t.moves.size()) + " of moves and " + std::to_string(t.rewards.size()) +
                             " of rewards do not fit " + std::to_string(t.rows) + " rows");
  }
}

void write_experience(ByteWriter& bytes, const Experience& experience) {
  visit_numbers(bytes, experience);
  write_trajectories(bytes, experience.policy);
  write_trajectories(bytes, experience.explorers);
  bytes(static_cast<std::uint64_t>(experience.candidates.size()));
  for (const Candidate& c : experience.candidates) visit_candidate(bytes, c);
}

Experience read_experience(ByteReader& bytes) {
  Experience experience;
  visit_numbers(bytes, experience);
  experience.policy = read_trajectories(bytes);
  experience.explorers = read_trajectories(bytes);
  experience.candidates.resize(bytes.count(kLeastCandidate));
  for (Candidate& c : experience.candidates) visit_candidate(bytes, c);
  return experience;
}

}  // namespace scout
