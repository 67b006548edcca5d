#include <algorithm>
#include <cmath>

#include "scout/policy/rule/action.h"
#include "scout/train/mover/mover.h"

namespace scout {
namespace {

class DecisionNoise final : public Mover {
 public:
  DecisionNoise(double deviation, Random random, double memory) : deviation_(deviation), memory_(memory), random_(random) {}

  void decide(Episode& episode) override {
    const std::span<float> decision = episode.run().decision();
    const bool first = noise_.empty();
    noise_.resize(decision.size() / episode.run().decision_rows());
    const double fresh = first ? deviation_ : std::sqrt(1 - memory_ * memory_) * deviation_;  // so that it is stationary
    for (float& x : noise_) x = static_cast<float>(memory_ * static_cast<double>(x) + fresh * random_.normal());
    for (std::size_t i = 0; i < decision.size(); ++i) {
      decision[i] = std::clamp(decision[i] + noise_[i % noise_.size()], -1.0F, 1.0F);
    }
  }

 private:
  double deviation_, memory_;
  Random random_;
  std::vector<float> noise_;
};

class ActionNoise final : public Mover {
 public:
  ActionNoise(const NoiseOptions& options, Random random) : deviation_(options.deviation), random_(random) {}

  void move(Episode& episode) override {
    const std::span<float> actions = episode.run().actions();
    noise_.resize(actions.size());
    for (float& x : noise_) x = static_cast<float>(deviation_ * random_.normal());
    episode.run().orient(noise_);  // drawn in the actor's frame, so that a reflected function has reflected noise
    for (std::size_t i = 0; i < actions.size(); ++i) actions[i] = std::clamp(actions[i] + noise_[i], -1.0F, 1.0F);
  }

 private:
  double deviation_;
  Random random_;
  std::vector<float> noise_;
};

class TensorNoise final : public Mover {
 public:
  TensorNoise(const NoiseOptions& options, const std::vector<TensorShape>& tensors, Random random)
      : options_(options), tensors_(tensors), factors_(tensors.size()), random_(random) {
    for (double& factor : factors_) factor = random_.normal();
  }

  void move(Episode& episode) override {
    const std::span<float> actions = episode.run().actions();
    std::size_t begin = 0;
    for (std::size_t t = 0; t < tensors_.size(); ++t) {
      const double memory = options_.memory;
      factors_[t] = memory * factors_[t] + std::sqrt(1 - memory * memory) * random_.normal();
      const auto factor = std::exp2(static_cast<float>(options_.deviation * factors_[t]) * kActionLog2Range);
      const auto size = static_cast<std::size_t>(tensors_[t].size);
      for (float& x : actions.subspan(begin, size)) x *= factor;
      begin += size;
    }
    const double single = options_.deviation * options_.weight_noise;
    for (const std::size_t i : episode.recorded()) {
      if (single == 0) break;
      const float largest = episode.run().largest_action(i);
      if (!(largest > 0)) continue;
      const float action = encode_step(std::clamp(actions[i] / largest, -1.0F, 1.0F));
      const auto noise = static_cast<float>(single * random_.normal());
      actions[i] = largest * decode_action(std::clamp(action + noise, -1.0F, 1.0F));
    }
  }

 private:
  NoiseOptions options_;
  std::vector<TensorShape> tensors_;
  std::vector<double> factors_;
  Random random_;
};

}  // namespace

std::unique_ptr<Mover> decision_noise(double deviation, Random random, double memory) {
  return std::make_unique<DecisionNoise>(deviation, random, memory);
}

std::unique_ptr<Mover> action_noise(const NoiseOptions& options, Random random) {
  return std::make_unique<ActionNoise>(options, random);
}

std::unique_ptr<Mover> tensor_noise(const NoiseOptions& options, const std::vector<TensorShape>& tensors, Random random) {
  return std::make_unique<TensorNoise>(options, tensors, random);
}

}  // namespace scout
