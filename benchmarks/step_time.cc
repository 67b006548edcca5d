// Time of one optimizer step: the default network policy beside torch's optimizers, the same policy by LibTorch operations,
// and what the core could do: its peak of fused multiply-adds and its memory bandwidth.
//
//   benchmarks/step_time [--out FILE.json] [--repeats N] [--sizes n,n,...] [--threads n,n,...]
//
// All contestants of a size take turns in one run, so that a disturbance hits all alike; medians over the repeats. With one
// thread, time is the thread's own CPU time, which stands still while another program has the core; with more, wall clock.
#include <torch/torch.h>

#include <cstdio>
#include <functional>

#include "benchmarks/measure.h"
#include "scout/policy/shipped.h"
#include "scout/policy/weight/weight_rule.h"
#include "scout/torch/learned_optimizer.h"

namespace {

namespace benchmark = scout::benchmark;
using benchmark::median;

struct Contestant {
  std::string name;
  std::function<void()> step;
  std::vector<double> seconds;
};

/// A parameter of `size` weights with a gradient.
at::Tensor weights(std::int64_t size) {
  torch::manual_seed(1);
  auto weight = (0.05 * torch::randn({size})).set_requires_grad(true);
  weight.mutable_grad() = torch::randn({size});
  return weight;
}

/// Multiply-adds of the policy's network for one weight.
std::int64_t multiply_adds(const scout::Policy& policy) {
  scout::TensorRecord record;
  scout::FusedPlan plan;
  static_cast<const scout::FusedStepper&>(*policy.stepper()).plan({}, record, {1, 1, 1}, {}, {}, plan);
  return scout::kernel::multiply_adds(plan.network);
}

nlohmann::json measure(std::int64_t size, int threads, int repeats, std::int64_t network) {
  torch::set_num_threads(threads);
  std::vector<Contestant> contestants;
  const auto enter = [&](const std::string& name, std::shared_ptr<torch::optim::Optimizer> optimizer) {
    contestants.push_back({name, [optimizer] { optimizer->step(); }, {}});
  };
  const auto fresh = [size] { return std::vector<at::Tensor>{weights(size)}; };
  // The bare step: the gradients here are those of no training, and a guard would rightly intervene.
  const auto options = [] { return scout::LearnedOptimizerOptions().policy(scout::policy("network-base")).guard(false); };
  using torch::optim::SGDOptions;
  enter("scout", std::make_shared<scout::LearnedOptimizer>(fresh(), options()));
  enter("adam", std::make_shared<torch::optim::Adam>(fresh(), torch::optim::AdamOptions(1e-3)));
  enter("sgd", std::make_shared<torch::optim::SGD>(fresh(), SGDOptions(1e-3)));
  enter("momentum", std::make_shared<torch::optim::SGD>(fresh(), SGDOptions(1e-3).momentum(0.9)));
  enter("scout by LibTorch operations", std::make_shared<scout::LearnedOptimizer>(fresh(), options().fused(false)));
  std::vector<double> peak, bandwidth;
  for (int r = 0; r < repeats + 1; ++r) {  // the first warms up
    const auto steps = static_cast<int>(std::max<std::int64_t>(1, 200'000 / size));
    for (Contestant& c : contestants) {
      if (c.name == "scout by LibTorch operations" && r > 3) continue;
      const auto body = [&] {
        for (int k = 0; k < steps; ++k) c.step();
      };
      const double seconds = benchmark::seconds_of(body, threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID);
      if (r > 0) c.seconds.push_back(seconds / steps);
    }
    peak.push_back(benchmark::multiply_adds_per_second());
    bandwidth.push_back(benchmark::bytes_per_second());
  }
  const double adam = median(contestants[1].seconds);
  const double peak_rate = median(peak);
  nlohmann::json row{{"weights", size},
                     {"threads", threads},
                     {"repeats", repeats},
                     {"clock", threads > 1 ? "wall" : "cpu"},
                     {"peak_multiply_adds_per_second", peak_rate},
                     {"bytes_per_second", median(bandwidth)},
                     {"steps", nlohmann::json::object()}};
  std::printf("\n%lld weights, %d thread%s; FMA peak of one core %.0f G/s, memory (triad) %.1f GB/s\n",
              static_cast<long long>(size), threads, threads == 1 ? "" : "s", peak_rate / 1e9, median(bandwidth) / 1e9);
  std::printf("%-30s %12s %12s %12s %10s\n", "optimizer", "ms a step", "least", "ns a weight", "x Adam");
  for (const Contestant& c : contestants) {
    const double time = median(c.seconds);
    const double least = *std::min_element(c.seconds.begin(), c.seconds.end());
    std::printf("%-30s %12.4f %12.4f %12.2f %10.2f\n", c.name.c_str(), 1e3 * time, 1e3 * least,
                1e9 * time / static_cast<double>(size), time / adam);
    row["steps"][c.name] = {{"median_seconds", time}, {"least_seconds", least}, {"ratio_to_adam", time / adam}};
  }
  // The kernel reads and writes weight (8 bytes), state (16), reads the gradient twice and the weight once more for the
  // sums.
  constexpr double kBytes = 8 + 16 + 4 + 8;
  const double step = median(contestants[0].seconds);
  const double rate = static_cast<double>(network * size) / step;
  const double share = rate / (peak_rate * threads);
  const double share_of_bandwidth = kBytes * static_cast<double>(size) / step / median(bandwidth);
  row["network_multiply_adds_per_weight"] = network;
  row["share_of_peak"] = share;
  row["share_of_bandwidth"] = share_of_bandwidth;
  std::printf(
      "scout: network alone %.0f G multiply-adds/s = %.0f %% of the peak of %d core%s; %.0f %% of memory bandwidth\n",
      rate / 1e9, 100 * share, threads, threads == 1 ? "" : "s", 100 * share_of_bandwidth);
  return row;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::int64_t> sizes{10'000, 1'000'000, 10'000'000};
  std::vector<int> threads{1, 2};
  CLI::App app("Time of one optimizer step, beside torch's optimizers");
  const benchmark::CommonOptions common(app, 15);
  app.add_option("--sizes", sizes, "numbers of weights")->delimiter(',');
  app.add_option("--threads", threads, "numbers of threads")->delimiter(',');
  CLI11_PARSE(app, argc, argv);

  const std::int64_t network = multiply_adds(*scout::policy("network-base"));
  nlohmann::json result{
      {"target", scout::kernel::target_name()}, {"policy", "network-base"}, {"rows", nlohmann::json::array()}};
  std::printf("%s, %s, instruction set %s, torch %s\n", scout::machine_facts()["cpu"].get<std::string>().c_str(),
              __VERSION__, scout::kernel::target_name(), TORCH_VERSION);
  for (int t : threads) {
    for (std::int64_t size : sizes) result["rows"].push_back(measure(size, t, common.repeats, network));
  }
  benchmark::write_result(common.out, result, {{"torch", TORCH_VERSION}});
}
