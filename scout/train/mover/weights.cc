// An explorer that holds a few single weights: coordinate steps in the weight space of a network.
#include <algorithm>
#include <numeric>

#include "scout/train/mover/mover.h"

namespace scout::explorer {
namespace {

using Order = std::shared_ptr<const std::vector<std::size_t>>;

class Weights final : public Explorer {
 public:
  Weights(Order order, std::size_t held) : order_(std::move(order)), signs_(held, 1.0F) {}

  Recording recording(std::size_t, Random&) const override {
    const auto first = order_->begin() + static_cast<std::ptrdiff_t>(direction() * signs_.size());
    return {.rows = {first, first + static_cast<std::ptrdiff_t>(signs_.size())}};
  }
  void begin(const Episode&, Random& random) override {
    for (float& sign : signs_) sign = random.chance(0.5) ? 1.0F : -1.0F;
  }
  bool prunable() const override { return false; }  // it holds what is recorded
  /// Each weight by ±η of its largest step: at η = 1 that goes across the tensor's scale.
  void explore(Episode& episode, double size) override {
    const std::span<float> actions = episode.run().actions();
    for (std::size_t k = 0; k < signs_.size(); ++k) {
      const std::size_t i = episode.recorded()[k];
      actions[i] = signs_[k] * static_cast<float>(size) * episode.run().largest_action(i);
    }
  }
  double judge(const Episode& episode) override {
    const std::span<const float> rewards = episode.last_rewards();
    for (std::size_t k = 0; k < signs_.size(); ++k) {
      if (rewards[k] <= 0) signs_[k] = -signs_[k];
    }
    return std::accumulate(rewards.begin(), rewards.end(), 0.0);
  }

 private:
  Order order_;
  std::vector<float> signs_;
};

/// A direction is a group of weights that are neighbours in a random order.
ExplorerKind make(const ExplorerScope& scope, Random& random) {
  const Order order =
      std::make_shared<std::vector<std::size_t>>(random_order(static_cast<std::size_t>(scope.instance.dimension()), random));
  const std::size_t held = std::clamp<std::size_t>(scope.recorded, 1, order->size());
  return {order->size() / held, [order, held] { return std::make_unique<Weights>(order, held); }};
}

}  // namespace

extern const ExplorerEntry weights{"weights", "a few weights by the step size, else the policy's step", Explored::weights,
                                   make};

}  // namespace scout::explorer
