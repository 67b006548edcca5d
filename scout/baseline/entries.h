// The baselines, one row each; `optimizers()` in table.h lists them. A baseline is one .cc file that defines its entry: to
// add one, copy random_search.cc, declare the entry here, and list it in table.cc.
#pragma once

#include "scout/optimizer/optimizer.h"

namespace scout::baseline {

// first_order.cc: torch::optim, gradients only (1 call a step).
extern const OptimizerEntry sgd;
extern const OptimizerEntry momentum;
extern const OptimizerEntry nesterov;
extern const OptimizerEntry adagrad;
extern const OptimizerEntry rmsprop;
extern const OptimizerEntry adam;
extern const OptimizerEntry adamw;

// lbfgs.cc: torch::optim.
extern const OptimizerEntry lbfgs;             // f and ∇f
extern const OptimizerEntry lbfgs_fixed_step;  // ∇f alone

// multistart.cc
extern const OptimizerEntry multistart_sgd;
extern const OptimizerEntry multistart_momentum;
extern const OptimizerEntry multistart_rmsprop;
extern const OptimizerEntry multistart_adam;
extern const OptimizerEntry multistart_lbfgs;

// nlopt.cc
extern const OptimizerEntry nlopt_lbfgs_multistart;
extern const OptimizerEntry nlopt_mlsl;
extern const OptimizerEntry nlopt_crs2;
extern const OptimizerEntry nlopt_stogo;

// pagmo.cc: values only.
extern const OptimizerEntry pagmo_cmaes;
extern const OptimizerEntry pagmo_de1220;

// Naive exploration.
extern const OptimizerEntry random_search;
extern const OptimizerEntry epsilon_greedy_sgd;

}  // namespace scout::baseline
