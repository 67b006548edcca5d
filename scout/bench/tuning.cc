#include "scout/bench/tuning.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <fstream>
#include <numeric>
#include <tuple>

#include "scout/bench/record.h"
#include "scout/bench/statistics.h"

namespace scout::bench {
namespace {

Seed axis(const Task& task, Split split, int index, int seed) {
  return Seed(0)
      .derive("bench")
      .derive(task.problem)
      .derive(task.dimension)
      .derive(to_string(split))
      .derive(index)
      .derive(seed);
}

struct Trial {
  std::unique_ptr<Instance> instance;
  std::vector<double> start;
  double start_value;
};

}  // namespace

Contestant contestant(const OptimizerEntry& entry) {
  return {.name = entry.name, .fingerprint = "", .grid = entry.grid(), .make = entry.make};
}

std::string hash_text(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::uint64_t hash = Seed(0).derive(text).value();
  std::string out(16, '0');
  for (std::size_t i = 0; i < 16; ++i, hash <<= 4) out[i] = kDigits[hash >> 60];
  return out;
}

std::vector<double> start_of(const Instance& instance, const Task& task, Split split, int index, int seed) {
  Random random(axis(task, split, index, seed).derive("start"));
  std::vector<double> start(static_cast<std::size_t>(instance.dimension()));
  instance.sample_start(random, start);
  return start;
}

Seed seed_of(const Task& task, Split split, int index, int seed) {
  return axis(task, split, index, seed).derive("optimizer");
}

void for_each_job(ThreadTeam& team, int count, const std::function<void(int)>& body) {
  std::atomic<int> next{0};
  team.run([&](int) {
    for (int i = next++; i < count; i = next++) body(i);
  });
}

Tuner::Tuner(std::filesystem::path cache, int validation_instances, ThreadTeam& team)
    : cache_path_(std::move(cache)), instances_(validation_instances), team_(team), cache_(nlohmann::json::object()) {
  std::ifstream file(cache_path_);
  if (!file) return;
  cache_ = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!cache_.is_object()) {
    throw std::runtime_error(cache_path_.string() + " is not a cache of tuning results: delete it to tune again");
  }
}

Tuned Tuner::tune(const Task& task, const Contestant& contestant) {
  const auto problem = family(task.problem);
  const int settings = static_cast<int>(contestant.grid.size());
  std::vector<Trial> trials;
  nlohmann::json facts{{"problem", task.problem}, {"dimension", task.dimension},           {"budget", task.budget},
                       {"name", contestant.name}, {"fingerprint", contestant.fingerprint}, {"grid", contestant.grid},
                       {"instances", instances_}};
  for (int i = 0; i < instances_; ++i) {
    Trial trial{problem->sample(Split::validation, static_cast<std::uint64_t>(i), task.dimension), {}, 0};
    trial.start = start_of(*trial.instance, task, Split::validation, i, 0);
    trial.start_value = trial.instance->true_value(trial.start);
    facts["starts"].push_back(std::bit_cast<std::uint64_t>(trial.start_value));
    trials.push_back(std::move(trial));
  }
  auto run = [&](const Optimizer& optimizer, int i) {
    const Trial& trial = trials[static_cast<std::size_t>(i)];
    return execute(*trial.instance, optimizer, trial.start, seed_of(task, Split::validation, i, 0), task.budget).best;
  };
  const auto probe = contestant.make(contestant.grid[contestant.grid.size() / 2]);
  facts["probe"] = std::bit_cast<std::uint64_t>(run(*probe, 0));

  Tuned out;
  out.key = hash_text(facts.dump());
  if (settings == 1) {
    out.settings = contestant.grid.front();
    return out;
  }
  if (const auto known = cache_.find(out.key); known != cache_.end()) {
    out.settings = known->at("settings");
    out.score = known->at("score").is_null() ? INFINITY : known->at("score").get<double>();
    out.cached = true;
    return out;
  }

  std::vector<std::unique_ptr<Optimizer>> optimizers;
  for (const auto& setting : contestant.grid) optimizers.push_back(contestant.make(setting));
  std::vector<std::vector<double>> best(contestant.grid.size(), std::vector<double>(trials.size()));
  for_each_job(team_, settings * instances_, [&](int job) {
    const auto s = static_cast<std::size_t>(job / instances_);
    best[s][static_cast<std::size_t>(job % instances_)] = run(*optimizers[s], job % instances_);
  });

  auto score = [&](std::size_t s) {
    std::vector<double> relative;
    for (std::size_t i = 0; i < trials.size(); ++i) {
      double reference = trials[i].instance->optimum_value().value_or(INFINITY);
      if (std::isinf(reference)) {
        for (const auto& row : best) reference = std::min(reference, row[i]);
      }
      relative.push_back(relative_gap(best[s][i] - reference, trials[i].start_value - reference));
    }
    double mean = 0;  // of what is at most 1: one wild instance decides nothing
    for (double x : relative) mean += std::min(x, 1.0) / static_cast<double>(relative.size());
    return std::tuple{median(relative), mean, s};
  };
  auto winner = score(0);
  nlohmann::json scores = nlohmann::json::array();
  for (std::size_t s = 0; s < contestant.grid.size(); ++s) {
    const auto candidate = score(s);
    scores.push_back(std::get<0>(candidate));
    winner = std::min(winner, candidate);
  }
  out.score = std::get<0>(winner);
  out.settings = contestant.grid[std::get<2>(winner)];
  cache_[out.key] = {
      {"problem", task.problem},  {"dimension", task.dimension}, {"budget", task.budget},   {"optimizer", contestant.name},
      {"settings", out.settings}, {"score", out.score},          {"grid", contestant.grid}, {"scores", scores}};
  write_atomically(cache_path_, cache_.dump(1) + "\n");
  return out;
}

}  // namespace scout::bench
