// Supervised learning of a policy from the controllers that guide it.
#pragma once

#include "scout/nn/update.h"
#include "scout/policy/rule/actor.h"
#include "scout/train/guided/linear_gaussian.h"

namespace scout {

/// What a policy is to do.
struct Lessons {
  std::vector<float> features{};      ///< [rows, features]
  std::vector<float> actions{};       ///< [rows, actions]
  std::vector<std::size_t> weight{};  ///< of a row, by its number among
  std::vector<MatrixXd> weights{};    ///< precisions P [actions, actions]

  std::size_t rows() const { return weight.size(); }
};

struct ImitationOptions {
  int updates = 500;
  int batch = 64;
  double learning_rate = 1e-3;
};

/// The mean over rows of ½ (π(features) - a)ᵀ P (π(features) - a).
double imitation_loss(const Actor& actor, const std::vector<float>& parameters, const Lessons& lessons);

/// π at every row [rows, actions].
std::vector<float> actions_of(const Actor& actor, const std::vector<float>& parameters, const std::vector<float>& features);

/// Descends that loss by Adam, on random batches. `parameters`: all of the actor's.
void imitate(const Actor& actor, const Lessons& lessons, const ImitationOptions& options, Random random, Adam& adam,
             std::vector<float>& parameters);

}  // namespace scout
