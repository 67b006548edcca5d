// Noise on decisions: independent, or correlated.
#include "scout/train/decisions/exploration.h"

namespace scout::exploration {
namespace {

class Noise final : public Exploration {
 public:
  using Exploration::Exploration;
  std::shared_ptr<Mover> mover(std::span<const float>, Random& random) const override {
    return drawn_noise(options(), random);
  }
};

class OrnsteinUhlenbeck final : public Exploration {
 public:
  using Exploration::Exploration;
  std::shared_ptr<Mover> mover(std::span<const float>, Random& random) const override {
    return drawn_noise(options(), random, options().ornstein_uhlenbeck.memory);
  }
};

}  // namespace

extern const ExplorationEntry noise{
    "noise", "independent normal noise on decisions", {"noise", "noise_high"}, {}, make_exploration_of<Noise>};

extern const ExplorationEntry ornstein_uhlenbeck{
    "ornstein_uhlenbeck",
    "noise that is correlated from decision to decision (Lillicrap et al. 2015)",
    {"noise", "noise_high", "ornstein_uhlenbeck."},
    {},
    make_exploration_of<OrnsteinUhlenbeck>};

}  // namespace scout::exploration
