#include "scout/train/mover/ensemble.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "scout/policy/rule/action.h"

namespace scout {
namespace {

double geometric(double from, double to, double fraction) { return from * std::pow(to / from, fraction); }

}  // namespace

double ExplorerOptions::step_at(double fraction) const { return geometric(step, step_end, fraction); }

double ExplorerOptions::coordinate_probability_at(double fraction) const {
  if (!gradient_moves) return 1;
  if (!coordinate_moves) return 0;
  return geometric(std::max(coordinate_probability, 1e-6), coordinate_probability_end, fraction);
}

std::string_view to_string(ExplorerEvent::Kind kind) {
  switch (kind) {
    case ExplorerEvent::Kind::start:
      return "start";
    case ExplorerEvent::Kind::coordinate:
      return "coordinate";
    case ExplorerEvent::Kind::gradient:
      return "gradient";
    case ExplorerEvent::Kind::reset:
      return "reset";
    case ExplorerEvent::Kind::prune:
      return "prune";
  }
  return "";
}

void add(const EnsembleSummary& one, EnsembleSummary& total) {
  total.coordinate_moves += one.coordinate_moves;
  total.gradient_moves += one.gradient_moves;
  total.resets += one.resets;
  total.prunes += one.prunes;
  total.coordinates_tried += one.coordinates_tried;
  total.best_gap_share += one.best_gap_share;
  total.basins += one.basins;
}

Ensemble::Ensemble(std::shared_ptr<const Instance> instance, const ObserverOptions& observer, const RewardOptions& reward,
                   double step_scale, bool credit_by_coordinate, const ExplorerOptions& options, int horizon, Seed seed,
                   const EnsembleShare& share)
    : options_(options),
      horizon_(horizon),
      directions_(static_cast<std::size_t>(instance->dimension())),
      random_(seed.derive("ensemble")),
      best_value_(std::numeric_limits<double>::infinity()),
      actions_(static_cast<std::size_t>(instance->dimension())) {
  validate(options);
  if (share.members < 1 || share.members > instance->dimension() || share.member < 0 || share.member >= share.members) {
    throw std::invalid_argument("ensemble: member " + std::to_string(share.member) + " of " + std::to_string(share.members) +
                                " has no coordinate in " + std::to_string(instance->dimension()) + " dimensions");
  }
  // Unique coordinates: the head of a random permutation, of which every member of the share gets every members-th place.
  std::vector<int> order(directions_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  shuffle(std::span(order), random_);
  for (auto place = static_cast<std::size_t>(share.member); place < order.size();
       place += static_cast<std::size_t>(share.members)) {
    Direction& direction = directions_[static_cast<std::size_t>(order[place])];
    direction.own = true;
    if (static_cast<int>(explorers_.size()) == options.explorers) continue;
    direction.tried = direction.held = true;
    explorers_.push_back({Environment(instance, observer, reward, step_scale, credit_by_coordinate),
                          Random(seed.derive("explorer").derive(static_cast<std::uint64_t>(place)))});
    Explorer& explorer = explorers_.back();
    explorer.environment.record(true);
    explorer.coordinate = order[place];
    explorer.direction = explorer.random.chance(0.5) ? 1 : -1;
  }
}

void Ensemble::begin(Explorer& explorer, int step) {
  std::vector<double> theta(directions_.size());
  explorer.environment.instance().sample_start(explorer.random, theta);
  explorer.environment.start(theta, horizon_ - step);
  explorer.low_steps = 0;
  start_sum_ += explorer.environment.value();
  ++starts_;
  best_value_ = std::min(best_value_, explorer.environment.value());
}

std::vector<Trajectory> Ensemble::run(const Observe& observe) {
  auto tell = [&](ExplorerEvent::Kind kind, std::size_t k, int step) {
    const Explorer& e = explorers_[k];
    if (observe) observe({kind, static_cast<int>(k), e.coordinate, step, e.environment.value(), e.environment.theta()});
  };
  for (std::size_t k = 0; k < explorers_.size(); ++k) {
    begin(explorers_[k], 0);
    tell(ExplorerEvent::Kind::start, k, 0);
  }
  for (int step = 0; step < horizon_; ++step) {
    for (std::size_t k = 0; k < explorers_.size(); ++k) {
      Explorer& e = explorers_[k];
      const double fraction = static_cast<double>(step) / horizon_;
      const double size = options_.step_at(fraction);
      const double p = options_.coordinate_probability_at(fraction);
      const bool along_coordinate = e.random.chance(p);
      std::fill(actions_.begin(), actions_.end(), 0.0F);
      if (along_coordinate) {
        actions_[static_cast<std::size_t>(e.coordinate)] =
            std::clamp(encode_step(static_cast<float>(e.direction * size)), -1.0F, 1.0F);
      } else {
        double square = 0;
        for (double g : e.environment.gradient()) square += g * g;
        const double rms = std::sqrt(square / static_cast<double>(actions_.size()));
        for (std::size_t i = 0; rms > 0 && i < actions_.size(); ++i) {
          actions_[i] = std::clamp(encode_step(static_cast<float>(-size * e.environment.gradient()[i] / rms)), -1.0F, 1.0F);
        }
      }
      e.environment.step(actions_);
      best_value_ = std::min(best_value_, e.environment.best_value());
      tell(along_coordinate ? ExplorerEvent::Kind::coordinate : ExplorerEvent::Kind::gradient, k, step + 1);
      if (along_coordinate) {
        ++summary_.coordinate_moves;
        Direction& direction = directions_[static_cast<std::size_t>(e.coordinate)];
        ++direction.moves;
        direction.gain += e.environment.last_rise();
        if (e.environment.last_rise() <= 0) e.direction = -e.direction;
        if (options_.prune) consider_pruning(e, static_cast<int>(k), step + 1, observe);
      } else {
        ++summary_.gradient_moves;
      }
      e.low_steps = low_reward(e) ? e.low_steps + 1 : 0;
      if (options_.reset && e.low_steps >= options_.reset_after && step + 2 < horizon_) {
        finished_.push_back(e.environment.take_trajectory());
        begin(e, step + 1);
        ++summary_.resets;
        tell(ExplorerEvent::Kind::reset, k, step + 1);
      }
    }
  }
  for (Explorer& e : explorers_) finished_.push_back(e.environment.take_trajectory());

  count_basins();
  for (const Direction& direction : directions_) summary_.coordinates_tried += direction.tried ? 1 : 0;
  summary_.best_gap_share = 1;
  if (const auto optimum = explorers_.front().environment.instance().optimum_value()) {
    const double start_gap = start_sum_ / starts_ - *optimum;
    if (start_gap > 0) summary_.best_gap_share = (best_value_ - *optimum) / start_gap;
  }
  return std::move(finished_);
}

bool Ensemble::low_reward(const Explorer& explorer) const {
  const double mean_start = start_sum_ / starts_;
  return explorer.environment.value() > best_value_ + options_.reset_margin * (mean_start - best_value_);
}

void Ensemble::consider_pruning(Explorer& explorer, int index, int step, const Observe& observe) {
  Direction& own = directions_[static_cast<std::size_t>(explorer.coordinate)];
  if (own.moves < options_.prune_after) return;
  // Poor: gains less a move than the tried coordinates do on average.
  double gain = 0;
  int moves = 0;
  std::vector<int> untried;
  for (std::size_t i = 0; i < directions_.size(); ++i) {
    gain += directions_[i].gain;
    moves += directions_[i].moves;
    if (directions_[i].own && !directions_[i].tried) untried.push_back(static_cast<int>(i));
  }
  if (untried.empty() || own.gain / own.moves > gain / moves) return;
  own.held = false;
  explorer.coordinate = untried[explorer.random.index(untried.size())];
  directions_[static_cast<std::size_t>(explorer.coordinate)].tried = true;
  directions_[static_cast<std::size_t>(explorer.coordinate)].held = true;
  ++summary_.prunes;
  if (observe) {
    observe({ExplorerEvent::Kind::prune, index, explorer.coordinate, step, explorer.environment.value(),
             explorer.environment.theta()});
  }
}

void Ensemble::count_basins() {
  std::vector<std::vector<double>> places;
  for (const Explorer& e : explorers_) {
    const auto lower = e.environment.instance().lower();
    const auto upper = e.environment.instance().upper();
    const auto point = e.environment.best_point();
    const bool known = std::any_of(places.begin(), places.end(), [&](const auto& place) {
      for (std::size_t i = 0; i < place.size(); ++i) {
        if (std::abs(place[i] - point[i]) > 0.02 * (upper[i] - lower[i])) return false;
      }
      return true;
    });
    if (!known) places.emplace_back(point.begin(), point.end());
  }
  summary_.basins = static_cast<int>(places.size());
}

std::int64_t Ensemble::evaluations() const {
  std::int64_t total = 0;
  for (const Explorer& e : explorers_) total += e.environment.evaluations();
  return total;
}

}  // namespace scout
