// Several heads, one of which decides in an episode (Osband et al. 2016, "Deep exploration via bootstrapped DQN"). Where
// they have seen little they differ, by how they began and by fixed random functions that are part of their Q (Osband,
// Aslanides & Cassirer 2018, "Randomized prior functions", eq. 1: Q = Q_θ + β p). Here a head is an actor with its critics.
//
// The first head is DDPG itself: it begins with the policy, has no prior, and is what is kept. All learn from the same
// batches, each episode in the data of all (a mask of probability 1).
#include <cmath>
#include <deque>

#include "scout/train/decisions/exploration.h"

namespace scout::exploration {
namespace {

class Bootstrapped final : public Exploration {
 public:
  explicit Bootstrapped(const ExplorationContext& context) : Exploration(context), own_(context.options.bootstrapped) {
    for (int k = 1; k < own_.heads; ++k) {
      const Seed seed = context.seed.derive("head").derive(k);
      Ddpg& head = heads_.emplace_back(context.head.actor(), context.options.ddpg, seed, context.team);
      if (own_.prior > 0) head.set_prior(own_.prior, seed.derive("prior"));
      std::vector<float> start = context.ddpg.actor_parameters();
      Random random(seed.derive("start"));
      const Linear& last = context.head.actor().network().layers().back();
      const double deviation = own_.spread / std::sqrt(last.in);
      for (std::size_t i = last.offset; i < last.offset + last.size(); ++i) {
        start[i] += static_cast<float>(deviation * random.normal());
      }
      head.start_from(start);
    }
    take_on();
  }

  std::shared_ptr<Mover> mover(std::span<const float> parameters, Random& random) const override {
    const std::size_t chosen = random.index(static_cast<std::uint64_t>(own_.heads));
    std::shared_ptr<Mover> noise = own_.noise ? drawn_noise(options(), random) : nullptr;
    if (chosen == 0) return noise;
    std::vector<float> other(parameters.begin(), parameters.begin() + static_cast<std::ptrdiff_t>(2 * inputs()));
    const std::vector<float>& actor = acting_[chosen - 1];
    other.insert(other.end(), actor.begin(), actor.end());
    return other_head(head(), std::move(other), std::move(noise));
  }

  DdpgReport update(const Batch& batch, Random& random) override {
    for (Ddpg& head : heads_) head.update(batch, random);
    return Exploration::update(batch, random);
  }
  void schedule(double imitation, double rates) override {
    Exploration::schedule(imitation, rates);
    for (Ddpg& head : heads_) head.weigh_imitation(imitation), head.scale_rates(rates);
  }
  void end_round() override { take_on(); }

  void save(ArchiveWriter& archive) const override {
    for (const Ddpg& head : heads_) archive(head);
  }
  void restore(ArchiveReader& archive) override {
    for (Ddpg& head : heads_) archive(head);
    take_on();
  }
  void share(ArchiveWriter& archive) const override {
    for (const std::vector<float>& actor : acting_) archive(actor);
  }
  void adopt(ArchiveReader& archive) override {
    for (std::vector<float>& actor : acting_) archive.fixed(actor);
  }

 private:
  void take_on() {
    acting_.clear();
    for (const Ddpg& head : heads_) acting_.push_back(head.actor_parameters());
  }

  BootstrappedOptions own_;
  std::deque<Ddpg> heads_;                  // all but the first
  std::vector<std::vector<float>> acting_;  // their actors, as they were at the end of the last round
};

}  // namespace

extern const ExplorationEntry bootstrapped{"bootstrapped",
                                           "heads with priors of their own, one of which decides (Osband et al. 2016, 2018)",
                                           {"noise", "noise_high", "bootstrapped."},
                                           {},
                                           make_exploration_of<Bootstrapped>};

}  // namespace scout::exploration
