#include "scout/train/mover/ensemble.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/base/names.h"

namespace scout {
namespace {

double geometric(double from, double to, double fraction) { return from * std::pow(to / from, fraction); }

}  // namespace

std::vector<const ExplorerEntry*> explorer_kinds(const EnsembleOptions& options, Explored explored) {
  if (options.life > 0 && explored != Explored::coordinates) {
    throw_bad_option("ensemble.life", std::to_string(options.life),
                     "0 for explorers of " + std::string(to_string(explored)));
  }
  if (options.first > 0 && explored == Explored::decisions) {
    throw_bad_option("ensemble.first", std::to_string(options.first), "0 for explorers of decisions");
  }
  for (const auto& [key, value] : {std::pair{"ensemble.chain", options.chain},
                                   {"ensemble.horizon", double(options.horizon)},
                                   {"ensemble.demonstrations", double(options.demonstrations)}}) {
    if (value > 0 && options.life == 0) throw_bad_option(key, json_text(value), "0 without ensemble.life");
  }
  std::vector<const ExplorerEntry*> fitting, chosen;
  std::vector<std::string> names;
  for (const ExplorerEntry& entry : explorer_table()) {
    if (entry.explored != explored) continue;
    fitting.push_back(&entry);
    names.emplace_back(entry.name);
  }
  if (options.movers.empty()) return fitting;
  for (const std::string& name : options.movers) {
    const auto found = std::ranges::find(fitting, name, &ExplorerEntry::name);
    if (found == fitting.end())
      throw_bad_option("ensemble.movers", "\"" + name + "\"",
                       "of " + join_names(names) + ", which explore " + std::string(to_string(explored)));
    if (std::ranges::find(chosen, *found) != chosen.end()) {
      throw_bad_option("ensemble.movers", "\"" + name + "\" twice",
                       "of kinds that differ: no two explorers hold one direction");
    }
    chosen.push_back(*found);
  }
  return chosen;
}

double EnsembleOptions::step_at(double fraction) const { return geometric(step, step_end, fraction); }

double EnsembleOptions::coordinate_probability_at(double fraction) const {
  if (!gradient_moves) return 1;
  if (!coordinate_moves) return 0;
  return std::min(geometric(std::max(coordinate_probability, 1e-6), coordinate_probability_end, fraction), 1.0);
}

std::string_view to_string(ExplorerEvent::Kind kind) {
  constexpr std::string_view names[]{"start", "coordinate", "gradient", "reset", "prune"};
  return names[static_cast<std::size_t>(kind)];
}

void EnsembleSummary::add(const EnsembleSummary& other) {
  coordinate_moves += other.coordinate_moves;
  gradient_moves += other.gradient_moves;
  resets += other.resets;
  prunes += other.prunes;
  coordinates_tried += other.coordinates_tried;
  best_gap_share += other.best_gap_share;
  basins += other.basins;
}

Ensemble::Ensemble(const EnsembleTask& task, const EnsembleOptions& options) : options_(options), task_(task) {
  validate(options);
  const auto [member, members] = task.share;
  const auto stride = static_cast<std::size_t>(std::max(members, 1));
  Random random(task.seed.derive("ensemble"));
  std::size_t most = 0;
  for (const ExplorerEntry* entry : explorer_kinds(options, task.explored())) {
    Kind kind{entry, entry->make({*task.instance, task.recorded, task.decision_size, options.life > 0}, random), {}, {}};
    const std::size_t count = kind.kind.directions;
    if (members < 1 || member < 0 || member >= members || count < stride) {
      throw std::invalid_argument("ensemble: member " + std::to_string(member) + " of " + std::to_string(members) +
                                  " has no direction of kind '" + entry->name + "' among " + std::to_string(count));
    }
    // Unique directions: of a random permutation every member of the share gets every members-th place.
    const std::vector<std::size_t> all = random_order(count, random);
    kind.directions.resize(count);
    for (std::size_t place = static_cast<std::size_t>(member); place < count; place += stride) {
      kind.directions[all[place]].own = true;
      kind.order.push_back(all[place]);
    }
    most += kind.order.size();
    kinds_.push_back(std::move(kind));
  }
  for (int k = 0; k < options.explorers && members_.size() < most; ++k) {
    const int number = member + k * members;
    std::size_t which = static_cast<std::size_t>(member * options.explorers + k) % kinds_.size();
    while (kinds_[which].dealt == kinds_[which].order.size()) which = (which + 1) % kinds_.size();
    Kind& kind = kinds_[which];
    members_.push_back({Random(task.seed.derive("explorer").derive(number)),
                        Episode(task.instance, task.stepper, task.episode, task.plan), which, kind.kind.explorer()});
    const std::size_t direction = kind.order[kind.dealt++];
    kind.directions[direction].tried = true;
    members_.back().explorer->hold(direction, members_.back().random);
  }
}

void Ensemble::tell(ExplorerEvent::Kind kind, const Member& m, int step) const {
  if (!observe_) return;
  observe_({kind, static_cast<int>(&m - members_.data()), kinds_[m.kind].entry->name,
            static_cast<int>(m.explorer->direction()), step, m.episode.value(), m.episode.theta()});
}

void Ensemble::begin(Member& m, int step, ExplorerEvent::Kind kind) {
  const bool chained = options_.chain > 0 && !best_point_.empty() && m.random.chance(options_.chain);
  const std::vector<double> theta = chained ? best_point_ : sample_start(*task_.instance, m.random);
  Recording recording = m.explorer->recording(task_.recorded, m.random);
  recording.decisions = task_.decisions;
  m.episode.start(theta, std::move(recording), options_.life > 0 ? task_.plan.horizon : task_.plan.horizon - step);
  m.explorer->begin(m.episode, m.random);
  m.low_steps = 0;
  m.born = step;
  if (!chained) start_sum_ += m.episode.value(), ++starts_;
  note_best(m.episode);
  tell(kind, m, step);
}

std::vector<Trajectory> Ensemble::run(const Observe& observe) {
  observe_ = observe;
  for (Member& m : members_) begin(m, 0, ExplorerEvent::Kind::start);
  for (int t = 0; t < horizon(); ++t) {
    for (Member& m : members_) step(m, t);
  }
  finish();
  if (options_.demonstrations > 0) finished_.clear();
  const Seed seed = task_.seed.derive("demonstration");
  for (int k = 0; k < options_.demonstrations; ++k) finished_.push_back(demonstrate(Random(seed.derive(k))));
  return std::move(finished_);
}

void Ensemble::note_best(const Episode& episode) {
  if (options_.life > 0 && episode.best_value() < best_value_) {
    best_point_.assign(episode.best_point().begin(), episode.best_point().end());
  }
  best_value_ = std::min(best_value_, episode.best_value());
}

Trajectory Ensemble::demonstrate(Random random) {
  Episode episode(task_.instance, task_.stepper, task_.episode, task_.plan);
  Episode* const one = &episode;
  ProposalScratch scratch;
  // `step(i)`: of a coordinate, in units of the step scale.
  const auto go = [&](int steps, auto&& step) {
    const auto move = [&](Episode& e) {
      for (std::size_t i = 0; i < best_point_.size(); ++i) {
        e.run().actions()[i] = std::clamp(e.run().action_of(static_cast<float>(step(i))), -1.0F, 1.0F);
      }
    };
    for (int t = 0; t < steps; ++t) Episode::step({&one, 1}, scratch, {.move = move, .propose = false});
  };
  const bool from_start = random.chance(0.5);
  const double size = from_start ? 1.0 : random.log_uniform(1e-3, 1.0);
  const int walk = static_cast<int>(random.index(static_cast<std::uint64_t>(options_.scatter) + 1));
  episode.start(from_start ? sample_start(*task_.instance, random) : best_point_, {}, std::max(walk, 1));
  go(walk, [&](std::size_t i) {
    const double there = episode.theta()[i] + episode.scale() * size * random.uniform(-1, 1);
    return (std::clamp(there, task_.instance->lower()[i], task_.instance->upper()[i]) - episode.theta()[i]) /
           episode.scale();
  });
  const std::vector<double> from(episode.theta().begin(), episode.theta().end());
  episode.start(from, {.all = true}, task_.plan.horizon);
  go(life(), [&](std::size_t i) { return (best_point_[i] - episode.theta()[i]) / episode.scale(); });
  shown_ += episode.evaluations();
  return episode.take_trajectory();
}

void Ensemble::step(Member& m, int t) {
  if (m.episode.over()) return;
  const double fraction = static_cast<double>(t - (options_.life > 0 ? m.born : 0)) / life();
  const double size = options_.step_at(fraction);
  const bool decisions = task_.decisions.has_value();
  if (!decisions || m.episode.run().decision_due()) {
    m.along = m.random.chance(options_.coordinate_probability_at(fraction));
  }
  Episode* const episode = &m.episode;
  const auto move = [&](Episode& e) { m.along ? m.explorer->explore(e, size) : m.explorer->settle(e, size); };
  Moves moves{.propose = m.explorer->follows_rule()};
  (decisions ? moves.decide : moves.move) = move;
  Episode::step({&episode, 1}, scratch_, moves);
  if (!m.episode.failed()) note_best(m.episode);
  ++(m.along ? summary_.coordinate_moves : summary_.gradient_moves);
  tell(m.along ? ExplorerEvent::Kind::coordinate : ExplorerEvent::Kind::gradient, m, t + 1);
  if (m.along && (!decisions || m.episode.over() || m.episode.run().decision_due())) end_move(m, t + 1);
  const double mean_start = start_sum_ / starts_;
  const bool low = m.episode.value() > best_value_ + options_.reset_margin * (mean_start - best_value_);
  m.low_steps = low ? m.low_steps + 1 : 0;
  const bool lived = options_.life > 0 && t + 1 - m.born >= life();
  if (lived && t + 1 < horizon()) {
    finished_.push_back(m.episode.take_trajectory());
    begin(m, t + 1, ExplorerEvent::Kind::start);
  } else if (!lived && options_.reset && (m.low_steps >= options_.reset_after || m.episode.failed()) && t + 2 < horizon()) {
    finished_.push_back(m.episode.take_trajectory());
    begin(m, t + 1, ExplorerEvent::Kind::reset);
    ++summary_.resets;
  }
}

void Ensemble::end_move(Member& m, int t) {
  Direction& direction = kinds_[m.kind].directions[m.explorer->direction()];
  ++direction.moves;
  direction.gain += m.explorer->judge(m.episode);
  if (options_.prune && m.explorer->prunable() && prune(m)) tell(ExplorerEvent::Kind::prune, m, t);
}

bool Ensemble::prune(Member& m) {
  std::vector<Direction>& directions = kinds_[m.kind].directions;
  const Direction& own = directions[m.explorer->direction()];
  if (own.moves < options_.prune_after) return false;
  double gain = 0;
  int moves = 0;
  std::vector<std::size_t> untried;
  for (std::size_t i = 0; i < directions.size(); ++i) {
    gain += directions[i].gain;
    moves += directions[i].moves;
    if (directions[i].own && !directions[i].tried) untried.push_back(i);
  }
  if (untried.empty() || own.gain / own.moves > gain / moves) return false;
  const std::size_t next = untried[m.random.index(untried.size())];
  directions[next].tried = true;
  m.explorer->hold(next, m.random);
  ++summary_.prunes;
  return true;
}

void Ensemble::finish() {
  std::vector<std::vector<double>> places;
  const Instance& instance = *task_.instance;
  for (Member& m : members_) {
    finished_.push_back(m.episode.take_trajectory());
    const auto point = task_.episode.weights ? m.episode.theta() : m.episode.best_point();
    const bool known = std::ranges::any_of(places, [&](const auto& place) {
      for (std::size_t i = 0; i < place.size(); ++i) {
        if (std::abs(place[i] - point[i]) > 0.02 * (instance.upper()[i] - instance.lower()[i])) return false;
      }
      return true;
    });
    if (!known) places.emplace_back(point.begin(), point.end());
  }
  summary_.basins = static_cast<int>(places.size());
  for (const Kind& kind : kinds_) {
    summary_.coordinates_tried += static_cast<int>(std::ranges::count(kind.directions, true, &Direction::tried));
  }
  // Losses are not below 0.
  const auto optimum = task_.episode.weights ? instance.optimum_value().value_or(0.0) : instance.optimum_value();
  const double start_gap = start_sum_ / starts_ - optimum.value_or(0.0);
  summary_.best_gap_share = optimum && start_gap > 0 ? (best_value_ - *optimum) / start_gap : 1;
}

std::int64_t Ensemble::evaluations() const {
  std::int64_t sum = shown_;
  for (const Member& member : members_) sum += member.episode.evaluations();
  return sum;
}

}  // namespace scout
