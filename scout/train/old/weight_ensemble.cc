#include "scout/train/mover/weight_ensemble.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "scout/policy/weight/formulas.h"

namespace scout {
namespace {

/// Takes from `axis` its parts along `others`, which are orthogonal to each other, and gives it rms 1.
void orthonormalise(std::vector<float>& axis, const std::vector<const std::vector<float>*>& others) {
  const auto m = static_cast<double>(axis.size());
  for (const auto* other : others) {
    const double part = std::inner_product(axis.begin(), axis.end(), other->begin(), 0.0) / m;
    for (std::size_t i = 0; i < axis.size(); ++i) axis[i] -= static_cast<float>(part) * (*other)[i];
  }
  const double rms = std::sqrt(std::inner_product(axis.begin(), axis.end(), axis.begin(), 0.0) / m);
  for (float& x : axis) x /= static_cast<float>(std::max(rms, 1e-12));
}

}  // namespace

WeightEnsemble::WeightEnsemble(std::shared_ptr<const Instance> instance, std::shared_ptr<const WeightStepper> stepper,
                               const NetworkEpisode& episode, const ExplorerOptions& options, int weights, Seed seed,
                               const EnsembleShare& share)
    : options_(options),
      episode_(episode),
      weights_(static_cast<std::size_t>(weights)),
      tensors_(instance->tensors()),
      best_value_(std::numeric_limits<double>::infinity()) {
  validate(options);
  // Unique weights: a random permutation that all members of the share draw alike, and of which each has every members-th.
  Random random(seed.derive("ensemble"));
  std::vector<std::size_t> all(static_cast<std::size_t>(instance->dimension()));
  std::iota(all.begin(), all.end(), std::size_t{0});
  shuffle(std::span(all), random);
  for (auto i = static_cast<std::size_t>(share.member); i < all.size(); i += static_cast<std::size_t>(share.members)) {
    order_.push_back(all[i]);
  }
  next_tensor_ = static_cast<std::size_t>(share.member);
  for (int k = 0; k < options.explorers; ++k) {
    const int number = share.member * options.explorers + k;
    const Kind kind = options.directions == "weights"      ? Kind::weights
                      : options.directions == "tensor"     ? Kind::tensor
                      : options.directions == "orthogonal" ? Kind::orthogonal
                                                           : static_cast<Kind>(number % 3);
    explorers_.push_back({.kind = kind,
                          .random = Random(seed.derive("explorer").derive(number)),
                          .environment = NetworkEnvironment(instance, stepper, episode)});
  }
}

std::vector<std::size_t> WeightEnsemble::draw_weights(Explorer& e) {
  std::vector<std::size_t> out;
  if (e.kind == Kind::weights) {
    // Each weight is held once before any is held again.
    for (std::size_t k = 0; k < std::min(weights_, order_.size()); ++k) {
      out.push_back(order_[next_weight_]);
      next_weight_ = (next_weight_ + 1) % order_.size();
    }
    return out;
  }
  std::size_t first = 0;
  std::size_t size = order_.size();
  if (e.kind == Kind::tensor) {
    for (std::size_t t = 0; t < e.tensor; ++t) first += static_cast<std::size_t>(tensors_[t].size);
    size = static_cast<std::size_t>(tensors_[e.tensor].size);
  } else {
    size = e.axis.size();
  }
  for (std::size_t k = 0; k < weights_; ++k) out.push_back(first + e.random.index(size));
  return out;
}

void WeightEnsemble::hold_another(Explorer& e) {
  e.gain = 0;
  e.moves = 0;
  ++summary_.coordinates_tried;
  if (e.kind == Kind::tensor) {
    e.tensor = next_tensor_ % tensors_.size();
    ++next_tensor_;
  } else if (e.kind == Kind::orthogonal) {
    e.axis.resize(static_cast<std::size_t>(e.environment.instance().dimension()));
    for (float& x : e.axis) x = static_cast<float>(e.random.normal());
    std::vector<const std::vector<float>*> others;
    for (const Explorer& other : explorers_) {
      if (&other != &e && !other.axis.empty()) others.push_back(&other.axis);
    }
    orthonormalise(e.axis, others);
  }
}

void WeightEnsemble::begin(Explorer& e) {
  hold_another(e);
  std::vector<double> theta(static_cast<std::size_t>(e.environment.instance().dimension()));
  e.environment.instance().sample_start(e.random, theta);
  e.environment.start(theta, draw_weights(e));
  e.signs.assign(e.kind == Kind::weights ? e.environment.sampled().size() : 1, 1.0F);
  for (float& sign : e.signs) sign = e.random.chance(0.5) ? 1.0F : -1.0F;
  e.low_steps = 0;
  start_sum_ += e.environment.value();
  ++starts_;
  best_value_ = std::min(best_value_, e.environment.value());
}

void WeightEnsemble::finish(Explorer& e) {
  finished_.push_back(e.environment.take_trajectory());
  recorded_weights_.push_back(e.environment.sampled());
}

void WeightEnsemble::move(Explorer& e, double size, std::span<float> delta) {
  const auto root = static_cast<float>(std::sqrt(size));
  if (e.kind == Kind::weights) {
    for (std::size_t k = 0; k < e.signs.size(); ++k) {
      const std::size_t i = e.environment.sampled()[k];
      // At η = 1 a step across the tensor's scale is large enough; the largest that the code knows is 32 policy steps.
      delta[i] = e.signs[k] * static_cast<float>(size) * kernel::kStepBound * e.environment.row(i).step;
    }
    return;
  }
  e.added.assign(delta.size(), 0.0F);
  std::size_t begin = 0;
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    const auto part = static_cast<std::size_t>(tensors_[t].size);
    if (e.kind == Kind::tensor) {
      const float factor = e.signs[0] > 0 ? 1 + 3 * root : 1 / (1 + 3 * root);
      for (std::size_t i = begin; t == e.tensor && i < begin + part; ++i) e.added[i] = (factor - 1) * delta[i];
    } else {
      double square = 0;
      for (std::size_t i = begin; i < begin + part; ++i) square += static_cast<double>(delta[i]) * delta[i];
      const float rms = static_cast<float>(std::sqrt(square / static_cast<double>(part)));
      for (std::size_t i = begin; i < begin + part; ++i) e.added[i] = e.signs[0] * root * rms * e.axis[i];
    }
    begin += part;
  }
  for (std::size_t i = 0; i < delta.size(); ++i) delta[i] += e.added[i];
}

