// Speed of meta-training beside a straightforward LibTorch implementation of the same loop (libtorch_training.h), on one
// core.
//
//   build/benchmarks/meta_training_speed configs/evolution.toml [--out FILE.json] [--repeats N]
//   build/benchmarks/meta_training_speed configs/evolution.toml --until SCORE [--out FILE.json] [--set rounds=N] [--seed S]
//
// The loop: whole rounds of both, Scout's by its Trainer. A coordinate-step is one coordinate of one environment in one
// step: features, policy, f and ∇f. An update is a batch and an update of the twin critics and, every second time, of actor
// and targets. Both are counted over the time of the loop. LibTorch does it with one object of tensors for each environment,
// as Scout does, and with all environments of a candidate side by side in the same tensors; the network sees all of them at
// once in either case.
//
// The parts: rollouts and updates alone. How many updates a second the multiply-adds of one would allow at the rate of a
// plain loop of them says what there is to win.
//
// All take turns in one run; figures are medians over the repeats, of ratios too; time is the thread's own CPU time. Memory:
// growth of the resident set from the program's start to its peak, each in a process of its own.
//
// With --until: wall clock of the training that the file describes, until its validation score is SCORE or better.
#include <cblas.h>
#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <limits>

#include "benchmarks/libtorch_training.h"
#include "benchmarks/measure.h"
#include "scout/policy/rules.h"
#include "scout/train/ddpg/ddpg.h"
#include "scout/train/ddpg/replay.h"
#include "scout/train/trainer.h"

namespace {

namespace benchmark = scout::benchmark;
using scout::TrainOptions;

constexpr int kUpdates = 100;

/// Scout's rollouts and updates, apart from each other.
class ScoutParts {
 public:
  ScoutParts(const TrainOptions& options, const benchmark::Tasks& tasks)
      : options_(options),
        tasks_(tasks),
        rule_(scout::make_rule({.hidden = options.policy.hidden,
                                .proposals = options.policy.proposals,
                                .step_scale = options.policy.step_scale})),
        ddpg_(*rule_->actor(), options.ddpg, scout::Seed(1), alone_),
        replay_(static_cast<std::size_t>(options.replay.capacity)) {
    const scout::Slice slice = scout::slice_of(*rule_, "body");
    ddpg_.own(slice.begin, slice.end);
  }
  const scout::Actor& actor() const { return ddpg_.actor(); }
  void roll_out(bool record) {
    const auto stepper = rule_->with(ddpg_.actor_parameters());
    const auto m = static_cast<std::size_t>(options_.dimensions.front());
    std::vector<scout::Rollout> rollouts(1);
    for (std::size_t e = 0; e < tasks_.instances.size(); ++e) {
      scout::RunRequest run{.instance = tasks_.instances[e], .stepper = stepper};
      const auto start = std::span(tasks_.starts).subspan(e * m, m);
      run.start.assign(start.begin(), start.end());
      run.plan.horizon = options_.rollout.horizon;
      run.recording.all = record;
      rollouts.front().runs.push_back(std::move(run));
    }
    scout::roll_out(rollouts, {.step_scale = options_.policy.step_scale, .reward = options_.reward}, alone_);
    for (scout::RunResult& result : rollouts.front().results) {
      if (record) replay_.add(std::move(result.trajectory));
    }
  }
  void update(int count) {
    const scout::DdpgOptions& ddpg = options_.ddpg;
    for (int k = 0; k < count; ++k) {
      batch_.clear(ddpg.batch * options_.dimensions.front(), ddpg_.actor().features(), ddpg_.actor().actions());
      replay_.sample(ddpg.batch, ddpg.n_step, static_cast<float>(ddpg.discount), ddpg.rows, random_, batch_);
      ddpg_.update(batch_, random_);
    }
  }

 private:
  TrainOptions options_;
  const benchmark::Tasks& tasks_;
  scout::ThreadTeam alone_{1};
  std::shared_ptr<const scout::UpdateRule> rule_;
  scout::Ddpg ddpg_;
  scout::Replay replay_;
  scout::Batch batch_;
  scout::Random random_{scout::Seed(2)};
};

/// Resident memory in MB, now ("VmRSS") or at its peak ("VmHWM").
double resident(const std::string& which) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(which, 0) == 0) return std::stod(line.substr(which.size() + 1)) / 1024;
  }
  return 0;
}

/// Runs `body` in a process of its own, and returns by how many MB that grew, the pages of program files left out.
double memory_of(const std::function<void()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  if (const pid_t child = fork(); child == 0) {
    const double before = resident("VmRSS") - resident("RssFile");
    std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins here
    body();
    const double grown = resident("VmHWM") - resident("RssFile") - before;
    const bool told = write(ends[1], &grown, sizeof grown) == sizeof grown;
    _exit(told ? 0 : 1);
  } else {
    double grown = 0;
    if (read(ends[0], &grown, sizeof grown) != sizeof grown) grown = 0;
    close(ends[0]);
    close(ends[1]);
    waitpid(child, nullptr, 0);
    return grown;
  }
}

