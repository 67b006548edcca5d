// Runs that ask for points as they like, one or more: they go on in rounds, and share what they find.
#pragma once

#include <memory>
#include <vector>

#include "scout/optimizer/batch.h"
#include "scout/optimizer/record.h"
#include "scout/policy/rule/update_rule.h"

namespace scout {

/// In a round every explorer asks one question; all are evaluated as one batch; then each takes in its own answer, and hears
/// what the others found. The first begins at x0, the others at points that fill the region evenly. The budget is shared out
/// evenly; calls that one has no use for go to others.
class Explorers {
 public:
  /// `evaluate` is called once a round. All have to outlive it.
  Explorers(const EvaluateBatch& evaluate, std::span<const double> x0, const MinimizeOptions& options, const Region& region,
            const Stepper& stepper, MinimizeRecord& record, MinimizeSummary& summary);

  void minimize();

 private:
  struct Explorer {
    std::unique_ptr<RuleRun> run{};
    int number = 1;
    std::uint64_t seed = 0;
    std::int64_t left = 0;                    // calls of its share of the budget
    std::vector<double> theta{}, gradient{};  // the latest point, and ∇f there [N]
    double value = 0;
    bool wants_gradient = false;
  };
  using Some = std::vector<Explorer*>;

  void start();
  /// Those that have calls left; what others have no use for goes to them.
  Some asking();
  void propose(const Some& asking);
  /// Evaluates their points. Returns false if the run is over.
  bool evaluate(const Some& asking);
  void observe(const Some& asking);
  /// They hear what the others of them found.
  void hear(const Some& told);

  const EvaluateBatch& evaluate_;
  const MinimizeOptions& options_;
  const Region& region_;
  const Stepper& stepper_;
  MinimizeRecord& record_;
  MinimizeSummary& summary_;
  std::vector<double> full_;  // a point with its fixed coordinates [M]
  std::vector<Explorer> explorers_;
  Batch batch_;
  ProposalScratch scratch_;
};

}  // namespace scout
