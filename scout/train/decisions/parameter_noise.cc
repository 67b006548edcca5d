// Noise on the parameters of the network that decides, the same for a whole episode (Plappert et al. 2017, "Parameter space
// noise for exploration"): θ̃ = θ + N(0, σ² I). Its deviation is adapted to a distance between decisions (their eq. 2):
//
//     σ <- α σ if d(π, π̃) <= δ, else σ/α,     d(π, π̃) = √(1/A Σ_i E_s[(π(s)_i - π̃(s)_i)²])   (their appendix C, DDPG).
#include <algorithm>
#include <cmath>

#include "scout/train/decisions/exploration.h"

namespace scout::exploration {
namespace {

class ParameterNoise final : public Exploration {
 public:
  explicit ParameterNoise(const ExplorationContext& context)
      : Exploration(context), deviation_(context.options.parameter_noise.deviation) {}

  std::shared_ptr<Mover> mover(std::span<const float> parameters, Random& random) const override {
    std::vector<float> disturbed(parameters.begin(), parameters.end());
    disturb(std::span(disturbed).subspan(2 * inputs()), random);
    return other_head(head(), std::move(disturbed));
  }

  DdpgReport update(const Batch& batch, Random& random) override {
    if (context_.ddpg.updates() % options().parameter_noise.every == 0) adapt(batch, random);
    return Exploration::update(batch, random);
  }

  void report(std::vector<Metric>& metrics) const override {
    metrics.push_back({"parameter_deviation", deviation_});
    metrics.push_back({"parameter_distance", distance_});
  }

  void save(ArchiveWriter& archive) const override { archive(deviation_, distance_); }
  void restore(ArchiveReader& archive) override { archive(deviation_, distance_); }
  void share(ArchiveWriter& archive) const override { archive(deviation_); }
  void adopt(ArchiveReader& archive) override { archive(deviation_); }

 private:
  void disturb(std::span<float> network, Random& random) const {
    for (float& x : network) x += static_cast<float>(deviation_ * random.normal());
  }

  void adapt(const Batch& batch, Random& random) {
    const int rows = batch.begin.back();
    const std::size_t n = static_cast<std::size_t>(rows) * actions();
    const Actor& actor = head().actor();
    std::vector<float> network = context_.ddpg.actor_parameters();
    std::vector<float> own(n), other(n);
    actor.forward(network.data(), batch.states.data(), rows, trace_, own.data());
    disturb(network, random);
    actor.forward(network.data(), batch.states.data(), rows, trace_, other.data());
    double square = 0;
    for (std::size_t i = 0; i < n; ++i) square += std::pow(static_cast<double>(other[i] - own[i]), 2);
    distance_ = std::sqrt(square / static_cast<double>(n));
    const ParameterNoiseOptions& o = options().parameter_noise;
    const double changed = distance_ <= o.distance ? deviation_ * o.factor : deviation_ / o.factor;
    deviation_ = std::clamp(changed, 1e-6, 1e3);  // where every decision is at a bound no deviation is enough
  }

  double deviation_;
  double distance_ = 0;  // the latest
  Actor::Trace trace_;
};

}  // namespace

extern const ExplorationEntry parameter_noise{"parameter_noise",
                                              "noise on the network that decides, an episode long (Plappert et al. 2017)",
                                              {"parameter_noise."},
                                              {},
                                              make_exploration_of<ParameterNoise>};

}  // namespace scout::exploration