double WeightEnsemble::judge(Explorer& e) {
  if (e.kind == Kind::weights) {
    const auto rewards = e.environment.last_rewards();
    double sum = 0;
    for (std::size_t k = 0; k < e.signs.size(); ++k) {
      if (rewards[k] <= 0) e.signs[k] = -e.signs[k];
      sum += static_cast<double>(rewards[k]);
    }
    return sum;
  }
  double earned = 0;
  for (std::size_t i = 0; i < e.added.size(); ++i) earned -= e.environment.gradient()[i] * static_cast<double>(e.added[i]);
  if (!(earned > 0)) e.signs[0] = -e.signs[0];
  return earned;
}

std::vector<Trajectory> WeightEnsemble::run() {
  for (Explorer& e : explorers_) begin(e);
  for (int step = 0; step < episode_.horizon; ++step) {
    const double fraction = static_cast<double>(step) / episode_.horizon;
    const double size = options_.step_at(fraction);
    const double p = options_.coordinate_probability_at(fraction);
    for (Explorer& e : explorers_) {
      if (e.environment.over()) continue;
      if (e.random.chance(p)) {
        e.environment.step([&](std::span<float> delta) { move(e, size, delta); });
        ++summary_.coordinate_moves;
        ++e.moves;
        e.gain += judge(e);
        if (options_.prune && e.kind != Kind::weights && e.moves >= options_.prune_after && !(e.gain > 0)) {
          hold_another(e);
          ++summary_.prunes;
        }
      } else {
        e.environment.step();
        ++summary_.gradient_moves;
      }
      if (!e.environment.over()) best_value_ = std::min(best_value_, e.environment.value());
      const double bar = best_value_ + options_.reset_margin * (start_sum_ / starts_ - best_value_);
      e.low_steps = e.environment.value() > bar ? e.low_steps + 1 : 0;
      const bool poor = e.environment.over() || e.low_steps >= options_.reset_after;
      if (options_.reset && poor && e.environment.steps() > 0 && step + 2 < episode_.horizon) {
        finish(e);
        begin(e);
        ++summary_.resets;
      }
    }
  }
  summary_.best_gap_share = 1;
  for (Explorer& e : explorers_) {
    summary_.best_gap_share = std::min(summary_.best_gap_share, best_value_ / std::max(start_sum_ / starts_, 1e-300));
    finish(e);
  }
  return std::move(finished_);
}

std::int64_t WeightEnsemble::evaluations() const {
  return std::accumulate(explorers_.begin(), explorers_.end(), std::int64_t{0},
                         [](std::int64_t sum, const Explorer& e) { return sum + e.environment.evaluations(); });
}

}  // namespace scout
