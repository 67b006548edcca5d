#include "scout/data/generated.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace scout {
namespace {

std::vector<float> normals(std::size_t count, double deviation, Random& random) {
  std::vector<float> out(count);
  for (float& x : out) x = static_cast<float>(deviation * random.normal());
  return out;
}

Examples spirals(std::size_t count, Random& random) {
  Examples out{.shape = {2}, .classes = 2};
  const double turns = random.uniform(1.0, 2.0);
  const double noise = random.log_uniform(0.01, 0.1);
  for (std::size_t i = 0; i < count; ++i) {
    const int arm = static_cast<int>(random.index(2));
    const double along = std::sqrt(random.uniform());  // as many points per length everywhere
    const double angle = 2 * std::numbers::pi * turns * along + std::numbers::pi * arm;
    out.inputs.push_back(static_cast<float>(2 * along * std::cos(angle) + noise * random.normal()));
    out.inputs.push_back(static_cast<float>(2 * along * std::sin(angle) + noise * random.normal()));
    out.labels.push_back(arm);
  }
  return out;
}

Examples parity(std::size_t count, Random& random) {
  constexpr std::size_t bits = 8;
  constexpr std::size_t counted = 6;
  Examples out{.shape = {bits}, .classes = 2};
  std::vector<std::size_t> order(bits);
  std::iota(order.begin(), order.end(), 0U);
  shuffle(std::span(order), random);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t word = random.next();
    int odd = 0;
    for (std::size_t b = 0; b < bits; ++b) out.inputs.push_back((word >> b & 1) != 0 ? 1.0F : -1.0F);
    for (std::size_t b = 0; b < counted; ++b) odd ^= static_cast<int>(word >> order[b] & 1);
    out.labels.push_back(odd);
  }
  return out;
}

Examples blobs(std::size_t count, Random& random) {
  constexpr std::size_t features = 8, classes = 5;
  Examples out{.shape = {features}, .classes = classes};
  const auto centres = normals(classes * features, 1.0, random);
  const double deviation = random.log_uniform(0.3, 1.5);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t label = random.index(classes);
    for (std::size_t j = 0; j < features; ++j) {
      out.inputs.push_back(centres[label * features + j] + static_cast<float>(deviation * random.normal()));
    }
    out.labels.push_back(static_cast<std::int32_t>(label));
  }
  return out;
}

Examples teacher(std::size_t count, Random& random) {
  constexpr std::size_t features = 8, hidden = 8, classes = 4;
  Examples out{.shape = {features}, .classes = classes};
  const auto first = normals(hidden * features, 2.0 / std::sqrt(features), random);
  const auto second = normals(classes * hidden, 1.0, random);
  for (std::size_t i = 0; i < count; ++i) {
    const auto x = normals(features, 1.0, random);
    std::array<double, hidden> h{};
    for (std::size_t k = 0; k < hidden; ++k) {
      h[k] = std::tanh(std::inner_product(x.begin(), x.end(), &first[k * features], 0.0));
    }
    std::array<double, classes> score{};
    for (std::size_t c = 0; c < classes; ++c) score[c] = std::inner_product(h.begin(), h.end(), &second[c * hidden], 0.0);
    out.inputs.insert(out.inputs.end(), x.begin(), x.end());
    out.labels.push_back(static_cast<std::int32_t>(std::max_element(score.begin(), score.end()) - score.begin()));
  }
  return out;
}

void push_symbol(Examples& out, std::size_t symbol) {
  const auto symbols = static_cast<std::size_t>(out.shape[1]);
  for (std::size_t s = 0; s < symbols; ++s) out.inputs.push_back(s == symbol ? 1.0F : 0.0F);
}

Examples recall(std::size_t count, Random& random) {
  constexpr int steps = 12;
  constexpr std::size_t symbols = 4;
  Examples out{.shape = {steps, symbols}, .classes = symbols};
  for (std::size_t i = 0; i < count; ++i) {
    for (int t = 0; t < steps; ++t) {
      const std::size_t symbol = random.index(symbols);
      push_symbol(out, symbol);
      if (t == 0) out.labels.push_back(static_cast<std::int32_t>(symbol));
    }
  }
  return out;
}

Examples markov(std::size_t count, Random& random) {
  constexpr int steps = 16;
  constexpr std::size_t symbols = 6;
  Examples out{.shape = {steps, symbols}, .classes = symbols, .targets = steps};
  std::array<std::array<double, symbols>, symbols> next{};  // cumulated probabilities
  for (auto& row : next) {
    double sum = 0;
    for (double& p : row) sum += p = std::exp(2 * random.normal());
    double cumulated = 0;
    for (double& p : row) p = cumulated += p / sum;
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t symbol = random.index(symbols);
    for (int t = 0; t < steps; ++t) {
      push_symbol(out, symbol);
      const double u = random.uniform();
      const auto& row = next[symbol];
      symbol = 0;
      while (symbol + 1 < symbols && u >= row[symbol]) ++symbol;
      out.labels.push_back(static_cast<std::int32_t>(symbol));
    }
  }
  return out;
}

}  // namespace

const std::vector<GeneratedDataSet>& generated_data_sets() {
  static const std::vector<GeneratedDataSet> table{
      {"spirals", "two intertwined spirals (Lang & Witbrock 1988)", spirals},
      {"parity", "parity of 6 bits among 8", parity},
      {"blobs", "overlapping Gaussian clouds, 5 classes", blobs},
      {"teacher", "the classes that a random network gives", teacher},
      {"recall", "sequences: which symbol was the first?", recall},
      {"markov", "sequences: the next symbol of a Markov chain", markov},
  };
  return table;
}

const GeneratedDataSet* find_generated_data_set(std::string_view name) {
  const auto& table = generated_data_sets();
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& set) { return set.name == name; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace scout
