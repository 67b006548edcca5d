// How the rows that decisions are made of (policy/rule/decision_head.h) are normalised.
#pragma once

#include <span>
#include <vector>

#include "scout/train/learner/learner.h"

namespace scout {

/// Whether the head, with these of the rule's parameters, has a normaliser: not all of its inputs are left out.
bool has_normaliser(const DecisionHead& head, std::span<const float> parameters);
/// Gives it one, unless it has one, by what these rows [n, S] look like. Numbers that are the same in all of them are left
/// out.
void fit_normaliser(const DecisionHead& head, std::span<const float> rows, SharedParameters& parameters);

/// For a learner of the decision head that makes nothing of trajectories: before anything else it runs the policy as it is,
/// and looks at its rows. Does nothing where the learner's slice is another, or the policy to start from has a normaliser.
class DecisionRows {
 public:
  /// `slice`: the name of the learner's slice.
  DecisionRows(const TrainingContext& context, std::string_view slice);

  /// Whether rows are wanted first.
  bool wanted() const;
  /// Runs to look at.
  std::vector<Rollout> ask(const Window& window) const;
  static Findings digest(std::vector<Rollout> done);
  void take(Findings& own);
  /// Fits the normaliser, if there are rows and none.
  void learn();

  /// What is left of the learner's slice for it to change.
  Slice without_normaliser(const Slice& slice) const;

  void visit(auto& archive) { archive(rows_); }

 private:
  TrainingContext context_;
  const DecisionHead* head_;  // null: none that the learner learns
  std::vector<float> rows_;
};

}  // namespace scout
