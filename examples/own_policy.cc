// A policy for networks in a file of one's own: made here, where a training would make it, then saved, loaded and used.
#include <torch/torch.h>

#include <cstdio>
#include <exception>

#include "scout/policy/shipped.h"
#include "scout/torch/learned_optimizer.h"

/// Trains a net to tell two spirals apart; returns the last loss.
double train(const std::shared_ptr<const scout::Policy>& policy) {
  torch::manual_seed(1);
  const auto t = torch::rand({400}) * 6 + 0.5;
  const auto label = torch::randint(2, {400});
  const auto angle = t + label * M_PI;
  const auto x = torch::stack({t * angle.cos(), t * angle.sin()}, 1) / 3;
  torch::nn::Sequential model(torch::nn::Linear(2, 40), torch::nn::Tanh(), torch::nn::Linear(40, 40), torch::nn::Tanh(),
                              torch::nn::Linear(40, 2));
  scout::LearnedOptimizer optimizer(model->parameters(), scout::LearnedOptimizerOptions().policy(policy).horizon(600));
  double loss = 0;
  for (int step = 0; step < 600; ++step) {
    loss = optimizer
               .step([&] {
                 optimizer.zero_grad();
                 const auto value = torch::nn::functional::cross_entropy(model->forward(x), label);
                 value.backward();
                 return value;
               })
               .item<double>();
  }
  return loss;
}

int main() try {
  // The rule "weight", hidden layers of 8 and 8, and steps of 2 % of each tensor's scale where the outputs are zero.
  scout::PolicyDescription description;
  description.rule = {.rule = "weight", .hidden = {8, 8}, .step_scale = 0.02};
  description.horizon = 600;
  description.provenance = {{"made by", "examples/own_policy.cc"}};
  scout::Random random(scout::Seed(1));
  const auto rule = scout::make_rule(description.rule);
  scout::Policy(description, rule->initial_parameters(random)).save("own.scout");

  const auto own = scout::Policy::load("own.scout");
  std::printf("%zu parameters, provenance %s\n", own->parameters().size(), own->description().provenance.dump().c_str());
  const double shipped = train(scout::policy("network-base"));
  const double loss = train(own);
  std::printf("loss after 600 steps: %.4f with the file, %.4f with network-base; 0.69 is chance\n", loss, shipped);
  return loss < 0.3 ? 0 : 1;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "error: %s\n", error.what()), 1;
}
