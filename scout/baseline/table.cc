#include "scout/baseline/table.h"

#include <stdexcept>

#include "scout/base/names.h"

namespace scout {

const std::vector<OptimizerEntry>& optimizers() {
  using namespace baseline;
  static const std::vector<OptimizerEntry> table{
      sgd,
      momentum,
      nesterov,
      adagrad,
      rmsprop,
      adam,
      adamw,
      adamw_decay,
      nesterov_decay,
      nadamw,
      nadamw_algoperf,
      nadamw_list_1,
      nadamw_list_2,
      nadamw_list_10,
      ademamix,
      ademamix_default,
      ademamix_algoperf,
      schedule_free_adamw,
      schedule_free_adamw_default,
      schedule_free_adamw_algoperf,
      prodigy,
      dowg,
      lion,
      mars,
      soap,
      muon,
      lbfgs,
      lbfgs_fixed_step,
      multistart_sgd,
      multistart_momentum,
      multistart_rmsprop,
      multistart_adam,
      multistart_lbfgs,
      nlopt_lbfgs_multistart,
      nlopt_slsqp_multistart,
      nlopt_lbfgs_unit_box,
      nlopt_slsqp_unit_box,
      nlopt_tiktak,
      nlopt_mlsl,
      nlopt_crs2,
      nlopt_stogo,
      pagmo_cmaes,
      pagmo_de1220,
      random_search,
      epsilon_greedy_sgd,
  };
  return table;
}

const OptimizerEntry& optimizer_entry(std::string_view name) {
  std::vector<std::string> names;
  for (const OptimizerEntry& entry : optimizers()) {
    if (entry.name == name) return entry;
    names.emplace_back(entry.name);
  }
  throw std::invalid_argument("unknown optimizer '" + std::string(name) + "'" + did_you_mean(nearest_name(name, names)) +
                              " Known: " + join_names(names));
}

}  // namespace scout
