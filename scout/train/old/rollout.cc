#include "scout/train/episode/rollout.h"

#include <algorithm>

namespace scout {

void roll_out(const Actor& actor, const std::vector<float>& parameters, std::span<Environment> environments, int steps,
              std::span<const double> noise, std::span<Random> random) {
  int rows = 0;
  for (const Environment& e : environments) rows += e.rows();
  std::vector<float> features(static_cast<std::size_t>(rows) * static_cast<std::size_t>(actor.features()));
  std::vector<float> actions(static_cast<std::size_t>(rows) * static_cast<std::size_t>(actor.actions()));
  Actor::Trace trace;
  for (int step = 0; step < steps; ++step) {
    float* out = features.data();
    for (const Environment& e : environments) {
      e.write_features(out);
      out += static_cast<std::ptrdiff_t>(e.rows()) * actor.features();
    }
    actor.forward(parameters.data(), features.data(), rows, trace, actions.data());
    float* action = actions.data();
    for (std::size_t k = 0; k < environments.size(); ++k) {
      const auto m = static_cast<std::size_t>(environments[k].dimension());
      if (!noise.empty()) {
        for (std::size_t i = 0; i < m; ++i) {
          action[i] = std::clamp(action[i] + static_cast<float>(noise[k] * random[k].normal()), -1.0F, 1.0F);
        }
      }
      environments[k].orient({action, m});
      environments[k].step({action, m});
      action += m;
    }
  }
}

void roll_out(const Actor& actor, const std::vector<float>& parameters, std::span<Environment> environments, int steps,
              std::span<const double> noise, std::span<Random> random, ThreadTeam& team) {
  team.for_shards(static_cast<int>(environments.size()), [&](int begin, int end) {
    const auto first = static_cast<std::size_t>(begin);
    const auto count = static_cast<std::size_t>(end - begin);
    roll_out(actor, parameters, environments.subspan(first, count), steps,
             noise.empty() ? noise : noise.subspan(first, count), random.empty() ? random : random.subspan(first, count));
  });
}

}  // namespace scout
