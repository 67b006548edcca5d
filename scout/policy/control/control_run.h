// A run under a controller: blocks of oracle calls, each shared out among primitives.
//
// At the beginning of a block the rule decides (DecisionHead) what share of its calls each primitive gets, how long the
// block is, and how far from the best point moves go. A decision of zeros leaves what a simple rule says (`usual_shares`);
// others shift its logarithms. Within the block the primitive that is owed most is asked, and told, until the block is over.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "scout/policy/control/primitive.h"
#include "scout/policy/rule/update_rule.h"

namespace scout {

class ControlRun final : public RuleRun {
 public:
  /// Numbers of a decision: a share for each primitive, the length of the block, the radius; then what is decided for runs
  /// of the rule of coordinates.
  static std::size_t decision_size(std::size_t outputs) { return primitive_table().size() + 2 + outputs; }
  static std::size_t decision_inputs();

  /// `stepper`: of the rule of coordinates, for which `outputs` numbers are decided.
  ControlRun(int dimension, std::shared_ptr<const Stepper> stepper, double step_scale, std::size_t outputs);

  void start(const Observation& first, const RunFrame& frame) override;
  void observe(const Observation& next) override;
  std::span<float> actions() override { return {}; }
  /// Moves θ to the next question.
  void apply(std::span<double> theta) const override;
  bool asks() const override { return true; }
  bool wants_gradient() const override { return question_.gradient; }
  /// Where a gradient costs more than a value, what does not cover one goes to values.
  bool over() const override { return left() < (shared_.gradient_price > 1 ? 1 : 1 + shared_.gradient_price); }
  void grant(std::int64_t calls) override;
  void hear(std::span<const RuleRun* const> others) override;
  std::span<float> decision() override { return decision_; }
  bool decision_due() const override { return calls() >= block_end_; }
  std::size_t rows() const override { return 0; }
  std::size_t features() const override { return 0; }
  void write_features(std::span<const std::size_t>, float*) const override {}
  void write_actions(std::span<const std::size_t>, float*) const override {}
  std::size_t decision_features() const override { return decision_inputs(); }
  void write_decision_features(float* out) const override;
  void save(ArchiveWriter& archive) const override;
  void restore(ArchiveReader& archive) override;

  /// Begins a block, if one is due, by the decision; and says what to ask next.
  void plan();

  const Memory& memory() const { return shared_.memory; }
  double calls() const { return shared_.calls; }
  /// Of each primitive.
  std::vector<double> calls_by_primitive() const;

 private:
  struct Account {
    std::unique_ptr<Primitive> primitive;
    double owed = 0;   ///< calls
    double calls = 0;  ///< made
    double gain = 0;   ///< in the latest block, in spreads
    double trend = 0;  ///< of gains, over its blocks
    int idle = 50;     ///< blocks since it was last asked
  };

  void visit(auto& archive) {
    archive(lower_, width_, least_, most_, budget_, shared_, decision_, asked_, pending_, lost_, point_, gradient_);
    archive(block_begin_, block_end_, value_before_, last_gain_, blocks_, idle_blocks_, best_by_);
  }

  /// Shares before the decision shifts them.
  std::vector<double> usual_shares() const;
  /// Asks the primitive whose turn it is.
  void ask();
  void begin_block();
  void end_block();
  double left() const { return std::max(0.0, budget_ - shared_.calls); }

  std::size_t dimension_;
  std::shared_ptr<const Stepper> stepper_;
  double step_scale_;
  std::vector<double> lower_, width_;  ///< of the box, [M]
  std::vector<double> least_, most_;   ///< bounds of θ, [M]
  double budget_ = 1;
  Workspace shared_;
  std::vector<Account> accounts_;
  std::vector<float> decision_;
  Question question_;
  std::uint64_t asked_ = 0;               ///< the primitive
  bool pending_ = false;                  ///< whether it waits for an answer
  bool lost_ = false;                     ///< whether the primitive asked for no number, and another point took its place
  std::vector<double> point_, gradient_;  ///< the latest answer's, in the box
  double block_begin_ = 0, block_end_ = 0, value_before_ = 0, last_gain_ = 0;
  int blocks_ = 0, idle_blocks_ = 0;
  std::uint64_t best_by_ = 0;
};

}  // namespace scout
