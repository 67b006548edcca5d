// How a training would scale: measures what its parts cost on one core of this machine, and simulates ranks from that.
//
//   build/benchmarks/scaling configs/evolution.toml --ranks 1 2 4 8 16 32 64
//   build/benchmarks/scaling --runs out/ranks1 out/ranks2       what trainings did, from their logs
#include <cblas.h>
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <numeric>

#include "benchmarks/measure.h"
#include "benchmarks/scaling_simulation.h"
#include "scout/train/trainer.h"

namespace scout {
namespace {

using benchmark::seconds_of;

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(std::max<std::size_t>(values.size(), 1));
}

double deviation_of_logarithm(const std::vector<double>& values) {
  std::vector<double> logarithms, squares;
  for (double value : values) logarithms.push_back(std::log(value));
  for (double value : logarithms) squares.push_back(value * value);
  return std::sqrt(std::max(0.0, mean(squares) - mean(logarithms) * mean(logarithms)));
}

struct Measured {
  ScalingCosts costs;
  double evaluations = 0;  // of a chunk
  double validation = 0;   // one
  double updates = 0;      // the learner's part of a round without validation
};

Measured measure(TrainOptions options, int rounds) {
  options.threads = 1;
  options.rounds = 1 << 30;
  Trainer learner(options, 1, {0, 2}), actor(options, 1, {1, 2});
  std::vector<double> rollout, write, take, take_own, answer, learn, validate;
  double bytes = 0, evaluations = 0;
  std::int64_t sequence = 0;
  for (int round = 0; round < rounds; ++round) {
    const bool warm = round > 0;  // the first fills the caches and the replays
    Bytes weights;
    const double answering = seconds_of([&] { weights = learner.weights(); });
    if (warm) answer.push_back(answering);
    actor.adopt(weights);
    bool own = false;
    while (!learner.due()) {
      Experience experience;
      const double rolling = seconds_of([&] { experience = actor.collect(sequence); });
      sequence += actor.rank_chunk();
      ArchiveWriter writer;
      const double writing = seconds_of([&] { writer(experience); });
      const Bytes message = writer.take();
      if (warm) {
        rollout.push_back(rolling);
        write.push_back(writing);
        bytes += static_cast<double>(message.size());
        evaluations += static_cast<double>(experience.evaluations);
      }
      if (own) {
        take_own.push_back(seconds_of([&] { learner.take(std::move(experience)); }));
      } else {
        take.push_back(seconds_of([&] {
          const Bytes copied(message);  // what the transport does between the wire and its mailbox
          ArchiveReader reader(copied);
          Experience received;
          reader(received);
          learner.take(std::move(received));
        }));
      }
      own = !own;
    }
    RoundReport report;
    const double learning = seconds_of([&] { report = learner.learn(); });
    if (report.metric("updates") > 0) (report.validated ? validate : learn).push_back(learning);
  }
  Measured measured;
  measured.updates = mean(learn);
  measured.validation = validate.empty() ? 0 : mean(validate) - measured.updates;
  const auto chunks = static_cast<double>(rollout.size());
  measured.evaluations = evaluations / chunks;
  measured.costs = {.rollout = mean(rollout),
                    .rollout_deviation = deviation_of_logarithm(rollout),
                    .write = mean(write),
                    .take = mean(take),
                    .take_own = mean(take_own),
                    .answer = mean(answer),
                    .round = measured.updates + measured.validation / options.validation.every,
                    .experience_bytes = bytes / chunks,
                    .weights_bytes = static_cast<double>(learner.weights().size()),
                    .chunks = static_cast<int>((options.rollout.episodes + learner.rank_chunk() - 1) / learner.rank_chunk()),
                    .window = options.distributed.window};
  return measured;
}

/// Prints what the rounds of a training's log did in their time, the first `skip` aside.
void print_run(const std::string& folder, std::size_t skip) {
  auto lines = read_json_lines(folder + "/log.jsonl");
  if (lines.size() < skip + 3)
    throw std::runtime_error(folder + ": its log has fewer than " + std::to_string(skip + 2) + " rounds");
  const nlohmann::json& first = lines[skip + 1];
  const nlohmann::json& last = lines.back();
  double seconds = 0, staleness = 0, bytes = 0;
  for (std::size_t k = skip + 2; k < lines.size(); ++k) {
    seconds += lines[k]["seconds"].get<double>();
    if (!lines[k].contains("ranks")) continue;
    staleness += lines[k]["ranks"]["staleness"].get<double>();
    bytes += lines[k]["ranks"]["bytes_received"].get<double>();
  }
  const auto count = static_cast<double>(lines.size() - skip - 2);
  fmt::print("{:>6} {:>15.0f} {:>9.2f} {:>10.2f} {:>9.2f}  {}\n",
             last.contains("ranks") ? last["ranks"]["count"].get<int>() : 1,
             (last["evaluations"].get<double>() - first["evaluations"].get<double>()) / seconds, count / seconds,
             staleness / count, 1e-6 * bytes / seconds, folder);
}

}  // namespace
}  // namespace scout

