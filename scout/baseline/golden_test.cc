// Golden values: a small network, stepped by each method's public reference code in float64 (see the tests). Methods here
// have to end at the same weights.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "scout/baseline/orthogonalise.h"
#include "scout/baseline/test_optimizer.h"
#include "scout/optimizer/test_instance.h"

namespace scout {
namespace {

constexpr std::size_t outputs = 3, inputs = 2, examples = 2;
constexpr std::size_t weights = outputs * inputs + outputs;

/// f(W, b) = ¼ Σ (tanh(X Wᵀ + b) - Y)², W [3, 2], b [3], as the training of a network: rates are torch's.
class TinyNetwork : public TestInstance {
 public:
  TinyNetwork() : TestInstance(static_cast<int>(weights), loss) {}
  bool stochastic() const override { return true; }
  std::vector<TensorShape> tensors() const override { return {{outputs * inputs, 2, outputs}, {outputs, 1, outputs}}; }

  static std::vector<double> start() {
    std::vector<double> out;
    for (std::size_t i = 0; i < outputs; ++i) {
      for (std::size_t j = 0; j < inputs; ++j) {
        out.push_back(0.1 * static_cast<double>(i + 1) - 0.15 * static_cast<double>(j + 1));
      }
    }
    for (std::size_t i = 0; i < outputs; ++i) out.push_back(0.05 * static_cast<double>(i));
    return out;
  }

