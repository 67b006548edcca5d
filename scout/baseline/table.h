// Every baseline by name. A baseline is one .cc file that defines its entry: to add one, copy random_search.cc, declare the
// entry here, and list it in table.cc.
#pragma once

#include "scout/optimizer/optimizer.h"

namespace scout {
namespace baseline {

// first_order.cc: torch::optim, gradients only (1 call a step).
extern const OptimizerEntry sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, adamw_decay, nesterov_decay;
// NAME.cc, on tensors (tensor_method.h), gradients only; those behind the first of a line are untuned.
extern const OptimizerEntry nadamw, nadamw_algoperf, nadamw_list_1, nadamw_list_2, nadamw_list_10;
extern const OptimizerEntry ademamix, ademamix_default, ademamix_algoperf;
extern const OptimizerEntry schedule_free_adamw, schedule_free_adamw_default, schedule_free_adamw_algoperf;
extern const OptimizerEntry lion, mars, soap, muon;
// parameter_free.cc, likewise; untuned.
extern const OptimizerEntry prodigy, dowg;
// lbfgs.cc: torch::optim, on f and ∇f, and on ∇f alone.
extern const OptimizerEntry lbfgs, lbfgs_fixed_step;
// multistart.cc
extern const OptimizerEntry multistart_sgd, multistart_momentum, multistart_rmsprop, multistart_adam, multistart_lbfgs;
// nlopt.cc
extern const OptimizerEntry nlopt_lbfgs_multistart, nlopt_slsqp_multistart, nlopt_lbfgs_unit_box, nlopt_slsqp_unit_box,
    nlopt_tiktak, nlopt_mlsl, nlopt_crs2, nlopt_stogo;
// pagmo.cc: values only.
extern const OptimizerEntry pagmo_cmaes, pagmo_de1220;
// Naive exploration.
extern const OptimizerEntry random_search, epsilon_greedy_sgd;

}  // namespace baseline

/// Every baseline, in the order of a listing.
const std::vector<OptimizerEntry>& optimizers();

/// The row named `name`; std::invalid_argument that lists the names if there is none.
const OptimizerEntry& optimizer_entry(std::string_view name);

}  // namespace scout