/// Multiply-adds of the matrix products of an update, the mean of those with and without one of the actor.
double multiply_adds(const TrainOptions& options, const scout::Actor& actor) {
  const scout::DdpgOptions& ddpg = options.ddpg;
  const double batch = ddpg.batch;
  const double rows = batch * options.dimensions.front();
  const double width = ddpg.critic_hidden[0], width2 = ddpg.critic_hidden[1];
  const double first = rows * (actor.features() + actor.actions()) * width;
  const double second = rows * width * width2 + (ddpg.pooled_critic ? batch * width * width2 : 0);
  const double critic = first + second + rows * width2;
  const double critic_gradient = first + 2 * second + 2 * rows * width2;  // of its parameters: none of its input
  const double action_gradient = second + rows * (width + width2);
  double network = rows * static_cast<double>(actor.head().size());
  double network_gradient = network;
  const std::vector<int>& sizes = actor.network().sizes();
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    const double layer = rows * sizes[l] * sizes[l + 1];
    network += layer;
    network_gradient += l == 0 ? layer : 2 * layer;
  }
  const double critics = ddpg.twin_critics ? 2 : 1;
  const double of_actor = network + network_gradient + critic * (ddpg.imitation > 0 ? 2 : 1) + action_gradient;
  return network + critics * (2 * critic + critic_gradient) + of_actor / ddpg.actor_delay;
}

/// Prints lines of what was measured, and keeps it.
struct Results {
  nlohmann::json json;

  /// Rates of both sides, a repeat each, in units of which each is `of_one`.
  void line(const char* name, const char* what, std::vector<double> ours, std::vector<double> theirs, double of_one = 1) {
    const double ratio = benchmark::median_ratio(ours, theirs);
    for (double& x : ours) x *= of_one;
    for (double& x : theirs) x *= of_one;
    std::printf("  %-50s %11.4g a second, LibTorch %10.4g: %6.1f x\n", what, benchmark::median(ours),
                benchmark::median(theirs), ratio);
    json[name] = {{"scout", ours}, {"libtorch", theirs}, {"median_ratio", ratio}};
  }
  /// How far updates are from the most that multiply-adds allow.
  void bound(double products, const std::vector<double>& peaks) {
    const double most = benchmark::median(peaks) / products;
    auto percent = [&](const char* side) {
      return 100 * benchmark::median(json["updates_per_second"][side].get<std::vector<double>>()) / most;
    };
    std::printf(
        "  an update is %.1f million multiply-adds. A plain loop of those would make %.0f updates a second:\n"
        "  Scout makes %.0f %% of that, and ten times LibTorch's would be %.0f %%\n",
        1e-6 * products, most, percent("scout"), 10 * percent("libtorch"));
    json["multiply_adds_of_an_update"] = products;
    json["peak_multiply_adds_per_second"] = peaks;
  }
};

