#include "scout/train/ddpg/pendulum.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>

#include "scout/base/parallel.h"
#include "scout/cli/commands.h"
#include "scout/cli/usage.h"

namespace scout {
namespace {

constexpr double kMeanGate = -170;
constexpr double kSeedGate = -200;

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

int validate_learner(const PendulumOptions& options, int seeds, std::uint64_t first_seed, int threads) {
  std::vector<double> means(static_cast<std::size_t>(seeds));
  ThreadTeam team(threads);
  team.for_jobs(seeds, [&](int k) {
    means[static_cast<std::size_t>(k)] = mean(train_pendulum(options, Seed(first_seed + static_cast<std::uint64_t>(k))));
  });
  fmt::print("Pendulum, {} steps, mean return of {} deterministic episodes\n", options.steps, options.episodes);
  for (int k = 0; k < seeds; ++k) {
    fmt::print("  seed {:<3} {:8.1f}\n", first_seed + static_cast<std::uint64_t>(k), means[static_cast<std::size_t>(k)]);
  }
  const double all = mean(means);
  const double worst = *std::min_element(means.begin(), means.end());
  const bool passed = all >= kMeanGate && worst >= kSeedGate;
  fmt::print("  mean     {:8.1f} (at least {}), worst seed {:.1f} (at least {}): {}\n", all, kMeanGate, worst, kSeedGate,
             passed ? "passed" : "FAILED");
  return passed ? kDone : kFailed;
}

}  // namespace

void add_pendulum(CLI::App& app, int& exit_code) {
  struct Arguments {
    PendulumOptions options;
    int seeds = 5;
    std::uint64_t first_seed = 1;
    int threads = 0;
    std::vector<std::string> assignments;
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("pendulum", "Validate the learner on the classic Pendulum swing-up");
  command->add_option("--seeds", arguments->seeds, "trainings")->capture_default_str()->check(whole_from(1));
  command->add_option("--first-seed", arguments->first_seed, "the others follow it")
      ->capture_default_str()
      ->check(whole_from(0));
  command->add_option("--steps", arguments->options.steps, "steps of each training")->capture_default_str();
  command->add_option("--episodes", arguments->options.episodes, "deterministic episodes after it")->capture_default_str();
  command->add_option("--threads", arguments->threads, "seeds trained at once; 0: one a core")
      ->capture_default_str()
      ->check(whole_from(0));
  command->add_option("--set", arguments->assignments, "key=value ...: options of the learner, e.g. ddpg.twin_critics=true");
  command->footer(R"(Example:
  scout pendulum --seeds 5 --steps 20000 --episodes 100
Exits with 0 if the mean over seeds is at least -170 and every seed's is at least -200, the published level of DDPG (-152.1 in
rl-baselines3-zoo); with 1 otherwise.)");
  command->callback([arguments, &exit_code] {
    apply_assignments(arguments->options, arguments->assignments);
    exit_code = validate_learner(arguments->options, arguments->seeds, arguments->first_seed, arguments->threads);
  });
}

}  // namespace scout
