// Training several small networks at once as one batch, beside one after the other: what an evaluation of loss and gradient
// of one classifier costs both ways, and which way Classifier::evaluate_each takes.
//
//   benchmarks/network_batch [--out FILE.json] [--nets K] [--repeats N]
//
// Both ways take turns in one run; CPU time of the thread, medians over the repeats. Images are random: no data set is
// needed.
#include <torch/version.h>

#include <cstdio>

#include "benchmarks/measure.h"
#include "scout/problem/autograd/architectures.h"
#include "scout/problem/autograd/classifier.h"

namespace {

namespace benchmark = scout::benchmark;

struct Case {
  std::string architecture;
  std::vector<int> hidden;
  int channels;
  int side;
  int batch;
};

/// Random images, 10 classes.
class RandomImages : public scout::ExampleSource {
 public:
  RandomImages(int channels, int side) : ExampleSource({channels, side, side}, 10, 1) {}
  std::size_t count(scout::DataPart) const override { return 1; }
  void read(scout::DataPart, std::span<const std::uint32_t>, scout::Random* random, std::span<float> inputs,
            std::span<std::int32_t> labels) const override {
    for (float& x : inputs) x = static_cast<float>(random->normal());
    for (std::int32_t& label : labels) label = static_cast<std::int32_t>(random->index(10));
  }
};

nlohmann::json measure(const Case& c, std::size_t nets, int repeats) {
  const RandomImages source(c.channels, c.side);
  const auto rows = scout::autograd_architectures();
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.name == c.architecture; });
  const auto network = row->make(
      {.hidden = c.hidden, .activation = "relu", .init = "he", .batch = c.batch, .side = c.side, .augment = false}, source);
  const auto& stacked = dynamic_cast<const scout::AutogradClassifier&>(*network);
  const std::size_t m = network->parameter_count();
  scout::Random random{scout::Seed(1)};
  const std::vector<std::uint32_t> indices(static_cast<std::size_t>(c.batch), 0);
  std::vector<float> inputs(indices.size() * source.input_size());
  std::vector<std::int32_t> labels(indices.size());
  source.read(scout::DataPart::inner_train, indices, &random, inputs, labels);
  std::vector<scout::Score> scores(nets);
  std::vector<float> thetas(nets * m), gradients(nets * m);
  const std::span all(thetas), slopes(gradients);
  for (std::size_t k = 0; k < nets; ++k) scout::initialise("he", *network, inputs, random, all.subspan(k * m, m));
  std::vector<double> apart, together, chosen;
  for (int r = -1; r < repeats; ++r) {  // the first warms up
    const auto time = [&](std::vector<double>& seconds, auto&& body) {
      const double taken = benchmark::seconds_of(body);
      if (r >= 0) seconds.push_back(taken);
    };
    time(apart, [&] {
      for (std::size_t k = 0; k < nets; ++k) {
        scores[k] = network->evaluate(all.subspan(k * m, m), inputs, labels, slopes.subspan(k * m, m));
      }
    });
    time(together, [&] { stacked.evaluate_stack(thetas, inputs, labels, scores, gradients); });
    time(chosen, [&] { network->evaluate_each(thetas, inputs, labels, scores, gradients); });
  }
  const double share = 1e6 / static_cast<double>(nets);
  const double gain = benchmark::median_ratio(apart, together);
  const double gain_chosen = benchmark::median_ratio(apart, chosen);
  std::string hidden;
  for (const int width : c.hidden) hidden += (hidden.empty() ? "" : "x") + std::to_string(width);
  std::printf("%-8s %-10s %5d %6d %12.0f %12.0f %8.2f %8.2f\n", c.architecture.c_str(), hidden.c_str(), c.side, c.batch,
              share * benchmark::median(apart), share * benchmark::median(together), gain, gain_chosen);
  std::fflush(stdout);
  return {{"architecture", c.architecture},
          {"hidden", hidden},
          {"side", c.side},
          {"batch", c.batch},
          {"weights", m},
          {"nets", nets},
          {"microseconds_apart", share * benchmark::median(apart)},
          {"microseconds_together", share * benchmark::median(together)},
          {"gain", gain},
          {"gain_of_the_way_taken", gain_chosen}};
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t nets = 8;
  CLI::App app("Several nets as one batch, beside one after the other");
  const benchmark::CommonOptions common(app, 15);
  app.add_option("--nets", nets, "nets at once")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);

  const std::vector<Case> cases{
      {"conv", {8, 8}, 1, 8, 16},        {"conv", {8, 16, 16}, 1, 8, 32},   {"conv", {16, 32, 32}, 1, 8, 32},
      {"conv", {16, 32, 32}, 1, 14, 32}, {"conv", {32, 64, 64}, 3, 16, 64}, {"conv", {32, 64, 64}, 3, 32, 128},
      {"resnet", {4, 8}, 1, 8, 16},      {"resnet", {8, 16}, 1, 8, 32},     {"resnet", {16, 32}, 3, 16, 64},
  };
  std::printf("%zu nets, microseconds for f and gradient of one\n%-8s %-10s %5s %6s %12s %12s %8s %8s\n", nets, "net",
              "channels", "side", "batch", "one by one", "as a batch", "gain", "taken");
  nlohmann::json result{{"rows", nlohmann::json::array()}};
  for (const Case& c : cases) result["rows"].push_back(measure(c, nets, common.repeats));
  benchmark::write_result(common.out, std::move(result), {{"torch", TORCH_VERSION}});
}