int main(int argc, char** argv) try {
  using namespace scout;
  openblas_set_num_threads(1);
  std::string config, results;
  std::vector<std::string> assignments, runs;
  std::size_t skip = 3;
  std::vector<int> ranks{1, 2, 4, 8, 16, 32, 64, 128, 256};
  int rounds = 41;
  double gigabytes = 1.25, microseconds = 50, seconds = 60;
  CLI::App app("Measures the costs of a training's parts, and simulates it on many ranks.", "scaling");
  app.add_option("CONFIG", config, "TOML file of a training");
  app.add_option("--runs", runs, "folders of trainings to tell the speed of, instead");
  app.add_option("--skip", skip, "their first rounds, which do not count")->capture_default_str();
  app.add_option("--set", assignments, "key=value ...: options that override CONFIG");
  app.add_option("--ranks", ranks, "numbers of ranks to simulate")->capture_default_str();
  app.add_option("--rounds", rounds, "rounds to measure")->capture_default_str();
  app.add_option("--bandwidth", gigabytes, "GB/s into and out of the learner's machine")->capture_default_str();
  app.add_option("--latency", microseconds, "microseconds of a message")->capture_default_str();
  app.add_option("--seconds", seconds, "to simulate")->capture_default_str();
  app.add_option("--results", results, "JSON file to write");
  CLI11_PARSE(app, argc, argv);

  if (!runs.empty()) {
    fmt::print("{:>6} {:>15} {:>9} {:>10} {:>9}\n", "ranks", "evaluations/s", "rounds/s", "staleness", "MB/s in");
    for (const auto& folder : runs) print_run(folder, skip);
    return 0;
  }
  if (config.empty()) throw std::runtime_error("give the CONFIG of a training, or --runs with folders of some");
  TrainOptions options;
  options.learners = {"evolution", "ddpg"};
  options.policy.by_coordinate = true;
  set_training_options(options, read_toml(config));
  for (const auto& assignment : assignments) set_training_options(options, parse_assignment(assignment));
  const Measured measured = measure(options, rounds);
  const ScalingCosts& costs = measured.costs;
  fmt::print("A chunk of rollouts {:.2f} ms ({:.0f} evaluations), deviation {:.2f}; written in {:.3f} ms, {:.0f} kB\n",
             1e3 * costs.rollout, measured.evaluations, costs.rollout_deviation, 1e3 * costs.write,
             1e-3 * costs.experience_bytes);
  fmt::print("Taken in: {:.3f} ms a message ({:.3f} ms the learner's own); answered: {:.3f} ms, {:.1f} kB\n",
             1e3 * costs.take, 1e3 * costs.take_own, 1e3 * costs.answer, 1e-3 * costs.weights_bytes);
  fmt::print("A round, {} chunks: updates {:.2f} ms, a validation {:.1f} ms every {} rounds\n", costs.chunks,
             1e3 * measured.updates, 1e3 * measured.validation, options.validation.every);
  fmt::print("The learner is saturated at {:.1f} ranks\n\n", saturation_ranks(costs));

  fmt::print("{:>6} {:>15} {:>9} {:>9} {:>9} {:>8} {:>8} {:>10} {:>7} {:>9} {:>9}\n", "ranks", "evaluations/s", "speed-up",
             "rounds/s", "learning", "taking", "waiting", "staleness", "worst", "MB/s in", "msgs/s");
  nlohmann::json rows = nlohmann::json::array();
  const Link link{1e9 * gigabytes, 1e-6 * microseconds};
  const double alone = simulate_scaling(costs, link, 1, seconds, 1).chunks;
  for (int count : ranks) {
    const ScalingResult r = simulate_scaling(costs, link, count, seconds, 1);
    fmt::print("{:>6} {:>15.0f} {:>9.2f} {:>9.2f} {:>8.0f}% {:>7.1f}% {:>7.1f}% {:>10.2f} {:>7.0f} {:>9.2f} {:>9.1f}\n",
               count, r.chunks * measured.evaluations, r.chunks / alone, r.rounds, 100 * r.learning, 100 * r.taking,
               100 * r.waiting, r.staleness, r.worst_staleness, 1e-6 * r.bytes_in, r.messages);
    rows.push_back({{"ranks", count},
                    {"evaluations_per_second", r.chunks * measured.evaluations},
                    {"speed_up", r.chunks / alone},
                    {"rounds_per_second", r.rounds},
                    {"learning", r.learning},
                    {"taking", r.taking},
                    {"waiting", r.waiting},
                    {"staleness", r.staleness},
                    {"worst_staleness", r.worst_staleness},
                    {"bytes_in_per_second", r.bytes_in},
                    {"bytes_out_per_second", r.bytes_out},
                    {"messages_per_second", r.messages}});
  }
  benchmark::write_result(results,
                          {{"config", config},
                           {"options", to_json(options)},
                           {"costs",
                            {{"rollout", costs.rollout},
                             {"rollout_deviation", costs.rollout_deviation},
                             {"evaluations", measured.evaluations},
                             {"write", costs.write},
                             {"take", costs.take},
                             {"take_own", costs.take_own},
                             {"answer", costs.answer},
                             {"updates", measured.updates},
                             {"validation", measured.validation},
                             {"experience_bytes", costs.experience_bytes},
                             {"weights_bytes", costs.weights_bytes},
                             {"chunks", costs.chunks}}},
                           {"bandwidth", link.bandwidth},
                           {"latency", link.latency},
                           {"saturation_ranks", saturation_ranks(costs)},
                           {"simulated", rows}},
                          nlohmann::json::object(), 1);
} catch (const std::exception& error) {
  std::fprintf(stderr, "scaling: %s\n", error.what());
  return 1;
}
