// Speed of the learner on Pendulum beside the same loop in plain LibTorch, on one core.
//
//   build/benchmarks/learner_speed [--out FILE.json] [--repeats N] [--rltools FILE.so]
//
// A step is the actor's forward pass, one step of the task, its storage, a batch, and one update of critic, actor and
// targets; an update is the last two. Both take turns in one run; figures are medians over the repeats, of ratios too. Time
// is the thread's own CPU time, which is wall-clock time on an idle core. With --rltools (rltools_updates.cc) those with the
// settings of TD3 take turns with RLtools' too.
#include <cblas.h>
#include <dlfcn.h>
#include <torch/torch.h>

#include <cmath>
#include <cstdio>

#include "benchmarks/libtorch_ddpg.h"
#include "benchmarks/measure.h"
#include "scout/train/ddpg/pendulum.h"

namespace {

using scout::Pendulum;
using scout::PendulumOptions;
namespace benchmark = scout::benchmark;

struct Setting {
  int width;
  int batch;
  int steps;  // with an update each, in a repeat
  enum Kind { kDdpg, kTd3, kOwn } kind = kDdpg;
};
constexpr const char* kKinds[]{"DDPG", "TD3", "TD3 with Scout's additions"};

PendulumOptions options_of(const Setting& setting) {
  PendulumOptions options;
  options.warm_up = Pendulum::kSteps;
  options.steps = options.warm_up + setting.steps;
  options.episodes = 1;
  options.hidden = options.ddpg.critic_hidden = {setting.width, setting.width};
  options.ddpg.batch = setting.batch;
  if (setting.kind == Setting::kOwn) {
    options.ddpg = {.actor_learning_rate = 1e-3, .batch = setting.batch, .n_step = 1, .critic_first = 0};
  }
  if (setting.kind != Setting::kDdpg) {  // as published (Fujimoto 2018)
    options.ddpg.twin_critics = true;
    options.ddpg.actor_delay = 2;
    options.ddpg.target_noise = 0.2;
    options.ddpg.target_noise_clip = 0.5;
    options.ddpg.discount = 0.99;
  }
  return options;
}

std::shared_ptr<benchmark::LibTorchActor> plain_actor(const PendulumOptions& options) {
  return std::make_shared<benchmark::PlainActor>(Pendulum::kFeatures, options.hidden, 1);
}

/// The loop of `train_pendulum`. Returns the sum of rewards of one deterministic episode after it.
double train_pendulum_with_libtorch(const PendulumOptions& options, std::uint64_t seed) {
  torch::manual_seed(seed);
  scout::Random random{scout::Seed(seed)};
  benchmark::LibTorchDdpg ddpg([&] { return plain_actor(options); }, options.ddpg, Pendulum::kFeatures, 1, 1);
  benchmark::LibTorchReplay replay(options.steps, Pendulum::kFeatures, 1);
  auto act = [&](benchmark::LibTorchActor& actor, const Pendulum& pendulum) {
    const torch::NoGradGuard no_grad;
    auto features = pendulum.features();
    return actor.act(torch::from_blob(features.data(), {1, Pendulum::kFeatures})).first.item<float>();
  };
  Pendulum pendulum = Pendulum::start(random);
  for (int step = 0; step < options.steps; ++step) {
    if (step % Pendulum::kSteps == 0) pendulum = Pendulum::start(random);
    const bool warm = step >= options.warm_up;
    const double noisy = warm ? static_cast<double>(act(ddpg.actor(), pendulum)) + options.noise * random.normal()
                              : random.uniform(-1.0, 1.0);
    const auto action = static_cast<float>(std::clamp(noisy, -1.0, 1.0));
    const auto before = pendulum.features();
    const double reward = pendulum.step(Pendulum::kMaxTorque * static_cast<double>(action));
    const auto after = pendulum.features();
    replay.add(before.data(), &action, static_cast<float>(options.reward_scale * reward), after.data());
    if (warm) ddpg.update(replay.sample(options.ddpg.batch, options.ddpg.discount));
  }
  scout::Random start{scout::Seed(seed).derive("episode")};
  Pendulum last = Pendulum::start(start);
  double sum = 0;
  for (int t = 0; t < Pendulum::kSteps; ++t) {
    sum += last.step(Pendulum::kMaxTorque * static_cast<double>(act(ddpg.averaged_actor(), last)));
  }
  return sum;
}

/// Batches and updates alone.
class Updates {
 public:
  explicit Updates(const PendulumOptions& options)
      : options_(options),
        ddpg_(scout::Actor(Pendulum::kFeatures, options.hidden, 1), options.ddpg, scout::Seed(1), alone_),
        replay_(kEpisodes * Pendulum::kSteps),
        torch_ddpg_([&] { return plain_actor(options); }, options.ddpg, Pendulum::kFeatures, 1, 1),
        torch_replay_(kEpisodes * Pendulum::kSteps, Pendulum::kFeatures, 1) {
    for (int k = 0; k < kEpisodes; ++k) {
      Pendulum pendulum = Pendulum::start(random_);
      scout::Trajectory episode;
      episode.coordinates = episode.action_size = 1;
      episode.features = Pendulum::kFeatures;
      auto before = pendulum.features();
      episode.states.assign(before.begin(), before.end());
      for (int t = 0; t < Pendulum::kSteps; ++t) {
        const auto action = static_cast<float>(random_.uniform(-1, 1));
        const auto reward = static_cast<float>(pendulum.step(Pendulum::kMaxTorque * static_cast<double>(action)));
        const auto after = pendulum.features();
        episode.actions.push_back(action);
        episode.rewards.push_back(reward);
        episode.states.insert(episode.states.end(), after.begin(), after.end());
        torch_replay_.add(before.data(), &action, reward, after.data());
        before = after;
      }
      replay_.add(std::move(episode));
    }
  }
  void scout(int updates) {
    for (int k = 0; k < updates; ++k) {
      batch_.clear(options_.ddpg.batch, Pendulum::kFeatures, 1);
      replay_.sample(options_.ddpg.batch, 1, static_cast<float>(options_.ddpg.discount), 0, random_, batch_);
      ddpg_.update(batch_, random_);
    }
  }
  void libtorch(int updates) {
    for (int k = 0; k < updates; ++k) {
      torch_ddpg_.update(torch_replay_.sample(options_.ddpg.batch, options_.ddpg.discount));
    }
  }

