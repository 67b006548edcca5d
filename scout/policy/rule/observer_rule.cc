#include "scout/policy/rule/observer_rule.h"

#include <algorithm>
#include <stdexcept>

#include "scout/policy/rule/action.h"

namespace scout {
namespace {

const Observation& with_value(const Observation& point) {
  if (!point.f) throw std::invalid_argument("a rule for functions needs f of every point");
  return point;
}

class ObserverStepper : public Stepper {
 public:
  ObserverStepper(const UpdateRule& rule, ObserverRule::NewObserver new_observer, std::span<const float> parameters)
      : actor_(*rule.actor()), new_observer_(std::move(new_observer)), parameters_(parameters.begin(), parameters.end()) {
    if (rule.decisions() != nullptr) decisions_ = std::make_shared<DecisionHead>(*rule.decisions());
  }

  std::unique_ptr<RuleRun> new_run(int dimension) const override { return new_observer_(dimension, decisions_); }

  void decide(std::span<RuleRun* const> runs, ProposalScratch& scratch) const override {
    if (decisions_ != nullptr) decide_due(*decisions_, parameters_, runs, scratch);
  }

  void propose(std::span<RuleRun* const> runs, ProposalScratch& scratch) const override {
    std::size_t rows = 0;
    for (const RuleRun* run : runs) rows += run->rows();
    scratch.features.resize(rows * static_cast<std::size_t>(actor_.features()));
    scratch.actions.resize(rows * static_cast<std::size_t>(actor_.actions()));
    float* features = scratch.features.data();
    for (const RuleRun* run : runs) {
      static_cast<const Observer*>(run)->write(features);
      features += run->rows() * run->features();
    }
    actor_.forward(parameters_.data(), scratch.features.data(), static_cast<int>(rows), scratch.trace,
                   scratch.actions.data());
    const float* action = scratch.actions.data();
    for (RuleRun* run : runs) {
      const std::span<float> actions = run->actions();
      std::copy_n(action, actions.size(), actions.begin());
      run->orient(actions);
      action += actions.size();
    }
  }

 private:
  Actor actor_;
  std::shared_ptr<const DecisionHead> decisions_;
  ObserverRule::NewObserver new_observer_;
  std::vector<float> parameters_;
};

}  // namespace

void decide_due(const DecisionHead& head, std::span<const float> parameters, std::span<RuleRun* const> runs,
                ProposalScratch& scratch) {
  scratch.due.clear();
  for (RuleRun* run : runs) {
    if (run->decision_due()) scratch.due.push_back(run);
  }
  if (scratch.due.empty()) return;
  const auto inputs = static_cast<std::size_t>(head.inputs());
  const auto size = static_cast<std::size_t>(head.size());
  scratch.features.resize(scratch.due.size() * inputs);
  scratch.decisions.resize(scratch.due.size() * size);
  float* row = scratch.features.data();
  for (const RuleRun* run : scratch.due) run->write_decision_features(row), row += inputs;
  head.decide(parameters.data() + head.offset(), scratch.features.data(), static_cast<int>(scratch.due.size()), scratch.head,
              scratch.decisions.data());
  const float* decision = scratch.decisions.data();
  for (RuleRun* run : scratch.due) std::copy_n(decision, size, run->decision().begin()), decision += size;
}

void Observer::start(const Observation& first, const RunFrame& frame) {
  scales_.assign(actions_.size(), frame.scale);
  std::copy(frame.scales.begin(), frame.scales.end(), scales_.begin());
  std::fill(actions_.begin(), actions_.end(), 0.0F);
  std::fill(decision_.begin(), decision_.end(), 0.0F);
  step_ = 0;
  horizon_ = frame.horizon;
  begin(with_value(first), frame);
}

void Observer::observe(const Observation& next) {
  ++step_;
  take_in(with_value(next));
}

void Observer::apply(std::span<double> theta) const {
  for (std::size_t i = 0; i < actions_.size(); ++i) {
    theta[i] += scales_[i] * static_cast<double>(linear_ ? actions_[i] : decode_action(actions_[i]));
  }
}

void Observer::write_features(std::span<const std::size_t> rows, float* out) const {
  bool all = rows.size() == this->rows();
  for (std::size_t i = 0; all && i < rows.size(); ++i) all = rows[i] == i;
  if (all) return write(out);
  const std::size_t width = features();
  std::vector<float> all_features(this->rows() * width);
  write(all_features.data());
  for (const std::size_t row : rows) out = std::copy_n(all_features.data() + row * width, width, out);
}

void Observer::write_actions(std::span<const std::size_t> rows, float* out) const {
  std::vector<float> oriented = actions_;
  orient(oriented);
  for (const std::size_t row : rows) out = std::copy_n(oriented.data() + row * row_actions_, row_actions_, out);
}

void Observer::restore(ArchiveReader& archive) {
  const std::size_t dimension = actions_.size();
  const std::size_t decisions = decision_.size();
  archive(scales_, actions_, decision_, step_, horizon_);
  if (actions_.size() != dimension || scales_.size() != dimension) archive.fail("a run of another number of coordinates");
  if (decision_.size() != decisions) archive.fail("a run with another number of decisions");
}

std::shared_ptr<const Stepper> ObserverRule::make_stepper(std::span<const float> parameters) const {
  return std::make_shared<ObserverStepper>(*this, new_observer_, parameters);
}

}  // namespace scout
