// What is asked of the training of networks: steps to Adam's loss, spread over initialisations, when meta-training is paid.
// Pure functions of results whose tasks are all of that kind (Results::training).
#pragma once

#include <optional>

#include "scout/bench/tables/results.h"

namespace scout::bench {

/// The value that the name of a network problem gives to an axis, e.g. "he" for "init" in "mlp-mnist:hidden=32,init=he";
/// empty if it does not name the axis.
std::string axis_value(const std::string& problem, const std::string& axis);
/// The name without that axis.
std::string without_axis(const std::string& problem, const std::string& axis);

/// The median over the runs of a cell of one of their metrics, e.g. "held-out-accuracy"; nothing if no run has it.
std::optional<double> median_metric(const Cell& cell, std::string_view metric);
/// The median over the runs of the share of unseen examples that are classified right, in %; -infinity if no run has it.
double accuracy(const Cell& cell);
/// The median over the runs of the wall clock, and of the optimizer's own share of it, in [0, 1].
struct WallClock {
  double seconds;
  double own_share;
};
WallClock wall_clock(const Cell& cell);

/// One step of an optimizer beside one of torch's Adam on the same weights.
struct StepRatio {
  double seconds;
  double time;    ///< × Adam's
  double bytes;   ///< of state, a weight
  double memory;  ///< × Adam's
};
/// Nothing if it was not measured.
std::optional<StepRatio> step_ratio(const Results& results, std::size_t row, std::size_t task);

/// How soon the optimizers reach the loss that tuned Adam, its rate constant, ends with on one task.
struct Milestone {
  const OptimizerRow* rival;  ///< the row with method adam and a constant rate that ends lowest; null if there is none
  double loss;                ///< its median final loss
  std::vector<double> steps;  ///< by row: median over the runs of the steps to the first judged point with at most this loss
  std::vector<double> samples;  ///< as `steps`, in training examples
  double rival_steps;           ///< the rival's own, at most the steps that it made in all

  /// How many times fewer steps than the rival row number `row` needs; 0 if it does not reach the loss.
  double speed_up(std::size_t row) const;
};
Milestone milestone(const Results& results, std::size_t task);
/// Of every task; empty if there is a rival on none.
std::vector<Milestone> milestones(const Results& results);

/// Tasks that differ in the initialisation alone.
struct InitialisationGroup {
  std::string problem;  ///< without the axis
  std::int64_t budget;
  std::vector<std::size_t> tasks;  ///< at least two
};
std::vector<InitialisationGroup> initialisation_groups(const Results& results);

/// The median final losses of a row over the initialisations of a group.
struct Robustness {
  double best;
  double worst;
  std::string worst_initialisation;
};
Robustness robustness(const OptimizerRow& row, const InitialisationGroup& group, const Results& results);

/// After how many uses, runs of the suite's tasks, the meta-training of a policy is paid by what a use saves over the rival
/// on the way to its loss. A task on which the policy does not reach it saves nothing. Infinity: never; nothing: not known.
struct Payback {
  std::optional<double> by_steps;    ///< evaluations of the meta-training against steps
  std::optional<double> by_seconds;  ///< its wall clock against the runs'
};
Payback payback(const Results& results, std::size_t row);

/// The tables of a suite of networks, as plain text for a terminal.
std::string networks_text(const Results& results);
/// One sentence: who wins, where, by how much.
std::string networks_headline(const Results& results);

}  // namespace scout::bench