 private:
  static constexpr int kEpisodes = 50;
  PendulumOptions options_;
  scout::ThreadTeam alone_{1};
  scout::Random random_{scout::Seed(1)};
  scout::Ddpg ddpg_;
  scout::Replay replay_;
  scout::Batch batch_;
  benchmark::LibTorchDdpg torch_ddpg_;
  benchmark::LibTorchReplay torch_replay_;
};

/// Runs both in turn and prints a line; each takes a repeat's number.
nlohmann::json compare(const char* what, const char* name, int count, int repeats, const std::function<void(int)>& ours,
                       const std::function<void(int)>& theirs) {
  std::vector<double> our_rates, their_rates;
  for (int k = 0; k < repeats; ++k) {
    our_rates.push_back(count / benchmark::seconds_of([&] { ours(k); }));
    their_rates.push_back(count / benchmark::seconds_of([&] { theirs(k); }));
  }
  const double ratio = benchmark::median_ratio(our_rates, their_rates);
  std::printf("  %-9s %10.0f a second, %s %8.0f: %6.2f x\n", what, benchmark::median(our_rates), name,
              benchmark::median(their_rates), ratio);
  std::fflush(stdout);
  return {{"scout", our_rates}, {name, their_rates}, {"median_ratio", ratio}};
}

/// `rltools_updates` of that file.
void (*rltools_of(const std::string& file))(int count) {
  void* library = dlopen(std::filesystem::absolute(file).c_str(), RTLD_NOW);
  void* symbol = library != nullptr ? dlsym(library, "rltools_updates") : nullptr;
  if (symbol == nullptr) throw std::runtime_error(dlerror());
  return reinterpret_cast<void (*)(int)>(symbol);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Pendulum steps and DDPG updates a second, beside plain LibTorch"};
  const benchmark::CommonOptions common(app, 5);
  std::string rltools;
  app.add_option("--rltools", rltools, "rltools_updates.cc as a library")->check(CLI::ExistingFile);
  CLI11_PARSE(app, argc, argv);
  at::set_num_threads(1);
  openblas_set_num_threads(1);  // LibTorch multiplies matrices with it

  nlohmann::json results = nlohmann::json::array();
  for (const Setting& setting : {Setting{64, 100, 2000}, Setting{64, 100, 2000, Setting::kTd3},
                                 Setting{64, 100, 2000, Setting::kOwn}, Setting{256, 256, 250}}) {
    const PendulumOptions options = options_of(setting);
    std::printf("networks %dx%d, batch %d, %s\n", setting.width, setting.width, setting.batch, kKinds[setting.kind]);
    nlohmann::json line{{"hidden", options.hidden}, {"batch", setting.batch}, {"settings", kKinds[setting.kind]}};
    line["steps_per_second"] = compare(
        "steps", "libtorch", setting.steps, common.repeats,
        [&](int k) { scout::train_pendulum(options, scout::Seed(static_cast<std::uint64_t>(k))); },
        [&](int k) { train_pendulum_with_libtorch(options, static_cast<std::uint64_t>(k)); });
    Updates updates(options);
    const auto scout_updates = [&](int) { updates.scout(setting.steps); };
    line["updates_per_second"] = compare("updates", "libtorch", setting.steps, common.repeats, scout_updates,
                                         [&](int) { updates.libtorch(setting.steps); });
    if (setting.kind != Setting::kDdpg && !rltools.empty()) {
      const auto rltools_updates = rltools_of(rltools);
      rltools_updates(0);  // which trains first
      line["updates_per_second_beside_rltools"] = compare("updates", "rltools", setting.steps, 4 * common.repeats,
                                                          scout_updates, [&](int) { rltools_updates(setting.steps); });
    }
    results.push_back(line);
  }
  benchmark::write_result(common.out,
                          {{"benchmark", "learner_speed"}, {"unit", "per second of one core"}, {"results", results}},
                          {{"libtorch", TORCH_VERSION}, {"openblas", openblas_get_config()}});
}
