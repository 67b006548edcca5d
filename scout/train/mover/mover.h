// Movers: what chooses the actions of an episode in training, instead of the rule or on top of it.
#pragma once

#include "scout/train/episode/episode.h"

namespace scout {

/// Sees an episode, and changes what its rule proposes: the decision that it has just made, or the coming step's actions.
class Mover {
 public:
  virtual ~Mover() = default;
  /// Before the rule is asked.
  virtual void prepare([[maybe_unused]] Episode& episode) {}
  virtual void decide([[maybe_unused]] Episode& episode) {}
  virtual void move([[maybe_unused]] Episode& episode) {}
};

/// How much a policy's episodes are disturbed.
struct NoiseOptions {
  double deviation = 0;     ///< of the noise on actions
  double memory = 0.95;     ///< weights: share of a tensor's noise that is left at the next step
  double weight_noise = 0;  ///< weights: noise on the steps of single recorded weights, as a share of that on whole tensors
};

/// Normal noise on every number of every decision, the same for all its rows: a tensor that alone goes further only seems to
/// gain by it. `memory`: the share of the last decision's noise that is left; 0: independent, else a stationary
/// Ornstein-Uhlenbeck process, seen at each decision (Lillicrap et al. 2015, section 7: θ = 1 - memory).
std::unique_ptr<Mover> decision_noise(double deviation, Random random, double memory = 0);
/// Independent normal noise on every action, for rules for functions.
std::unique_ptr<Mover> action_noise(const NoiseOptions& options, Random random);
/// For rules of weights: the step of each tensor times a factor that wanders about 1 and, if asked for, independent noise on
/// the steps of the recorded weights. A weight that alone goes further only seems to gain by it: the loss curves along what
/// all weights do together.
std::unique_ptr<Mover> tensor_noise(const NoiseOptions& options, const std::vector<TensorShape>& tensors, Random random);

/// What explorers of a kind change: the coordinates of a function, the weights of a network, or decisions.
enum class Explored { coordinates, weights, decisions };

/// A mover of an exploration ensemble. It holds a direction that no other explorer holds. At each step, or each decision,
/// the ensemble lets it either move along that or do what it does otherwise, and has it judge the former.
class Explorer {
 public:
  virtual ~Explorer() = default;

  /// The rows of the rule that are recorded, `count` of them or, if `count` is 0, all.
  virtual Recording recording(std::size_t count, Random& random) const = 0;
  /// A life begins: the episode has been started.
  virtual void begin([[maybe_unused]] const Episode& episode, [[maybe_unused]] Random& random) {}
  /// Whether `explore` and `settle` start from the rule's proposal.
  virtual bool follows_rule() const { return true; }
  /// Whether it can take up another direction in the middle of a life.
  virtual bool prunable() const { return true; }
  /// Moves along its direction, by η in units of the largest action.
  virtual void explore(Episode& episode, double size) = 0;
  /// Moves as it does otherwise: as the rule proposes, if it says nothing else.
  virtual void settle([[maybe_unused]] Episode& episode, [[maybe_unused]] double size) {}
  /// What the last move along the direction has earned. Turns round where that was nothing.
  virtual double judge(const Episode& episode) = 0;

  /// Takes up a direction, by its number among those of its kind.
  virtual void hold(std::size_t direction, [[maybe_unused]] Random& random) { direction_ = direction; }
  std::size_t direction() const { return direction_; }

 private:
  std::size_t direction_ = 0;
};

/// The explorers of one kind, for one ensemble.
struct ExplorerKind {
  std::size_t directions;                               ///< that there are, numbered from 0
  std::function<std::unique_ptr<Explorer>()> explorer;  ///< makes one that holds none yet
};

/// What an ensemble's explorers act on.
struct ExplorerScope {
  const Instance& instance;
  std::size_t recorded;   ///< weights that are recorded of an explorer
  std::size_t decisions;  ///< numbers of a decision
  bool lives = false;     ///< functions: whether a direction keeps its sign for a life, and turns at the box's walls
};

/// A row of the table of explorers.
struct ExplorerEntry {
  const char* name;
  const char* summary;  ///< one line for `scout list explorers`
  Explored explored;
  ExplorerKind (*make)(const ExplorerScope& scope, Random& random);
};
std::string_view to_string(Explored explored);

/// Every kind of explorer.
const std::vector<ExplorerEntry>& explorer_table();

/// The numbers from 0 to `count`, shuffled.
std::vector<std::size_t> random_order(std::size_t count, Random& random);

}  // namespace scout
