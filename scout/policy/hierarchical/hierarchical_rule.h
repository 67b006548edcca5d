// The hierarchical RNN optimizer of Wichrowska et al. 2017, "Learned optimizers that scale and generalize", as a rule of
// weights: see HierarchicalNetwork for the formulas. The option `step_scale` multiplies Δθ; theirs is 1.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "scout/policy/hierarchical/hierarchical_network.h"
#include "scout/policy/rules.h"
#include "scout/policy/weight/weight_stepper.h"

namespace scout {

class HierarchicalRule : public UpdateRule {
 public:
  explicit HierarchicalRule(const RuleOptions& options) : UpdateRule("hierarchical_rnn/1:gradient", options.step_scale) {}
  bool for_weights() const override { return true; }
  std::size_t parameter_count() const override { return HierarchicalNetwork::parameter_count(); }
  /// As the released code draws them.
  std::vector<float> initial_parameters(Random& random) const override {
    return HierarchicalNetwork::initial_parameters(random);
  }

 protected:
  std::shared_ptr<const Stepper> make_stepper(std::span<const float> parameters) const override;
};

}  // namespace scout
