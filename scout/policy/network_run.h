// A network policy on a plain vector of weights: how runs on problems are rolled out, without LibTorch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "scout/policy/network_stepper.h"
#include "scout/policy/policy.h"

namespace scout {

/// One run of a policy of form "network" on M weights, which are one tensor to it. The fused step of LearnedOptimizer.
class NetworkRun {
 public:
  /// `horizon`: the steps that the run will make; 0 if that is not known. Throws std::invalid_argument if the policy is of
  /// another form.
  NetworkRun(std::shared_ptr<const Policy> policy, std::size_t size, std::int64_t horizon);

  /// Moves θ [M] by a step, given ∇f [M] and f there. A component of ∇f that is not finite counts as 0; an f that is not
  /// finite is passed over.
  void step(std::span<double> theta, std::span<const double> gradient, double f);

 private:
  std::shared_ptr<const Policy> policy_;
  NetworkStepper stepper_;
  RunRecord run_;
  TensorRecord tensor_;
  TensorShape shape_;
  std::vector<std::uint16_t> state_;  // momenta and second moment, [kMomenta + 1, M], bfloat16
  std::vector<float> weights_, gradient_, delta_;
};

}  // namespace scout
