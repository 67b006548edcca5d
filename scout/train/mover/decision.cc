// The founding text's explorer in the space in which a policy decides: sets its own number of the decision, else follows the
// policy.
#include <algorithm>

#include "scout/train/mover/mover.h"

namespace scout::explorer {
namespace {

class Decision final : public Explorer {
 public:
  Recording recording(std::size_t, Random&) const override { return {}; }
  void begin(const Episode& episode, Random& random) override {
    random_ = Random(Seed(random.next()));
    worth_ = worth(episode);
  }

  /// Towards a number drawn from [-1, 1], by the step size, at 1 to it; in all rows alike.
  void explore(Episode& episode, double size) override {
    const std::span<float> decision = episode.run().decision();
    const double drawn = random_.uniform(-1, 1);
    const std::size_t numbers = decision.size() / episode.run().decision_rows();
    for (std::size_t i = direction(); i < decision.size(); i += numbers) {
      decision[i] += static_cast<float>(size * (drawn - static_cast<double>(decision[i])));
    }
    worth_ = worth(episode);
  }
  double judge(const Episode& episode) override { return worth(episode) - worth_; }

 private:
  static double worth(const Episode& episode) { return episode.potential(episode.best_value()); }

  Random random_{Seed(0)};
  double worth_ = 0;
};

ExplorerKind make(const ExplorerScope& scope, Random&) {
  return {scope.decisions, [] { return std::make_unique<Decision>(); }};
}

}  // namespace

extern const ExplorerEntry decision{"decision", "one number of the decision, else the policy's", Explored::decisions, make};

}  // namespace scout::explorer
