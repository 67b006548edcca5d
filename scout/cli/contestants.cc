#include "scout/cli/contestants.h"

#include "scout/baseline/table.h"
#include "scout/optimizer/policy_optimizer.h"
#include "scout/policy/shipped.h"

namespace scout {
namespace {

/// Of all that a policy's runs depend on: not of when and how it was trained.
std::string fingerprint(const Policy& policy) {
  PolicyDescription description = policy.description();
  description.provenance = nlohmann::json::object();
  const auto bytes = Policy(description, policy.parameters()).to_bytes();
  return bench::hash_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

bench::Contestant resolve_contestant(std::string_view name) {
  if (!name.starts_with(kPolicyPrefix)) return bench::contestant(optimizer_entry(name));
  const auto policy = policy_or_file(std::string(name.substr(kPolicyPrefix.size())));
  const auto& provenance = policy->description().provenance;
  nlohmann::json cost = nlohmann::json::object();
  for (const auto& [fact, known] : {std::pair{"seconds", "training_seconds"}, {"evaluations", "evaluations"}}) {
    if (provenance.contains(known)) cost[fact] = provenance.at(known);
  }
  return {.name = std::string(name),
          .fingerprint = fingerprint(*policy),
          .grid = {nlohmann::json::object()},
          .make = [policy](const nlohmann::json&) { return std::make_unique<PolicyOptimizer>(policy); },
          .training_cost = cost};
}

}  // namespace scout
