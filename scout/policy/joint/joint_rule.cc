// The rule "joint": one network for all coordinates of a function of fixed, small M.
#include "scout/policy/joint/joint_observer.h"
#include "scout/policy/rule/observer_rule.h"
#include "scout/policy/rule/rule_entry.h"

namespace scout {
namespace {

class JointRule : public ObserverRule {
 public:
  explicit JointRule(const RuleOptions& options)
      : ObserverRule(
            Actor(JointObserver::feature_count(options.dimension, options.history, options.gradient), options.hidden,
                  options.dimension),
            [m = options.dimension, history = options.history, gradient = options.gradient](int dimension) {
              if (dimension != m) {
                throw std::invalid_argument("a joint policy for M = " + std::to_string(m) +
                                            " cannot minimise a function of M = " + std::to_string(dimension) +
                                            ": train one for this dimension, or use a policy of the rule \"coordinate\"");
              }
              return std::make_unique<JointObserver>(m, history, gradient);
            },
            options.gradient, options.step_scale,
            "joint/1:" + observed(options.gradient) + ":M=" + std::to_string(options.dimension) +
                ":H=" + std::to_string(options.history)) {}
};

}  // namespace

RuleEntry joint_rule() {
  return {"joint",
          "functions of one M: one network for all coordinates, on the last points as they are",
          {"dimension", "hidden", "gradient", "history", "step_scale"},
          [](const RuleOptions& options) -> std::shared_ptr<const UpdateRule> {
            if (options.dimension < 1) throw_bad_option("dimension", std::to_string(options.dimension), "at least 1");
            return std::make_shared<JointRule>(options);
          }};
}

}  // namespace scout