nlohmann::json measure_rates(TrainOptions options, int repeats) {
  options.ddpg.critic_first = 0;  // the updates of most of a training: of the actor too
  options.threads = 1;
  options.rounds = options.validation.every = std::numeric_limits<int>::max();
  const benchmark::Tasks tasks(options, options.evolution.instances, scout::Seed(1));
  const auto environments = tasks.instances.size();
  Results results;
  const double scout_memory = memory_of([&] {
    scout::Trainer trainer(options, 1);
    trainer.round();
  });
  const double libtorch_memory = memory_of([&] { benchmark::LibTorchTraining(options, environments).round(); });
  results.json["memory_mb"] = {{"scout", scout_memory}, {"libtorch", libtorch_memory}};
  results.json["environments"] = environments;

  // The first of each fills caches and replays.
  scout::Trainer trainer(options, 1);
  ScoutParts scout(options, tasks);
  benchmark::LibTorchTraining objects(options, 1);
  benchmark::LibTorchTraining together(options, environments);
  auto one = [](benchmark::LibTorchTraining& training) { return training.try_candidate(training.mean(), 0); };
  trainer.round();
  scout.roll_out(true);
  one(objects);
  const double begin = one(together);
  together.round();

  constexpr int kRounds = 4;
  const double length = options.dimensions.front() * static_cast<double>(options.rollout.horizon);
  const double steps = static_cast<double>(environments) * length;
  std::vector<double> loop, loop_objects, loop_together;  // rounds a second
  std::vector<double> rollouts, rollouts_objects, rollouts_together, updates, libtorch_updates, peaks;
  auto rate = [](double count, auto&& body) { return count / benchmark::seconds_of(body); };
  for (int k = 0; k < repeats; ++k) {
    loop.push_back(rate(kRounds, [&] {
      for (int r = 0; r < kRounds; ++r) trainer.round();
    }));
    loop_together.push_back(rate(1, [&] { together.round(); }));
    loop_objects.push_back(rate(1, [&] { objects.round(); }));
    rollouts.push_back(rate(steps, [&] { scout.roll_out(false); }));
    rollouts_objects.push_back(rate(steps, [&] { one(objects); }));
    rollouts_together.push_back(rate(steps, [&] { one(together); }));
    updates.push_back(rate(kUpdates, [&] { scout.update(kUpdates); }));
    libtorch_updates.push_back(rate(kUpdates, [&] { together.update(kUpdates); }));
    peaks.push_back(benchmark::multiply_adds_per_second());
  }

  const double round_steps = options.evolution.population * steps + options.rollout.episodes * length;
  std::printf("the loop, LibTorch with an object for each environment\n");
  results.line("loop_coordinate_steps_per_second", "coordinate-steps", loop, loop_objects, round_steps);
  results.line("loop_updates_per_second", "updates", loop, loop_objects, options.updates);
  std::printf("the loop, LibTorch with environments side by side\n");
  results.line("loop_coordinate_steps_per_second_side_by_side", "coordinate-steps", loop, loop_together, round_steps);
  results.line("loop_updates_per_second_side_by_side", "updates", loop, loop_together, options.updates);
  std::printf("its parts\n");
  results.line("coordinate_steps_per_second", "rollouts: coordinate-steps", rollouts, rollouts_objects);
  results.line("coordinate_steps_per_second_side_by_side", "the same, LibTorch's side by side", rollouts, rollouts_together);
  results.line("updates_per_second", "updates alone", updates, libtorch_updates);
  results.bound(multiply_adds(options, scout.actor()), peaks);
  const double end = one(together);
  std::printf("LibTorch's loop learns: mean log gap on its generation's tasks %.2f, and %.2f %d rounds later\n", begin, end,
              repeats + 1);
  results.json["libtorch_mean_log_gap"] = {begin, end};
  std::printf("memory of a round: %.0f MB, LibTorch %.0f MB\n", scout_memory, libtorch_memory);
  return results.json;
}

nlohmann::json measure_training(const TrainOptions& options, std::uint64_t seed, double score) {
  const auto begin = std::chrono::steady_clock::now();
  scout::Trainer trainer(options, seed);
  nlohmann::json curve = nlohmann::json::array();
  bool reached = false;
  while (!trainer.finished() && !reached) {
    const scout::RoundReport report = trainer.round();
    if (!report.validated) continue;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    curve.push_back({{"round", report.round}, {"seconds", seconds}, {"score", report.validation_score}});
    std::printf("round %lld: score %.3f after %.1f s\n", static_cast<long long>(report.round), report.validation_score,
                seconds);
    std::fflush(stdout);
    reached = report.validation_score <= score;
  }
  std::printf(reached ? "reached %.3f\n" : "did not reach %.3f\n", score);
  return {{"score", score}, {"reached", reached}, {"seed", seed}, {"threads", trainer.threads()}, {"curve", curve}};
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Rollouts and updates of a training a second, beside LibTorch; or the time of a whole training"};
  const benchmark::CommonOptions common(app, 3);
  std::string config;
  std::vector<std::string> assignments;
  std::uint64_t seed = 1;
  double score = 0;
  app.add_option("config", config, "the training, e.g. configs/evolution.toml")->required();
  app.add_option("--set", assignments, "key=value ...: options of the training");
  const auto* until = app.add_option("--until", score, "train until this validation score, and tell how long that took");
  app.add_option("--seed", seed, "of that training")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  at::set_num_threads(1);
  openblas_set_num_threads(1);  // LibTorch multiplies matrices with it

  TrainOptions options;
  options.learners = {"evolution", "ddpg"};
  options.policy.by_coordinate = true;
  scout::set_training_options(options, scout::read_toml(config));
  for (const auto& assignment : assignments) scout::set_training_options(options, scout::parse_assignment(assignment));
  const bool training = until->count() > 0;
  nlohmann::json result = training ? measure_training(options, seed, score) : measure_rates(options, common.repeats);
  result["benchmark"] = training ? "meta_training_time" : "meta_training_speed";
  result["config"] = config;
  benchmark::write_result(common.out, result, {{"libtorch", TORCH_VERSION}, {"openblas", openblas_get_config()}});
} catch (const std::exception& error) {
  std::fprintf(stderr, "meta_training_speed: %s\n", error.what());
  return 1;
}
