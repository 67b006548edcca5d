#include "scout/bench/run/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include "scout/base/json_lines.h"
#include "scout/bench/run/execute.h"
#include "scout/bench/tables/statistics.h"
#include "scout/problem/catalog/family.h"

namespace scout::bench {
namespace {

Seed axis(const Task& task, Split split, int index, int seed) {
  const Seed of_task = Seed(0).derive("bench").derive(task.problem).derive(task.dimension);
  return of_task.derive(to_string(split)).derive(index).derive(seed);
}

struct Trial {
  std::unique_ptr<Instance> instance;
  std::vector<double> start;
  double start_value;
};

constexpr std::int64_t kStochasticProbe = 20;  // calls
constexpr std::size_t kFirstStride = 4;        // of a search along the learning rate

nlohmann::json read_cache(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) return nlohmann::json::object();
  nlohmann::json cache;
  try {
    cache = parse_json({std::istreambuf_iterator<char>(file), {}});
  } catch (const std::invalid_argument&) {  // and so no object
  }
  if (!cache.is_object()) {
    throw std::runtime_error(path.string() + " is not a cache of tuning results: delete it to tune again");
  }
  return cache;
}

/// By all else that they set, the places in `grid` of settings that differ in `lr` alone, by rising `lr`.
std::map<std::string, std::vector<std::size_t>> rate_axes(const std::vector<nlohmann::json>& grid) {
  std::map<std::string, std::vector<std::size_t>> axes;
  for (std::size_t s = 0; s < grid.size(); ++s) {
    auto others = grid[s];
    others.erase("lr");
    axes[json_text(others)].push_back(s);
  }
  for (auto& [others, axis] : axes) {
    std::ranges::stable_sort(axis, {}, [&](std::size_t s) { return grid[s].value("lr", 0.0); });
  }
  return axes;
}

/// What tuning knows of one optimizer on one task so far.
class Scores {
 public:
  using Score = std::tuple<double, double, std::size_t>;  ///< median, mean, setting: lower is better

  Scores(const std::vector<Trial>& trials, std::size_t settings) : trials_(trials), ends_(settings) {}

  bool tried(std::size_t s) const { return !ends_[s].empty(); }
  /// `ends` [instances]: what setting `s` reached.
  void add(std::size_t s, std::vector<double> ends) { ends_[s] = std::move(ends); }

  Score of(std::size_t s) const {
    std::vector<double> relative;
    double mean = 0;  // of what is at most 1: one wild instance decides nothing
    for (std::size_t i = 0; i < trials_.size(); ++i) {
      const double reference = reference_of(i);
      relative.push_back(relative_gap(ends_[s][i] - reference, trials_[i].start_value - reference));
      mean += std::min(relative.back(), 1.0) / static_cast<double>(trials_.size());
    }
    return {median(relative), mean, s};
  }

  /// The best of `among` that was tried.
  Score best(const std::vector<std::size_t>& among) const {
    Score out{INFINITY, INFINITY, ends_.size()};
    for (std::size_t s : among) {
      if (tried(s)) out = std::min(out, of(s));
    }
    return out;
  }

 private:
  double reference_of(std::size_t i) const {
    const Instance& instance = *trials_[i].instance;
    if (instance.stochastic()) return 0;
    if (const auto optimum = instance.optimum_value()) return *optimum;
    double least = INFINITY;
    for (const auto& ends : ends_) {
      if (!ends.empty()) least = std::min(least, ends[i]);
    }
    return least;
  }

  const std::vector<Trial>& trials_;
  std::vector<std::vector<double>> ends_;
};

}  // namespace

void pin(Contestant& contestant, const std::vector<Pin>& pins) {
  for (const Pin& pin : pins) {
    std::set<std::string> known;
    for (const auto& settings : contestant.grid) {
      if (settings.contains(pin.key)) known.insert(json_text(settings[pin.key]));
    }
    std::erase_if(contestant.grid, [&](const auto& settings) { return !pin.holds(settings); });
    if (!contestant.grid.empty()) continue;
    throw_bad_option("optimizers", '"' + contestant.name + ':' + pin.key + pin.relation + pin.value + '"',
                     known.empty()
                         ? fmt::format("of a setting that is tuned: {} has no '{}'", contestant.name, pin.key)
                         : fmt::format("of a setting in its grid: {} is one of {}", pin.key, fmt::join(known, ", ")));
  }
}

std::string hash_text(std::string_view text) { return fmt::format("{:016x}", Seed(0).derive(text).value()); }

std::vector<double> start_of(const Instance& instance, const Task& task, Split split, int index, int seed) {
  Random random(axis(task, split, index, seed).derive("start"));
  return first_start(instance, random);
}

Seed seed_of(const Task& task, Split split, int index, int seed) {
  return axis(task, split, index, seed).derive("optimizer");
}

Tuner::Tuner(std::filesystem::path cache, const std::filesystem::path& archive, const Suite& suite, ThreadTeam& team)
    : cache_path_(std::move(cache)),
      instances_(suite.validation),
      search_(suite.tuning == "search"),
      team_(team),
      cache_(read_cache(cache_path_)),
      archive_(read_cache(archive)) {}

void refuse_to_tune_on_fixed(const Task& task, const Contestant& contestant) {
  if (contestant.grid.size() < 2 || family(task.problem)->fixed_instances() == 0) return;
  throw_bad_option(
      "optimizers", '"' + contestant.name + '"',
      fmt::format("pinned to one setting, since nothing is tuned on '{}', which is for judging alone: {} has {}, "
                  "such as {}",
                  task.problem, contestant.name, contestant.grid.size(), json_text(contestant.grid.front())));
}

