// The interface of learners. A training names its learners; the trainer is the loop around them, and knows none by name.
//
// In a round each learner says which rollouts it wants, digests what came of them, wherever that was, takes the findings in,
// and learns: it changes its own slice of the parameters that all learners share.
#pragma once

#include "scout/train/learner/rollout.h"
#include "scout/train/learner/tasks.h"

namespace scout {

/// A contiguous part of the parameters: [begin, end).
struct Slice {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size() const { return end - begin; }
  bool overlaps(const Slice& other) const { return begin < other.end && other.begin < end; }
  /// Its part of all parameters.
  auto of(auto& parameters) const { return std::span(parameters).subspan(begin, size()); }
};

/// The parameters of the rule, shared by all learners. A learner changes its slice of both.
struct SharedParameters {
  std::vector<float> acting;  ///< what rollouts act with
  std::vector<float> kept;    ///< what is judged and kept: running averages of the former

  /// Moves the kept parameter number i by a share of the way to the acting one.
  void average(std::size_t i, double share) { kept[i] += static_cast<float>(share) * (acting[i] - kept[i]); }
};

/// What a learner is given. Everything lives longer than the learner.
struct TrainingContext {
  std::string name;  ///< the learner's, in LearnerEntry
  const TrainOptions& options;
  Seed seed;
  RankOf rank;
  const UpdateRule& rule;
  const EpisodeOptions& episode;
  const Tasks& tasks;
  SharedParameters& parameters;
  ThreadTeam& team;
  /// Whether any learner takes in trajectories of the policy.
  bool trajectories_wanted = false;
};

/// One line of the training log.
struct RoundReport {
  std::int64_t round = 0;
  std::int64_t evaluations = 0;   ///< of training instances, so far
  std::vector<Metric> metrics{};  ///< what the learners say of the round
  bool validated = false;
  double validation_score = 0;              ///< mean log10 of the final gap over the start's gap; lower is better
  std::vector<double> validation_scores{};  ///< the score by problem
  std::vector<double> validation_gaps{};    ///< median final gap, in the problem's own units, by problem
  bool best = false;                        ///< the best validation score so far
  EnsembleSummary ensembles{};              ///< totals over the round's ensembles
  double staleness = 0;                     ///< rounds that the learner was ahead of the parameters that acted, on average
  std::int64_t dropped = 0;                 ///< units refused because they were too stale

  /// 0 if no learner says it.
  double metric(std::string_view name) const {
    for (const Metric& metric : metrics) {
      if (metric.name == name) return metric.value;
    }
    return 0;
  }
};

class Learner {
 public:
  virtual ~Learner() = default;

  /// The parameters that it owns.
  virtual Slice slice() const = 0;
  /// The rollouts that it wants made in a window of units. `observe`, if not empty, is told of the first ensemble's
  /// explorers.
  virtual std::vector<Rollout> ask(const Window& window, const ObserveExplorers& observe) = 0;
  /// What is to be kept of these rollouts, which may have been made on another rank than the one that learns.
  virtual Findings digest(std::vector<Rollout> done) = 0;
  /// Takes findings in. `own` are this learner's, `all` those of every learner; what it uses of these it may move from.
  virtual void take(Findings& own, std::span<Findings> all) = 0;
  /// One round of learning: changes its slice of the parameters and says in the report what it did.
  virtual void learn(std::int64_t round, RoundReport& report) = 0;

  /// Everything that continues the learning.
  virtual void save(ArchiveWriter& archive) const = 0;
  virtual void restore(ArchiveReader& archive) = 0;
  /// What rollouts on other ranks need to know besides the acting parameters.
  virtual void share([[maybe_unused]] ArchiveWriter& archive) const {}
  virtual void adopt([[maybe_unused]] ArchiveReader& archive) {}
};

/// A row of the table of learners.
struct LearnerEntry {
  const char* name;
  const char* summary;
  /// The options that it uses, by the beginnings of their keys.
  std::vector<std::string> options;
  bool takes_trajectories;  ///< of the policy, from any learner's rollouts
  std::unique_ptr<Learner> (*make)(const TrainingContext& context);
  /// The learner's own options, below its name in a CONFIG; null if they stand in TrainOptions.
  std::vector<OptionDescription> (*describe)(const nlohmann::json& values) = nullptr;
};

const std::vector<LearnerEntry>& learner_table();

/// A learner of this class (LearnerEntry::make).
template <class Class>
std::unique_ptr<Learner> make_learner(const TrainingContext& context) {
  return std::make_unique<Class>(context);
}
/// Reads the options of a learner that has its own (LearnerEntry::describe).
template <class Options>
Options own_options(const TrainingContext& context) {
  Options out;
  const auto& others = context.options.others;
  if (const auto found = others.find(context.name); found != others.end()) set_options(out, found->second);
  return out;
}
/// Checks values of a learner's own options, and describes the options. Throws std::invalid_argument.
template <class Options>
std::vector<OptionDescription> described(const nlohmann::json& values) {
  Options options;
  set_options(options, values);
  return describe_options<Options>();
}

/// The slice with this name: "all" of the actor's parameters, "head" (the context head) or "body" (the rest); or
/// "decisions", those of the decision head. Empty where the rule has none of them.
Slice slice_of(const UpdateRule& rule, std::string_view name);

}  // namespace scout
