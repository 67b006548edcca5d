#include "benchmarks/libtorch_training.h"

#include <algorithm>
#include <numeric>

#include "scout/problem/catalog/family.h"

namespace scout::benchmark {
namespace {

using torch::indexing::Slice;

std::vector<double> flat(const torch::nn::Linear& layer) {
  const auto all = torch::cat({layer->weight.detach().flatten(), layer->bias.detach()}).to(torch::kDouble).contiguous();
  return {all.data_ptr<double>(), all.data_ptr<double>() + all.numel()};
}

}  // namespace

Tasks::Tasks(const TrainOptions& options, int count, Seed seed) {
  Random random(seed);
  const int dimension = options.dimensions.front();
  for (int k = 0; k < count; ++k) {
    for (const std::string& problem : options.problems) {
      instances.push_back(family(problem)->sample(Split::train, random.next(), dimension));
      starts.resize(starts.size() + static_cast<std::size_t>(dimension));
      instances.back()->sample_start(random, std::span(starts).last(static_cast<std::size_t>(dimension)));
    }
  }
}

LibTorchTraining::LibTorchTraining(const TrainOptions& options, std::size_t together)
    : options_(options),
      together_(together),
      dimension_(options.dimensions.front()),
      horizon_(options.rollout.horizon),
      tasks_(options, options.evolution.instances, Seed(1)),
      ddpg_([&] { return std::make_shared<MixtureActor>(options.policy.hidden); }, options.ddpg,
            LibTorchEnvironments::kFeatures, 1, options.dimensions.front()) {
  evolution_ = SeparableCmaEs(flat(ddpg_.actor().as<MixtureActor>()->head), options.evolution.deviation,
                              options.evolution.population, options.evolution.mean_rate);
  const std::int64_t runs = options.replay.capacity / horizon_;
  states_ = torch::empty({runs, horizon_ + 1, dimension_, LibTorchEnvironments::kFeatures});
  actions_ = torch::empty({runs, horizon_, dimension_, 1});
  rewards_ = torch::empty({runs, horizon_});
}

void LibTorchTraining::set_head(const std::vector<double>& head) {
  const auto all = torch::tensor(head, torch::kDouble).to(torch::kFloat);
  for (LibTorchActor* actor : ddpg_.actors()) {
    const auto& layer = actor->as<MixtureActor>()->head;
    const auto weights = layer->weight.numel();
    layer->weight.detach().copy_(all.slice(0, 0, weights).reshape_as(layer->weight));
    layer->bias.detach().copy_(all.slice(0, weights));
  }
}

LibTorchTraining::Rollout LibTorchTraining::roll_out(const Tasks& tasks, const torch::Tensor& noise,
                                                     const std::vector<std::int64_t>& keep) {
  const torch::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(tasks.instances.size());
  const auto together = std::min(together_, tasks.instances.size());
  const auto m = static_cast<std::size_t>(dimension_);
  std::vector<LibTorchEnvironments> environments;
  for (std::size_t e = 0; e < tasks.instances.size(); e += together) {
    const auto first = tasks.instances.begin() + static_cast<std::ptrdiff_t>(e);
    environments.emplace_back(
        std::vector<std::shared_ptr<const Instance>>(first, first + static_cast<std::ptrdiff_t>(together)),
        options_.policy.step_scale, horizon_);
    environments.back().start(std::span(tasks.starts).subspan(e * m, together * m));
  }
  auto gather = [&](auto&& what) {
    std::vector<torch::Tensor> all;
    for (const auto& e : environments) all.push_back(what(e));
    return torch::cat(all);
  };
  const auto kept = torch::tensor(keep, torch::kLong);
  auto of_kept = [&](const torch::Tensor& rows) { return rows.reshape({count, dimension_, -1}).index_select(0, kept); };
  std::vector<torch::Tensor> states, taken, gaps;  // a step each
  const auto rows = static_cast<std::int64_t>(together * m);
  for (std::int64_t step = 0;; ++step) {
    const auto features = gather([](const auto& e) { return e.features(); });
    if (!keep.empty()) {
      states.push_back(of_kept(features));
      gaps.push_back(gather([](const auto& e) { return e.gap_share(); }).index_select(0, kept));
    }
    if (step == horizon_) break;
    auto actions = ddpg_.actor().act(features).first;
    if (noise.defined()) {
      const auto each = noise.repeat_interleave(dimension_).unsqueeze(1);
      actions = (actions + each * torch::randn_like(actions)).clamp(-1, 1);
    }
    for (std::size_t e = 0; e < environments.size(); ++e) {
      const auto begin = static_cast<std::int64_t>(e) * rows;
      environments[e].step(actions.slice(0, begin, begin + rows));
    }
    if (!keep.empty()) taken.push_back(of_kept(actions));
  }
  Rollout out;
  out.score = torch::log(gather([](const auto& e) { return e.gap_share(); }) + options_.evolution.floor);
  if (!keep.empty()) {
    out.states = torch::stack(states, 1);
    out.actions = torch::stack(taken, 1);
    const auto potential = -torch::log(torch::stack(gaps, 1) + options_.reward.floor);
    out.rewards = (options_.reward.scale * potential.diff(1, 1)).to(torch::kFloat);
  }
  return out;
}

void LibTorchTraining::add(const Rollout& rollout) {
  const torch::NoGradGuard no_grad;
  for (std::int64_t k = 0; k < rollout.states.size(0); ++k) {
    states_[next_].copy_(rollout.states[k]);
    actions_[next_].copy_(rollout.actions[k]);
    rewards_[next_].copy_(rollout.rewards[k]);
    next_ = (next_ + 1) % states_.size(0);
    size_ = std::min(size_ + 1, states_.size(0));
  }
}

double LibTorchTraining::try_candidate(const std::vector<double>& head, std::int64_t recorded) {
  set_head(head);
  const Rollout rollout = roll_out(tasks_, {}, {recorded});
  add(rollout);
  return rollout.score.mean().item<double>();
}

void LibTorchTraining::round() {
  Tasks episodes(options_, 1, Seed(3).derive(static_cast<std::uint64_t>(rounds_)));
  const auto& noise = options_.rollout;
  std::vector<std::int64_t> all(episodes.instances.size());
  std::iota(all.begin(), all.end(), 0);
  set_head(evolution_.mean());
  const auto log_noise = torch::empty({static_cast<std::int64_t>(all.size())})
                             .uniform_(std::log(noise.noise), std::log(std::max(noise.noise, noise.noise_high)));
  add(roll_out(episodes, torch::exp(log_noise), all));

  const auto& candidates = evolution_.ask(random_);
  std::vector<double> scores;
  for (const auto& candidate : candidates) {
    scores.push_back(try_candidate(candidate.point, static_cast<std::int64_t>(scores.size() % tasks_.instances.size())));
  }
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t k) { return scores[k]; });
  evolution_.tell(order);
  set_head(evolution_.mean());
  update(options_.updates);
  ++rounds_;
}

void LibTorchTraining::update(int count) {
  const DdpgOptions& ddpg = options_.ddpg;
  for (int k = 0; k < count; ++k) {
    const auto run = torch::randint(size_, {ddpg.batch}, torch::kLong);
    const auto step = torch::randint(horizon_, {ddpg.batch}, torch::kLong);
    const auto last = (step + ddpg.n_step).clamp_max(horizon_);
    auto returns = torch::zeros({ddpg.batch});
    for (int n = 0; n < ddpg.n_step; ++n) {  // ends early where the run does
      const auto reward = rewards_.index({run, (step + n).clamp_max(horizon_ - 1)});
      returns = returns + std::pow(ddpg.discount, n) * (step + n < horizon_) * reward;
    }
    const auto discounts = std::pow(ddpg.discount, ddpg.n_step) * (last < horizon_).to(torch::kFloat);
    auto rows = [&](const torch::Tensor& of_states) { return of_states.repeat_interleave(dimension_).unsqueeze(1); };
    ddpg_.update({states_.index({run, step}).flatten(0, 1), actions_.index({run, step}).flatten(0, 1), rows(returns),
                  states_.index({run, last}).flatten(0, 1), rows(discounts)});
  }
}

}  // namespace scout::benchmark
