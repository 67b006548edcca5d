// The LSTM optimizer of Andrychowicz et al. 2016, "Learning to learn by gradient descent by gradient descent", as a rule of
// weights: each weight has a small recurrent network of its own state, whose parameters all share. It sees the weight's
// gradient, and puts out the step:
//
//     Δθ = s · network(preprocess(∂f/∂θ), state)
//
// with s the option `step_scale`. The paper's networks: two layers of 20 cells; no preprocessing and s = 1 for quadratics;
// k = 5 and s = 0.01 for networks (as in their code; the paper says k = 10).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "scout/policy/lstm/deep_lstm.h"
#include "scout/policy/rules.h"
#include "scout/policy/weight/weight_stepper.h"

namespace scout {

class LstmRule : public UpdateRule {
 public:
  explicit LstmRule(const RuleOptions& options);
  bool for_weights() const override { return true; }
  std::size_t parameter_count() const override { return network_.parameter_count(); }
  /// Without layers, zeros. Else normal numbers, cut off at two deviations of 1/√fan-in, for weights and biases alike; of
  /// the read-out's two signs, which are equally likely, the one that goes against the gradient.
  std::vector<float> initial_parameters(Random& random) const override;

  const DeepLstm& network() const { return network_; }
  /// 0: none; see `preprocess_gradient`.
  double preprocess() const { return preprocess_; }

 protected:
  std::shared_ptr<const Stepper> make_stepper(std::span<const float> parameters) const override;

 private:
  double preprocess_;
  DeepLstm network_;
};

}  // namespace scout