Tuned Tuner::tune(const Task& task, const Contestant& contestant) {
  refuse_to_tune_on_fixed(task, contestant);
  const auto& grid = contestant.grid;
  const auto problem = family(task.problem);
  // Of fixed problems, which have no other instances, none is tuned on: they only go into the key.
  const Split split = problem->fixed_instances() > 0 ? Split::test : Split::validation;
  const int instances = problem->fixed_instances() > 0 ? std::min(instances_, problem->fixed_instances()) : instances_;
  std::vector<Trial> trials;
  nlohmann::json facts{{"problem", task.problem}, {"dimension", task.dimension},           {"budget", task.budget},
                       {"name", contestant.name}, {"fingerprint", contestant.fingerprint}, {"grid", grid},
                       {"instances", instances_}};
  if (search_ && grid.size() > 1) facts["tuning"] = "search";
  const auto fact = [](const Instance& instance, double f, int digits) {
    return instance.stochastic() ? nlohmann::json(fmt::format("{:.{}g}", f, digits))
                                 : nlohmann::json(std::bit_cast<std::uint64_t>(f));
  };
  for (int i = 0; i < instances; ++i) {
    Trial trial{problem->sample(split, static_cast<std::uint64_t>(i), task.dimension), {}, 0};
    trial.start = start_of(*trial.instance, task, split, i, 0);
    trial.start_value = trial.instance->true_value(trial.start);
    facts["starts"].push_back(fact(*trial.instance, trial.start_value, 4));
    trials.push_back(std::move(trial));
  }
  const bool stochastic = trials.front().instance->stochastic();
  auto run = [&](const Optimizer& optimizer, int i, std::int64_t budget) {
    const Trial& trial = trials[static_cast<std::size_t>(i)];
    const auto outcome =
        execute(*trial.instance, optimizer, trial.start, seed_of(task, split, i, 0), budget, {.curve = !stochastic});
    return stochastic ? outcome.final : outcome.best;
  };
  const auto probe = contestant.make(grid[grid.size() / 2]);
  const std::int64_t probe_budget = stochastic ? std::min(task.budget, kStochasticProbe) : task.budget;
  facts["probe"] = fact(*trials.front().instance, run(*probe, 0, probe_budget), 3);

  Tuned out;
  out.key = hash_text(json_text(facts));
  if (grid.size() == 1) {
    out.settings = grid.front();
    return out;
  }
  for (const auto* cache : {&cache_, &archive_}) {
    const auto known = cache->find(out.key);
    if (known == cache->end()) continue;
    out.settings = known->at("settings");
    out.score = known->at("score").is_null() ? INFINITY : known->at("score").get<double>();
    out.cached = true;
    return out;
  }

  Scores scores(trials, grid.size());
  const auto try_settings = [&](const std::vector<std::size_t>& chosen) {
    std::vector<std::unique_ptr<Optimizer>> optimizers;
    for (std::size_t s : chosen) optimizers.push_back(contestant.make(grid[s]));
    std::vector<std::vector<double>> ends(chosen.size(), std::vector<double>(trials.size()));
    team_.for_jobs(static_cast<int>(chosen.size()) * instances_, [&](int job) {
      const auto c = static_cast<std::size_t>(job / instances_);
      ends[c][static_cast<std::size_t>(job % instances_)] = run(*optimizers[c], job % instances_, task.budget);
    });
    for (std::size_t c = 0; c < chosen.size(); ++c) scores.add(chosen[c], std::move(ends[c]));
  };
  const auto axes = rate_axes(grid);
  const std::size_t stride = search_ ? kFirstStride : 1;
  std::vector<std::size_t> chosen;
  for (const auto& [others, axis] : axes) {
    for (std::size_t at = 0; at < axis.size(); at += stride) chosen.push_back(axis[at]);
  }
  try_settings(chosen);
  for (std::size_t distance = stride / 2; distance > 0; distance /= 2) {
    chosen.clear();
    for (const auto& [others, axis] : axes) {
      const auto at = static_cast<std::size_t>(std::ranges::find(axis, std::get<2>(scores.best(axis))) - axis.begin());
      if (at >= distance) chosen.push_back(axis[at - distance]);
      if (at + distance < axis.size()) chosen.push_back(axis[at + distance]);
    }
    std::erase_if(chosen, [&](std::size_t s) { return scores.tried(s); });
    try_settings(chosen);
  }

  std::vector<std::size_t> all(grid.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const auto winner = scores.best(all);
  out.score = std::get<0>(winner);
  out.settings = grid[std::get<2>(winner)];
  nlohmann::json tried = nlohmann::json::array(), found = tried;
  for (std::size_t s : all) {
    if (!scores.tried(s)) continue;
    const double score = std::get<0>(scores.of(s));
    tried.push_back(grid[s]);
    found.push_back(stochastic ? round_to_digits(score, 6) : score);
  }
  out.tried = static_cast<int>(tried.size());
  cache_[out.key] = {
      {"problem", task.problem},  {"dimension", task.dimension}, {"budget", task.budget}, {"optimizer", contestant.name},
      {"settings", out.settings}, {"score", out.score},          {"grid", tried},         {"scores", found}};
  write_atomically(cache_path_, json_text(cache_, 1) + "\n");
  return out;
}

}  // namespace scout::bench
