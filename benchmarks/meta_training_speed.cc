// Speed of meta-training beside a straightforward LibTorch implementation of the same loop (libtorch_policy.h,
// libtorch_ddpg.h), on one core.
//
//   build/benchmarks/meta_training_speed configs/demo.toml [--out FILE.json] [--repeats N]
//   build/benchmarks/meta_training_speed configs/demo.toml --until SCORE [--out FILE.json] [--set rounds=N] [--seed S]
//
// A coordinate-step is one coordinate of one environment in one step: features, policy, f and ∇f, as in the rollouts that
// evolution asks for. LibTorch does it with one object of tensors for each environment, as Scout does, and with all
// environments side by side in the same tensors; the network sees all of them at once in either case. An update is a batch
// and an update of the twin critics and, every second time, of actor and targets. All take turns in one run; figures are
// medians over the repeats, of ratios too; time is the thread's own CPU time. Memory: growth of the resident set from the
// program's start to its peak, each in a process of its own.
//
// With --until: wall clock of the training that the file describes, until its validation score is SCORE or better.
#include <cblas.h>
#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "benchmarks/libtorch_policy.h"
#include "benchmarks/measure.h"
#include "scout/cli/assignments.h"
#include "scout/meta/trainer.h"

namespace {

namespace benchmark = scout::benchmark;
using scout::TrainOptions;

constexpr int kUpdates = 100;

/// The instances of a generation of evolution, and their starts [E, M].
struct Tasks {
  std::vector<std::shared_ptr<const scout::Instance>> instances;
  std::vector<double> starts;

