// What a user of a policy writes. The policy here is untrained: its weights are those that training starts from.
#include <cmath>
#include <cstdio>
#include <vector>

#include "scout/optimizer/minimize.h"
#include "scout/policy/shipped.h"

int main() {
  const scout::PolicyDescription description;
  scout::Random random(scout::Seed(1));
  scout::Policy(description, scout::make_rule(description.rule)->initial_parameters(random)).save("untrained.policy");

  scout::MinimizeOptions options;
  options.policy = scout::Policy::load("untrained.policy");
  options.lower = {-5, -5};
  options.upper = {5, 5};
  const auto sphere = [](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      f += (theta[i] - 1) * (theta[i] - 1);
      if (!gradient.empty()) gradient[i] = 2 * (theta[i] - 1);
    }
    return f;
  };
  const auto summary = scout::minimize(sphere, std::vector<double>{-3, 4}, options);
  std::printf("f = %g after %lld oracle calls: %s\n", summary.best_value, static_cast<long long>(summary.calls()),
              summary.message.c_str());
  const bool shipped = scout::policy("network-base")->rule()->for_weights();
  return summary.best_value < 1 && shipped ? 0 : 1;  // f was 25 at the start
}
