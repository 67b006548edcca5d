// Any optimizer, run again and again from fresh starts.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "scout/optimizer/optimizer.h"

namespace scout::baseline {

/// Runs `inner` from the given start, then from the instance's start distribution. Run k of the first `starts` may use an
/// equal share of what is left of the budget; if runs end early by themselves, further ones follow until the budget is used.
/// So starts = 1 means: restart on convergence.
class MultiStart : public Optimizer {
 public:
  MultiStart(std::unique_ptr<Optimizer> inner, int starts) : inner_(std::move(inner)), starts_(starts) {}
  Ending run(Oracle& oracle, std::span<const double> start, Seed seed) const override;

 private:
  std::unique_ptr<Optimizer> inner_;
  int starts_;
};

/// A MultiStart of what `make_inner` makes of the settings other than "starts".
std::unique_ptr<Optimizer> make_multistart(std::unique_ptr<Optimizer> (*make_inner)(const nlohmann::json&),
                                           const nlohmann::json& settings);

}  // namespace scout::baseline
