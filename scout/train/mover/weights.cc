// An explorer that holds a few single weights: coordinate steps in the weight space of a network.
#include <algorithm>
#include <numeric>

#include "scout/train/mover/explorers.h"

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
class Kind final : public ExplorerKind {
 public:
  Kind(const Instance& instance, std::size_t held, Random& random) {
    std::vector<std::size_t> order(static_cast<std::size_t>(instance.dimension()));
    std::iota(order.begin(), order.end(), std::size_t{0});
    shuffle(std::span(order), random);
    held_ = std::clamp<std::size_t>(held, 1, order.size());
    order_ = std::make_shared<const std::vector<std::size_t>>(std::move(order));
  }
  std::size_t directions() const override { return order_->size() / held_; }
  std::unique_ptr<Explorer> explorer() override { return std::make_unique<Weights>(order_, held_); }

 private:
  std::size_t held_;
  Order order_;
};

std::unique_ptr<ExplorerKind> make(const Instance& instance, std::size_t recorded, Random& random) {
  return std::make_unique<Kind>(instance, recorded, random);
}

}  // namespace

const ExplorerEntry weights{"weights", "a few weights by the step size, else the policy's step", true, make};

}  // namespace scout::explorer
