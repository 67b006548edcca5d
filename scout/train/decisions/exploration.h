// Ways of exploring in the space of decisions: who decides in the episodes that the learner "decisions" learns from, what
// is added to their rewards, and what learns from them.
#pragma once

#include "scout/policy/rule/decision_head.h"
#include "scout/train/decisions/options.h"
#include "scout/train/learner/learner.h"

namespace scout {

/// What a way of exploring is given. Everything lives longer than it.
struct ExplorationContext {
  const DecisionsOptions& options;
  const DecisionHead& head;
  Seed seed;
  ThreadTeam& team;
  Ddpg& ddpg;  ///< that learns the head, started from the policy
};

/// A mover of decisions that looks at what they are made of.
class DecisionMover : public Mover {
 public:
  /// `then`, if there is one, acts after it.
  explicit DecisionMover(std::shared_ptr<Mover> then = nullptr) : then_(std::move(then)) {}
  void decide(Episode& episode) final;
  /// rows [R, S], as they are before the head normalises them; decision [R, A]: the policy's, to be replaced.
  virtual void change(std::span<const float> rows, std::span<float> decision) = 0;

 private:
  std::shared_ptr<Mover> then_;
  std::vector<float> rows_;
};

/// A way of exploring. On every rank it makes movers; on the rank that learns it sees all that comes of episodes before that
/// is replayed, and makes the updates.
class Exploration {
 public:
  explicit Exploration(const ExplorationContext& context) : context_(context) {}
  virtual ~Exploration() = default;
  Exploration(const Exploration&) = delete;
  Exploration& operator=(const Exploration&) = delete;

  /// What changes the policy's decisions in one episode. `parameters`: the head's own, as they act.
  virtual std::shared_ptr<Mover> mover(std::span<const float> parameters, Random& random) const = 0;
  /// Adds to the rewards of what episodes have brought, before it is stored. Before the head has a normaliser there is
  /// nothing to see in it, and nothing is added.
  virtual void reward([[maybe_unused]] std::span<const float> parameters,
                      [[maybe_unused]] std::span<Trajectory> trajectories) {}
  /// An update of the networks, with a batch whose rows are normalised: DDPG's, where nothing else is said.
  virtual DdpgReport update(const Batch& batch, Random& random) { return context_.ddpg.update(batch, random); }
  /// A round's weight of imitation, and the factor of its learning rates.
  virtual void schedule(double imitation, double rates);
  /// The round's updates have been made.
  virtual void end_round() {}
  /// The network that is to act, and the one to be kept: the head's parameters without the normaliser.
  virtual const std::vector<float>& acting() const { return context_.ddpg.actor_parameters(); }
  virtual const std::vector<float>& kept() const { return context_.ddpg.averaged_parameters(); }
  /// Updates so far.
  virtual std::int64_t updates() const { return context_.ddpg.updates(); }
  /// What the log says of the round: always the same names.
  virtual void report([[maybe_unused]] std::vector<Metric>& metrics) const {}

  /// Everything that continues it, beside the context's DDPG.
  virtual void save([[maybe_unused]] ArchiveWriter& archive) const {}
  virtual void restore([[maybe_unused]] ArchiveReader& archive) {}
  /// What `mover` needs on other ranks.
  virtual void share([[maybe_unused]] ArchiveWriter& archive) const {}
  virtual void adopt([[maybe_unused]] ArchiveReader& archive) {}

 protected:
  const DecisionsOptions& options() const { return context_.options; }
  const DecisionHead& head() const { return context_.head; }
  /// Whether the head has a normaliser, with these of its own parameters.
  bool normalises(std::span<const float> parameters) const;
  std::size_t inputs() const { return static_cast<std::size_t>(context_.head.inputs()); }
  std::size_t actions() const { return static_cast<std::size_t>(context_.head.size()); }

  ExplorationContext context_;
};

/// A row of the table of ways of exploring.
struct ExplorationEntry {
  const char* name;
  const char* summary;  ///< one line for `scout list exploration`
  /// The options, by the beginnings of their keys below `decisions.`, that not all ways use and this one does; and those
  /// that all others use and this one does not.
  std::vector<std::string> used, unused;
  std::unique_ptr<Exploration> (*make)(const ExplorationContext& context);
};

const std::vector<ExplorationEntry>& exploration_table();

/// The way that the options name. Throws std::invalid_argument if there is none, or if an option differs from its default
/// that it does not use.
std::unique_ptr<Exploration> make_exploration(const ExplorationContext& context);

template <class Class>
std::unique_ptr<Exploration> make_exploration_of(const ExplorationContext& context) {
  return std::make_unique<Class>(context);
}

/// Decides by other parameters of the head than the policy's; then `noise`, if there is any, changes that.
std::shared_ptr<Mover> other_head(const DecisionHead& head, std::vector<float> parameters,
                                  std::shared_ptr<Mover> noise = nullptr);
/// Noise on decisions whose deviation is drawn log-uniformly, as DecisionsOptions say; `memory`: see decision_noise.
std::shared_ptr<Mover> drawn_noise(const DecisionsOptions& options, Random& random, double memory = 0);

}  // namespace scout