 private:
  static double loss(std::span<const double> theta, std::span<double> gradient) {
    constexpr double x[examples][inputs] = {{1, -0.5}, {0.3, 0.8}};
    constexpr double y[examples][outputs] = {{0.5, -0.2, 0.1}, {-0.3, 0.4, 0.6}};
    std::fill(gradient.begin(), gradient.end(), 0.0);
    double f = 0;
    for (std::size_t n = 0; n < examples; ++n) {
      for (std::size_t i = 0; i < outputs; ++i) {
        const double out =
            std::tanh(x[n][0] * theta[i * inputs] + x[n][1] * theta[i * inputs + 1] + theta[outputs * inputs + i]);
        const double error = out - y[n][i];
        f += 0.25 * error * error;
        const double slope = 0.5 * error * (1 - out * out);
        for (std::size_t j = 0; j < inputs; ++j) gradient[i * inputs + j] += slope * x[n][j];
        gradient[outputs * inputs + i] += slope;
      }
    }
    return f;
  }
};

/// f, W_00, W_21, b_0 and the sum of W after `steps` steps of `name`.
std::array<double, 5> reached(std::string_view name, nlohmann::json settings, int steps) {
  const TinyNetwork instance;
  Oracle oracle(instance, steps + 1);  // the last call asks about the last point
  if (!settings.contains("schedule")) settings["schedule"] = "constant";
  EXPECT_THROW(make_optimizer(name, settings)->run(oracle, TinyNetwork::start(), Seed(0)), BudgetExhausted);
  EXPECT_EQ(oracle.gradients(), steps + 1) << "one call a step";
  const auto theta = oracle.last_point();
  double sum = 0;
  for (std::size_t i = 0; i < outputs * inputs; ++i) sum += theta[i];
  return {instance.true_value(theta), theta[0], theta[5], theta[outputs * inputs], sum};
}

/// The golden values have 12 decimals.
void expect_golden(const std::string& name, const nlohmann::json& settings, int steps, const std::array<double, 5>& golden,
                   double error = 1e-12) {
  const auto ours = reached(name, settings, steps);
  for (std::size_t i = 0; i < golden.size(); ++i) {
    EXPECT_NEAR(ours[i], golden[i], error) << name << ' ' << settings << ", number " << i;
  }
}

TEST(Golden, TheNetworkAndItsGradient) {
  const TinyNetwork instance;
  std::vector<double> gradient(weights), f(1);
  instance.evaluate(TinyNetwork::start(), f, gradient);
  EXPECT_NEAR(f[0], 0.1853740237017504, 1e-15);
  EXPECT_NEAR(gradient[0], -0.2060151103466363, 1e-15);
  EXPECT_NEAR(gradient[outputs * inputs], -0.16297890873888968, 1e-15);
}

/// torch 1.13.1's own, from Python.
TEST(Golden, Torch) {
  expect_golden("sgd", {{"lr", 0.1}}, 10, {0.059605028008, 0.076343648699, 0.164828639569, 0.077460919199, 0.105921491991});
  expect_golden("momentum", {{"lr", 0.1}}, 10,
                {0.011352224529, 0.293472350181, 0.557685490060, 0.136006648292, 0.564887567976});
  expect_golden("adam", {{"lr", 0.01}}, 10,
                {0.086568447395, 0.046172156917, 0.098472218705, 0.092900608785, -0.156263213633});
  const std::array<double, 5> decayed{0.086945625131, 0.046246061747, 0.098033089120, 0.092448142587, -0.154516380218};
  const nlohmann::json settings{{"lr", 0.01}, {"weight_decay", 0.1}};
  expect_golden("adamw", settings, 10, decayed);
  expect_golden("adamw-decay", settings, 10, decayed);
}

/// lucidrains/lion-pytorch.
TEST(Golden, Lion) {
  expect_golden("lion", {{"lr", 0.003}, {"weight_decay", 0.1}}, 10,
                {0.149250042282, -0.019890669955, 0.029959532383, 0.029959532383, -0.149550607014});
}

/// apple/ml-ademamix.
TEST(Golden, Ademamix) {
  expect_golden("ademamix", {{"lr", 0.01}, {"alpha", 5}, {"weight_decay", 0.1}}, 10,
                {0.086748733434, 0.046504134072, 0.098302349156, 0.092685612459, -0.154534699392});
  expect_golden("ademamix", {{"lr", 0.01}, {"alpha", 5}, {"slow_warmup", 5.0 / 11}}, 10,
                {0.086192471114, 0.046692096663, 0.098990316860, 0.093406399287, -0.156151081056});
}

/// facebookresearch/schedule_free, adamw_schedulefree_reference.py, at x.
TEST(Golden, ScheduleFree) {
  expect_golden("schedule-free-adamw", {{"lr", 0.025}, {"warmup", 3.0 / 11}, {"weight_decay", 0.1}}, 10,
                {0.073744202755, 0.054898956360, 0.116560551076, 0.090091127414, -0.169543287519});
  expect_golden("schedule-free-adamw-default", {}, 10,
                {0.168293158673, -0.036467668606, 0.013635413626, 0.013436553624, -0.150854596318});
}

/// konstmish/prodigy, prodigyopt/prodigy.py.
TEST(Golden, Prodigy) {
  expect_golden("prodigy", {}, 10, {0.171394527371, -0.038919722623, 0.011063730929, 0.011095387107, -0.149760538847});
  expect_golden("prodigy", {}, 50, {0.002649078416, 0.062791461106, 0.154071939270, 0.164673094292, -1.178496670347});
  expect_golden("prodigy", {{"bias_correction", true}, {"safeguard_warmup", true}, {"weight_decay", 0.01}}, 50,
                {0.183431364981, -0.048495444247, 0.001504267623, 0.001504612703, -0.149996738064});
}

/// rka97/dowg.
TEST(Golden, Dowg) {
  expect_golden("dowg", {}, 50, {5.995e-9, 0.196311072725, 0.477062909629, 0.075530457136, 0.410071821987});
}

/// AGI-Arena/MARS, optimizers/mars.py.
TEST(Golden, Mars) {
  expect_golden("mars", {{"lr", 0.01}}, 10,
                {0.087810504080, 0.043961922607, 0.096521703712, 0.094317146191, -0.157549146700});
  expect_golden("mars", {{"lr", 0.01}, {"vectors", true}, {"weight_decay", 0.1}}, 10,
                {0.088365426809, 0.044157977114, 0.096099081471, 0.090209463325, -0.155373709121});
}

/// nikhilvyas/SOAP, soap.py. It decomposes in float32, and W's preconditioner is singular here: along its null space the
/// steps of the reference are rounding errors over ε. One unit in the last place of its first matrix moves its own result by
/// up to 0.006. So this is no more than a likeness; soap_test.cc has the exact test.
TEST(Golden, Soap) {
  expect_golden("soap", {{"lr", 0.01}, {"frequency", 10}, {"weight_decay", 0.01}}, 25,
                {0.081427170343, 0.048491332322, 0.233891482358, 0.153935768576, 0.150117558487}, 2e-3);
  expect_golden("soap", {{"lr", 0.01}, {"frequency", 1}, {"weight_decay", 0}}, 10,
                {0.125247544436, 0.015199541445, 0.083168144503, 0.087857168456, 0.023315251064}, 2e-3);
}

/// KellerJordan/Muon, muon.py, orthogonalising in float64; torch's Adam on b.
TEST(Golden, Muon) {
  const at::Tensor matrix = at::tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.5}, at::kDouble).view({3, 2});
  const at::Tensor golden =
      at::tensor({-.58957215581679, .63617475625304, .21745615976677, .27926319889752, .52794131854603, .32966690900701},
                 at::kDouble)
          .view({3, 2});
  EXPECT_LT((baseline::orthogonalise(matrix) - golden).abs().max().item<double>(), 1e-12);
  expect_golden("muon",
                {{"lr", 0.02},
                 {"adam_lr", 0.5},
                 {"weight_decay", 0.1},
                 {"hidden_only", false},
                 {"adam_beta2", 0.999},
                 {"adam_epsilon", 1e-8}},
                10, {0.096461309610, 0.127276446645, 0.147136693890, 0.084430360171, 0.322685135387});
}

}  // namespace
}  // namespace scout
