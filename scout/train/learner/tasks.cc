#include "scout/train/learner/tasks.h"

#include <algorithm>
#include <cmath>

#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

std::uint64_t number(std::int64_t k) { return static_cast<std::uint64_t>(k); }

}  // namespace

Tasks::Tasks(const TrainOptions& options, Seed seed, bool weights) : options_(options), seed_(seed), weights_(weights) {
  for (const std::string& problem : options.problems) families_.push_back(family(problem));
}

int Tasks::dimension(Random& random) const { return options_.dimensions[random.index(options_.dimensions.size())]; }

std::shared_ptr<const Instance> Tasks::sample(std::size_t problem, Random& random) const {
  const int own = dimension(random);
  return families_[problem]->sample(Split::train, random.next(), own);
}

Task Tasks::task(const Seed& seed, std::int64_t k, std::optional<int> given) const {
  Random random(seed.derive("task"));
  const std::size_t problem = static_cast<std::size_t>(k) % problems();
  const int own = given ? *given : dimension(random);
  const std::uint64_t index = random.next();
  return {families_[problem]->sample(Split::train, index, own),
          options_.problems[problem] + "/train/" + std::to_string(index), seed};
}

std::vector<Task> Tasks::draw(const Window& window, const std::string& axis, std::int64_t per_round) const {
  std::vector<Task> out;
  const auto [first, last] = share_of(window, per_round);
  for (std::int64_t k = first; k < last; ++k) {
    const int rank = window.rank.rank;
    out.push_back(window.whole_round ? task(seed_.derive(axis).derive(number(k)), k)
                                     : task(seed_.derive("rank " + axis).derive(number(k)).derive(rank), k + rank));
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
    out.push_back(window.whole_round ? task(seed_.derive("ensemble").derive(number(index)), index)
                                     : rank_ensemble(index, window.rank));
  }
  return out;
}

Task Tasks::rank_ensemble(std::int64_t index, const RankOf& rank) const {
  const Seed shared = seed_.derive("rank ensemble").derive(number(index));
  Random draw(shared.derive("dimension"));
  const int common = dimension(draw);
  // As many ranks share an instance as it has directions for all their explorers, of each kind. Families with dimensions of
  // their own are measured by the first group's instance; where another group's is too small for it, its ranks explore one
  // each.
  const auto directions = [&](const Instance& instance) {
    if (!weights_) return instance.dimension();
    return std::min(static_cast<int>(instance.tensors().size()), instance.dimension() / options_.rollout.weights);
  };
  Task first = task(shared.derive("group").derive(0), index, common);
  const int members = std::clamp(directions(*first.instance) / options_.ensemble.explorers, 1, rank.ranks);
  const int group = rank.rank / members;
  Task own = group == 0 ? std::move(first) : task(shared.derive("group").derive(group), index + group, common);
  if (group > 0 && directions(*own.instance) < members) {
    return task(shared.derive("rank").derive(rank.rank), index + group, common);
  }
  own.share = {rank.rank % members, members};
  return own;
}

EpisodePlan Tasks::plan(std::int64_t round, Random& random) const {
  const RolloutOptions& rollout = options_.rollout;
  EpisodePlan plan{.horizon = rollout.horizon};
  if (!weights_ && rollout.least_horizon() == rollout.horizon) return plan;
  const double low = rollout.least_horizon();
  const double grown = rollout.curriculum > 0 ? std::min(1.0, static_cast<double>(round + 1) / rollout.curriculum) : 1.0;
  const double high = std::max(low, low * std::pow(rollout.horizon / low, grown));
  plan.horizon = static_cast<int>(std::lround(random.log_uniform(low, high)));
  if (!weights_) return plan;
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