  explicit Tasks(const TrainOptions& options) {
    scout::Random random{scout::Seed(1)};
    const int dimension = options.dimensions.front();
    for (int k = 0; k < options.evolution.instances; ++k) {
      for (const std::string& problem : options.problems) {
        instances.push_back(scout::family(problem)->sample(scout::Split::train, random.next(), dimension));
        starts.resize(starts.size() + static_cast<std::size_t>(dimension));
        instances.back()->sample_start(random, std::span(starts).last(static_cast<std::size_t>(dimension)));
      }
    }
  }
};

class ScoutLoop {
 public:
  ScoutLoop(const TrainOptions& options, const Tasks& tasks)
      : options_(options),
        tasks_(tasks),
        ddpg_(scout::Actor(observer(), options.policy.hidden, options.policy.proposals), options.ddpg, scout::Seed(1),
              alone_),
        replay_(static_cast<std::size_t>(options.replay.capacity)) {
    ddpg_.freeze_schedule();
  }
  void roll_out(bool record) {
    std::vector<scout::Environment> environments;
    environments.reserve(tasks_.instances.size());
    const auto m = static_cast<std::size_t>(options_.dimensions.front());
    for (std::size_t e = 0; e < tasks_.instances.size(); ++e) {
      environments.emplace_back(tasks_.instances[e], observer(), options_.reward, options_.policy.step_scale, true);
      environments.back().record(record);
      environments.back().start(std::span(tasks_.starts).subspan(e * m, m), options_.rollout.horizon);
    }
    scout::roll_out(ddpg_.actor(), ddpg_.actor_parameters(), environments, options_.rollout.horizon, {}, {}, alone_);
    for (scout::Environment& e : environments) {
      if (record) replay_.add(e.take_trajectory());
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
  static scout::ObserverOptions observer() { return {.form = "coordinatewise"}; }

  TrainOptions options_;
  const Tasks& tasks_;
  scout::ThreadTeam alone_{1};
  scout::Ddpg ddpg_;
  scout::Replay replay_;
  scout::Batch batch_;
  scout::Random random_{scout::Seed(2)};
};

class LibTorchLoop {
 public:
  LibTorchLoop(const TrainOptions& options, const Tasks& tasks)
      : options_(options),
        tasks_(tasks),
        ddpg_([&] { return std::make_shared<benchmark::MixtureActor>(options.policy.hidden); }, options.ddpg,
              benchmark::LibTorchEnvironments::kFeatures, 1, options.dimensions.front()) {}

  /// `together`: environments in one object.
  void roll_out(std::size_t together, bool record) {
    const torch::NoGradGuard no_grad;
    const auto m = static_cast<std::size_t>(options_.dimensions.front());
    std::vector<benchmark::LibTorchEnvironments> environments;
    for (std::size_t e = 0; e < tasks_.instances.size(); e += together) {
      const auto first = tasks_.instances.begin() + static_cast<std::ptrdiff_t>(e);
      environments.emplace_back(
          std::vector<std::shared_ptr<const scout::Instance>>(first, first + static_cast<std::ptrdiff_t>(together)),
          options_.policy.step_scale, options_.rollout.horizon);
      environments.back().start(std::span(tasks_.starts).subspan(e * m, together * m));
    }
    auto features = [&] {
      std::vector<torch::Tensor> all;
      for (const auto& e : environments) all.push_back(e.features());
      return torch::cat(all);
    };
    const auto rows = static_cast<std::int64_t>(together * m);
    for (int step = 0; step < options_.rollout.horizon; ++step) {
      const auto states = features();
      const auto actions = ddpg_.actor().act(states).first;
      for (std::size_t e = 0; e < environments.size(); ++e) {
        const auto begin = static_cast<std::int64_t>(e) * rows;
        environments[e].step(actions.slice(0, begin, begin + rows));
      }
      if (record) {
        states_.push_back(states);
        actions_.push_back(actions);
      }
    }
  }
  /// Makes the replay of what was recorded, in tensors [steps, environments, M, ...]. What the rewards are does not matter
  /// for speed.
  void prepare_replay() {
    const auto e = static_cast<std::int64_t>(tasks_.instances.size());
    states_of_replay_ = torch::stack(states_).reshape({-1, e, options_.dimensions.front(), states_.front().size(1)});
    moves_of_replay_ = torch::stack(actions_).reshape({-1, e, options_.dimensions.front(), 1});
    rewards_of_replay_ = torch::randn_like(moves_of_replay_);
  }
  void update(int count) {
    const scout::DdpgOptions& ddpg = options_.ddpg;
    const auto last = states_of_replay_.size(0) - 1;
    for (int k = 0; k < count; ++k) {
      const auto step = torch::randint(last, {ddpg.batch}, torch::kLong);
      const auto environment = torch::randint(states_of_replay_.size(1), {ddpg.batch}, torch::kLong);
      auto rows = [&](const torch::Tensor& x, const torch::Tensor& at) { return x.index({at, environment}).flatten(0, 1); };
      torch::Tensor returns = torch::zeros({ddpg.batch * states_of_replay_.size(2), 1});
      torch::Tensor discount = torch::ones({ddpg.batch, 1, 1});
      for (int n = 0; n < ddpg.n_step; ++n) {  // ends early where the run does
        const auto inside = (step + n < last).to(torch::kFloat).reshape({-1, 1, 1});
        const auto reward = rewards_of_replay_.index({(step + n).clamp_max(last), environment});
        returns = returns + (discount * inside * reward).flatten(0, 1);
        discount = discount * (1 - inside + inside * ddpg.discount);
      }
      ddpg_.update({rows(states_of_replay_, step), rows(moves_of_replay_, step), returns,
                    rows(states_of_replay_, (step + ddpg.n_step).clamp_max(last)),
                    discount.expand({-1, states_of_replay_.size(2), 1}).flatten(0, 1)});
    }
  }

 private:
  TrainOptions options_;
  const Tasks& tasks_;
  benchmark::LibTorchDdpg ddpg_;
  std::vector<torch::Tensor> states_, actions_;
  torch::Tensor states_of_replay_, moves_of_replay_, rewards_of_replay_;
};

/// Resident memory in MB, now ("VmRSS") or at its peak ("VmHWM").
double resident(const std::string& which) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(which, 0) == 0) return std::stod(line.substr(which.size() + 1)) / 1024;
  }
  return 0;
}

