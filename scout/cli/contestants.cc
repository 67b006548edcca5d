#include "scout/cli/contestants.h"

#include <algorithm>

#include "scout/baseline/table.h"
#include "scout/baseline/torch_meter.h"
#include "scout/optimizer/policy_optimizer.h"
#include "scout/policy/shipped.h"
#include "scout/problem/catalog/family.h"
#include "scout/torch/learned_optimizer.h"

namespace scout {
namespace {

/// A policy for the weights of networks, whose steps are metered as those of the LearnedOptimizer that a training loop has,
/// guard included.
class WeightPolicyOptimizer final : public PolicyOptimizer {
 public:
  explicit WeightPolicyOptimizer(const std::shared_ptr<const Policy>& policy) : PolicyOptimizer(policy), policy_(policy) {}

  std::unique_ptr<StepMeter> step_meter(const std::vector<TensorShape>& tensors, std::int64_t horizon) const override {
    const auto options = LearnedOptimizerOptions().policy(policy_).horizon(horizon).threads(1);
    return baseline::torch_meter(
        tensors,
        [&](const std::vector<at::Tensor>& parameters) { return std::make_unique<LearnedOptimizer>(parameters, options); },
        [](const torch::optim::Optimizer& optimizer) {
          return dynamic_cast<const LearnedOptimizer&>(optimizer).state_bytes();
        });
  }

 private:
  std::shared_ptr<const Policy> policy_;
};

std::unique_ptr<Optimizer> policy_optimizer(const std::shared_ptr<const Policy>& policy, int explorers, int threads) {
  if (policy->rule()->for_weights() && explorers == 1) return std::make_unique<WeightPolicyOptimizer>(policy);
  return std::make_unique<PolicyOptimizer>(policy, explorers, threads);
}

/// Of all that a policy's runs depend on: not of when and how it was trained.
std::string fingerprint(const Policy& policy) {
  PolicyDescription description = policy.description();
  description.provenance = nlohmann::json::object();
  const auto bytes = Policy(description, policy.parameters()).to_bytes();
  return bench::hash_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

std::string warning_of_kind(const std::string& name, const std::vector<std::string>& problems) {
  if (!name.starts_with(kPolicyPrefix)) return "";
  const auto policy = policy_or_file(name.substr(kPolicyPrefix.size()));
  const bool for_weights = policy->rule()->for_weights();
  const auto other =
      std::ranges::find_if(problems, [&](const auto& problem) { return family(problem)->of_networks() != for_weights; });
  if (other == problems.end()) return "";
  if (!for_weights) {
    return "note: " + name + " is for functions. On networks such as " + *other +
           " it pays for the loss beside each gradient, so a budget of N calls is N/2 steps; policies for networks are " +
           "'network', which comes with the library, and those of trainings such as configs/networks-small.toml";
  }
  return "note: " + name + " is for the weights of networks. On functions such as " + *other +
         " it follows the gradient, without exploring; a policy for functions is 'surfaces', which comes with the library";
}

bench::Contestant resolve_contestant(std::string_view name, int explorers, int threads) {
  if (!name.starts_with(kPolicyPrefix)) {
    const OptimizerEntry& entry = optimizer_entry(name);
    return {.name = entry.name, .fingerprint = entry.version, .grid = entry.grid(), .make = entry.make};
  }
  const auto policy = policy_or_file(std::string(name.substr(kPolicyPrefix.size())));
  const auto& provenance = policy->description().provenance;
  nlohmann::json cost = nlohmann::json::object();
  for (const auto& [fact, known] : {std::pair{"seconds", "training_seconds"}, {"evaluations", "evaluations"}}) {
    if (provenance.contains(known)) cost[fact] = provenance.at(known);
  }
  auto settings = nlohmann::json::object();
  if (explorers != 1) settings["explorers"] = explorers;
  return {.name = std::string(name),
          .fingerprint = fingerprint(*policy),
          .grid = {settings},
          .make = [=](const nlohmann::json&) { return policy_optimizer(policy, explorers, threads); },
          .training_cost = cost};
}

}  // namespace scout
