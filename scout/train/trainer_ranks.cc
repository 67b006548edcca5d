// The part of the trainer that makes it one rank of several: numbered rollouts that no other rank has, and the learner's
// state as rollouts need it.
#include <algorithm>
#include <stdexcept>

#include "scout/train/trainer.h"

namespace scout {
namespace {

/// The items of `per_round` that come with unit `sequence` of rounds of `units`: [first, last) of an endless row.
std::pair<std::int64_t, std::int64_t> shared_out(std::int64_t sequence, std::int64_t per_round, std::int64_t units) {
  return {sequence * per_round / units, (sequence + 1) * per_round / units};
}

}  // namespace

int Trainer::population() const {
  const int episodes = options_.rollout.episodes;
  return options_.evolution.population * std::max(1, (place_.ranks + episodes - 1) / episodes);
}

std::int64_t Trainer::rank_chunk() const {
  // Schedules are tried in batches of their own; policy episodes make a batch only together.
  return evolving() ? std::min(threads(), options_.rollout.episodes) : options_.rollout.episodes;
}

Trainer::Task Trainer::rank_episode(std::int64_t sequence) const {
  const Seed seed = Seed(seed_).derive("rank episode").derive(static_cast<std::uint64_t>(sequence)).derive(place_.rank);
  Random random(seed.derive("task"));
  const auto problem = static_cast<std::size_t>(sequence + place_.rank) % families_.size();
  const int dimension = options_.dimensions[random.index(options_.dimensions.size())];
  const std::uint64_t number = random.next();
  return {families_[problem]->sample(Split::train, number, dimension),
          options_.problems[problem] + "/train/" + std::to_string(number),
          seed,
          {}};
}

Trainer::Task Trainer::rank_ensemble(std::int64_t index) const {
  const Seed shared = Seed(seed_).derive("rank ensemble").derive(static_cast<std::uint64_t>(index));
  Random draw(shared.derive("dimension"));
  const int dimension = options_.dimensions[draw.index(options_.dimensions.size())];
  auto task = [&](const Seed& seed, int group, const EnsembleShare& share) -> Task {
    Random random(seed.derive("task"));
    const auto problem = static_cast<std::size_t>(index + group) % families_.size();
    const std::uint64_t number = random.next();
    return {families_[problem]->sample(Split::train, number, dimension),
            options_.problems[problem] + "/train/" + std::to_string(number), seed, share};
  };
  // As many ranks share an instance as it has coordinates for all their explorers. Families with dimensions of their own are
  // measured by the first group's instance; where another group's is too small for it, its ranks explore one each.
  Task first = task(shared.derive("group").derive(0), 0, {});
  const int members = std::clamp(first.instance->dimension() / options_.ensemble.explorer.explorers, 1, place_.ranks);
  const int group = place_.rank / members;
  const EnsembleShare share{place_.rank % members, members};
  if (group == 0) {
    first.share = share;
    return first;
  }
  Task own = task(shared.derive("group").derive(group), group, share);
  if (own.instance->dimension() < members) return task(shared.derive("rank").derive(place_.rank), group, {});
  return own;
}

Experience Trainer::collect(std::int64_t sequence) {
  Experience experience{.sequence = sequence + rank_chunk(), .round = round_};
  std::vector<Task> episodes, ensembles;
  std::vector<SeparableCmaEs::Sample> schedules;
  const std::int64_t units = options_.rollout.episodes;
  std::int64_t first_schedule = 0;
  for (std::int64_t number = sequence; number < experience.sequence; ++number) {
    episodes.push_back(rank_episode(number));
    if (exploring()) {
      const auto [first, last] = shared_out(number, options_.ensemble.instances, units);
      for (std::int64_t index = first; index < last; ++index) ensembles.push_back(rank_ensemble(index));
    }
    if (evolving()) {
      const auto [first, last] = shared_out(number, options_.evolution.population, units);
      if (schedules.empty()) first_schedule = first;
      Random random(Seed(seed_).derive("rank evolution").derive(static_cast<std::uint64_t>(number)).derive(place_.rank));
      const auto& drawn = evolution_.ask(random);
      schedules.insert(schedules.end(), drawn.begin(), drawn.begin() + (last - first));
    }
  }
  roll_out_episodes(episodes, experience);
  if (!ensembles.empty()) roll_out_ensembles(ensembles, experience);
  if (!schedules.empty()) try_schedules(schedules, first_schedule, experience);
  return experience;
}

Bytes Trainer::weights() const {
  ByteWriter bytes;
  bytes(round_);
  bytes(generation_);
  bytes(ddpg_.actor_parameters());
  const_cast<SeparableCmaEs&>(evolution_).state(bytes);
  return bytes.take();
}

void Trainer::adopt(std::span<const std::byte> weights) {
  ByteReader bytes(weights);
  bytes(round_);
  bytes(generation_);
  bytes(adopted_);
  if (adopted_.size() != ddpg_.actor_parameters().size()) {
    throw std::runtime_error("the learner's policy has " + std::to_string(adopted_.size()) + " parameters, this rank's " +
                             std::to_string(ddpg_.actor_parameters().size()) + ": start all ranks with the same options");
  }
  evolution_.state(bytes);
  bytes.finish();
}

}  // namespace scout
