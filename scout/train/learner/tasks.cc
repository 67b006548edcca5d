#include "scout/train/learner/tasks.h"

#include <algorithm>
#include <cmath>

#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

std::uint64_t number(std::int64_t k) { return static_cast<std::uint64_t>(k); }

}  // namespace

std::vector<double> sample_start(const Instance& instance, Random& random) {
  std::vector<double> theta(static_cast<std::size_t>(instance.dimension()));
  instance.sample_start(random, theta);
  return theta;
}

Tasks::Tasks(const TrainOptions& options, Seed seed, bool weights) : options_(options), seed_(seed), weights_(weights) {
  for (const std::string& problem : options.problems) families_.push_back(family(problem));
}

std::shared_ptr<const Instance> Tasks::sample(std::size_t problem, Random& random) const {
  const int dimension = options_.dimensions[random.index(options_.dimensions.size())];
  return families_[problem]->sample(Split::train, random.next(), dimension);
}

Task Tasks::task(const Seed& seed, std::size_t problem) const {
  Random random(seed.derive("task"));
  const int dimension = options_.dimensions[random.index(options_.dimensions.size())];
  const std::uint64_t index = random.next();
  return {families_[problem]->sample(Split::train, index, dimension),
          options_.problems[problem] + "/train/" + std::to_string(index), seed};
}

std::vector<Task> Tasks::episodes(const Window& window) const {
  std::vector<Task> out;
  for (std::int64_t k = window.first; k < window.last; ++k) {
    if (window.whole_round) {
      out.push_back(task(seed_.derive("episode").derive(number(k)), static_cast<std::size_t>(k) % problems()));
    } else {
      out.push_back(task(seed_.derive("rank episode").derive(number(k)).derive(window.rank.rank),
                         static_cast<std::size_t>(k + window.rank.rank) % problems()));
    }
  }
  return out;
}

std::pair<std::int64_t, std::int64_t> Tasks::share_of(const Window& window, std::int64_t per_round) const {
  const std::int64_t units = options_.rollout.episodes;
  return {window.first * per_round / units, window.last * per_round / units};
}

std::vector<Task> Tasks::ensembles(const Window& window) const {
  std::vector<Task> out;
  const auto [first, last] = share_of(window, options_.ensemble.instances);
  for (std::int64_t index = first; index < last; ++index) {
    if (window.whole_round) {
      out.push_back(task(seed_.derive("ensemble").derive(number(index)), static_cast<std::size_t>(index) % problems()));
    } else {
      out.push_back(rank_ensemble(index, window.rank));
    }
  }
  return out;
}

Task Tasks::rank_ensemble(std::int64_t index, const RankOf& rank) const {
  const Seed shared = seed_.derive("rank ensemble").derive(number(index));
  Random draw(shared.derive("dimension"));
  const int dimension = options_.dimensions[draw.index(options_.dimensions.size())];
  const auto make = [&](const Seed& seed, int group, const EnsembleShare& share) -> Task {
    Random random(seed.derive("task"));
    const auto problem = static_cast<std::size_t>(index + group) % problems();
    const std::uint64_t instance = random.next();
    return {families_[problem]->sample(Split::train, instance, dimension),
            options_.problems[problem] + "/train/" + std::to_string(instance), seed, share};
  };
  // As many ranks share an instance as it has directions for all their explorers, of each kind. Families with dimensions of
  // their own are measured by the first group's instance; where another group's is too small for it, its ranks explore one
  // each.
  const auto directions = [&](const Instance& instance) {
    if (!weights_) return instance.dimension();
    return std::min(static_cast<int>(instance.tensors().size()), instance.dimension() / options_.rollout.weights);
  };
  Task first = make(shared.derive("group").derive(0), 0, {});
  const int members = std::clamp(directions(*first.instance) / options_.ensemble.explorer.explorers, 1, rank.ranks);
  const int group = rank.rank / members;
  const EnsembleShare share{rank.rank % members, members};
  if (group == 0) {
    first.share = share;
    return first;
  }
  Task own = make(shared.derive("group").derive(group), group, share);
  if (directions(*own.instance) < members) return make(shared.derive("rank").derive(rank.rank), group, {});
  return own;
}

EpisodePlan Tasks::plan(std::int64_t round, Random& random) const {
  const RolloutOptions& rollout = options_.rollout;
  EpisodePlan plan{.horizon = rollout.horizon};
  if (!weights_) return plan;
  const double low = rollout.least_horizon();
  const double grown = rollout.curriculum > 0 ? std::min(1.0, static_cast<double>(round + 1) / rollout.curriculum) : 1.0;
  const double high = std::max(low, low * std::pow(rollout.horizon / low, grown));
  plan.horizon = static_cast<int>(std::lround(random.log_uniform(low, high)));
  plan.tell_horizon = random.chance(rollout.tell_horizon);
  plan.tell_loss = random.chance(rollout.tell_loss);
  return plan;
}

Recording Tasks::recording(const Instance& instance, Random& random) const {
  if (!weights_) return {.all = true};
  Recording out;
  // A tensor first, then one of its weights: biases are few, and as much depends on them.
  const std::vector<TensorShape> tensors = instance.tensors();
  std::vector<std::size_t> begin{0};
  for (const TensorShape& tensor : tensors) begin.push_back(begin.back() + static_cast<std::size_t>(tensor.size));
  for (int k = 0; k < options_.rollout.weights; ++k) {
    const std::size_t t = random.index(tensors.size());
    out.rows.push_back(begin[t] + random.index(begin[t + 1] - begin[t]));
  }
  return out;
}

}  // namespace scout