/// Runs `body` in a process of its own, and returns by how many MB that grew.
double memory_of(const std::function<void()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  if (const pid_t child = fork(); child == 0) {
    const double before = resident("VmRSS");
    std::ofstream("/proc/self/clear_refs") << 5;  // the peak begins here
    body();
    const double grown = resident("VmHWM") - before;
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

nlohmann::json measure_rates(TrainOptions options, int repeats) {
  options.ddpg.critic_first = 0;  // the updates of most of a training: of the actor too
  const Tasks tasks(options);
  const auto environments = tasks.instances.size();
  const double steps =
      static_cast<double>(environments) * options.dimensions.front() * static_cast<double>(options.rollout.horizon);
  const double scout_memory = memory_of([&] {
    ScoutLoop loop(options, tasks);
    loop.roll_out(true);
    loop.update(kUpdates);
  });
  const double libtorch_memory = memory_of([&] {
    LibTorchLoop loop(options, tasks);
    loop.roll_out(environments, true);
    loop.prepare_replay();
    loop.update(kUpdates);
  });

  ScoutLoop scout(options, tasks);
  LibTorchLoop libtorch(options, tasks);
  scout.roll_out(true);
  libtorch.roll_out(environments, true);
  libtorch.prepare_replay();
  std::vector<double> rollouts, objects, together, updates, libtorch_updates;
  auto rate = [](double count, auto&& body) { return count / benchmark::thread_seconds_of(body); };
  for (int k = 0; k < repeats; ++k) {
    rollouts.push_back(rate(steps, [&] { scout.roll_out(false); }));
    objects.push_back(rate(steps, [&] { libtorch.roll_out(1, false); }));
    together.push_back(rate(steps, [&] { libtorch.roll_out(environments, false); }));
    updates.push_back(rate(kUpdates, [&] { scout.update(kUpdates); }));
    libtorch_updates.push_back(rate(kUpdates, [&] { libtorch.update(kUpdates); }));
  }
  auto line = [&](const char* what, const std::vector<double>& ours, const std::vector<double>& theirs) {
    const double ratio = benchmark::median(benchmark::ratios(ours, theirs));
    std::printf("%-58s %11.4g a second, LibTorch %10.4g: %6.1f x\n", what, benchmark::median(ours),
                benchmark::median(theirs), ratio);
    return nlohmann::json{{"scout", ours}, {"libtorch", theirs}, {"median_ratio", ratio}};
  };
  nlohmann::json result;
  result["coordinate_steps_per_second"] = line("coordinate-steps, an object for each environment", rollouts, objects);
  result["coordinate_steps_per_second_side_by_side"] =
      line("coordinate-steps, LibTorch with environments side by side", rollouts, together);
  result["updates_per_second"] = line("updates", updates, libtorch_updates);
  // A round of the training: evolution's rollouts and the policy's, then the updates.
  const double round_steps = (options.evolution.population * static_cast<double>(environments) + options.rollout.episodes) *
                             options.dimensions.front() * static_cast<double>(options.rollout.horizon);
  auto rounds = [&](const std::vector<double>& steps_rate, const std::vector<double>& updates_rate) {
    std::vector<double> out;
    for (std::size_t k = 0; k < steps_rate.size(); ++k) {
      out.push_back(1 / (round_steps / steps_rate[k] + options.updates / updates_rate[k]));
    }
    return out;
  };
  result["rounds_per_second"] =
      line("rounds (from the rates above)", rounds(rollouts, updates), rounds(objects, libtorch_updates));
  std::printf("%-58s %11.0f MB,       LibTorch %10.0f MB\n", "memory", scout_memory, libtorch_memory);
  result["memory_mb"] = {{"scout", scout_memory}, {"libtorch", libtorch_memory}};
  result["environments"] = environments;
  return result;
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

int main(int argc, char** argv) {
  CLI::App app{"Rollouts and updates of a training a second, beside LibTorch; or the time of a whole training"};
  std::string config, out;
  std::vector<std::string> assignments;
  int repeats = 5;
  std::uint64_t seed = 1;
  double score = 0;
  app.add_option("config", config, "the training, e.g. configs/demo.toml")->required();
  app.add_option("--out", out, "file to write the results to");
  app.add_option("--set", assignments, "key=value ...: options of the training");
  app.add_option("--repeats", repeats, "repeats of each")->capture_default_str()->check(CLI::PositiveNumber);
  const auto* until = app.add_option("--until", score, "train until this validation score, and tell how long that took");
  app.add_option("--seed", seed, "of that training")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  at::set_num_threads(1);
  openblas_set_num_threads(1);  // LibTorch multiplies matrices with it

  TrainOptions options;
  scout::set_options(options, scout::read_toml(config));
  scout::apply_assignments(options, assignments);
  const bool training = until->count() > 0;
  nlohmann::json result = training ? measure_training(options, seed, score) : measure_rates(options, repeats);
  result["benchmark"] = training ? "meta_training_time" : "meta_training_speed";
  result["config"] = config;
  if (!out.empty()) {
    benchmark::write_result(out, result, {{"libtorch", TORCH_VERSION}, {"openblas", openblas_get_config()}});
  }
}
