// The rule "control": strong primitives, and a network that decides which of them a run goes on with (control_run.h).
//
// Its parameters are the context head of the rule of coordinates, which is one of the primitives, and the head that decides.
// Untrained, it follows a simple rule; what is learnt are offsets to that.
#include "scout/policy/control/control_run.h"
#include "scout/policy/rules.h"

namespace scout {
namespace {

RuleOptions inner_options(const RuleOptions& options) {
  return {.step_scale = options.step_scale, .decisions = 1, .decision_hidden = {1}, .by_coordinate = false};
}

class ControlStepper final : public Stepper {
 public:
  ControlStepper(const UpdateRule& rule, const UpdateRule& inner, std::span<const float> parameters)
      : head_(*rule.decisions()),
        parameters_(parameters.begin(), parameters.end()),
        step_scale_(rule.step_scale()),
        outputs_(static_cast<std::size_t>(inner.decisions()->size())) {
    // What the inner rule's own head would decide is decided here.
    std::vector<float> of_inner(inner.parameter_count(), 0.0F);
    std::copy_n(parameters.begin(), inner.actor()->parameter_count(), of_inner.begin());
    inner_ = inner.with(of_inner);
  }

  std::unique_ptr<RuleRun> new_run(int dimension) const override {
    return std::make_unique<ControlRun>(dimension, inner_, step_scale_, outputs_);
  }
  void decide(std::span<RuleRun* const> runs, ProposalScratch& scratch) const override {
    decide_due(head_, parameters_, runs, scratch);
  }
  void propose(std::span<RuleRun* const> runs, ProposalScratch&) const override {
    for (RuleRun* run : runs) static_cast<ControlRun*>(run)->plan();
  }

 private:
  DecisionHead head_;
  std::vector<float> parameters_;
  double step_scale_;
  std::size_t outputs_;
  std::shared_ptr<const Stepper> inner_;
};

class ControlRule final : public UpdateRule {
 public:
  explicit ControlRule(const RuleOptions& options) : ControlRule(options, make_rule(inner_options(options))) {}

  std::size_t parameter_count() const override {
    return inner_->actor()->parameter_count() + decisions()->parameter_count();
  }
  std::vector<float> initial_parameters(Random& random) const override {
    std::vector<float> out = inner_->initial_parameters(random);
    out.resize(inner_->actor()->parameter_count());
    const std::vector<float> head = decisions()->initial_parameters(random);
    out.insert(out.end(), head.begin(), head.end());
    return out;
  }

 protected:
  std::shared_ptr<const Stepper> make_stepper(std::span<const float> parameters) const override {
    return std::make_shared<ControlStepper>(*this, *inner_, parameters);
  }

 private:
  ControlRule(const RuleOptions& options, std::shared_ptr<const UpdateRule> inner)
      : UpdateRule("control/1", options.step_scale, {},
                   DecisionHead(static_cast<int>(ControlRun::decision_inputs()), options.decision_hidden,
                                std::vector<float>(
                                    ControlRun::decision_size(static_cast<std::size_t>(inner->decisions()->size())), 1.0F),
                                1, DecisionHead::Stretches::equal, inner->actor()->parameter_count())),
        inner_(std::move(inner)) {}

  std::shared_ptr<const UpdateRule> inner_;
};

}  // namespace

RuleEntry control_rule() {
  return {"control",
          "functions of any M: strong primitives, and a network that decides which of them go on",
          {"step_scale", "decisions", "decision_hidden"},
          make_rule_of<ControlRule>};
}

}  // namespace scout
