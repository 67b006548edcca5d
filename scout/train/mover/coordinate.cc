// The founding text's explorer: along its own coordinate, else against the gradient.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/train/mover/mover.h"

namespace scout::explorer {
namespace {

class Coordinate final : public Explorer {
 public:
  explicit Coordinate(bool lives) : lives_(lives) {}
  Recording recording(std::size_t, Random&) const override { return {.all = true}; }
  void hold(std::size_t direction, Random& random) override {
    if (sign_ == 0) sign_ = random.chance(0.5) ? 1 : -1;
    Explorer::hold(direction, random);
  }
  void begin(const Episode&, Random& random) override {
    if (lives_) sign_ = random.chance(0.5) ? 1 : -1;
  }
  bool follows_rule() const override { return false; }

  /// ±η along the coordinate.
  void explore(Episode& episode, double size) override {
    const std::span<float> actions = episode.run().actions();
    std::ranges::fill(actions, 0.0F);
    if (lives_) {
      const double there = episode.theta()[direction()] + sign_ * size * episode.scale();
      const Instance& instance = episode.instance();
      if (there < instance.lower()[direction()] || there > instance.upper()[direction()]) sign_ = -sign_;
    }
    actions[direction()] = std::clamp(episode.run().action_of(static_cast<float>(sign_ * size)), -1.0F, 1.0F);
  }
  /// -η ∇f/rms(∇f), each coordinate bounded by the step scale.
  void settle(Episode& episode, double size) override {
    const std::span<float> actions = episode.run().actions();
    const std::span<const double> gradient = episode.gradient();
    const double square = std::inner_product(gradient.begin(), gradient.end(), gradient.begin(), 0.0);
    const double rms = std::sqrt(square / static_cast<double>(actions.size()));
    for (std::size_t i = 0; i < actions.size(); ++i) {
      actions[i] =
          rms > 0 ? std::clamp(episode.run().action_of(static_cast<float>(-size * gradient[i] / rms)), -1.0F, 1.0F) : 0.0F;
    }
  }
  double judge(const Episode& episode) override {
    if (!lives_ && episode.last_rise() <= 0) sign_ = -sign_;
    return episode.last_rise();
  }

 private:
  bool lives_;
  double sign_ = 0;
};

ExplorerKind make(const ExplorerScope& scope, Random&) {
  return {static_cast<std::size_t>(scope.instance.dimension()),
          [lives = scope.lives] { return std::make_unique<Coordinate>(lives); }};
}

}  // namespace

extern const ExplorerEntry coordinate{"coordinate", "one coordinate by the step size, else against the gradient",
                                      Explored::coordinates, make};

}  // namespace scout::explorer
