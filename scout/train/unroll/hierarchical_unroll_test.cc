// Backpropagation through the rule "hierarchical_rnn" against finite differences, second derivatives included.
#include "scout/train/unroll/hierarchical_unroll.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scout/optimizer/test_instance.h"
#include "scout/policy/hierarchical/test_reference.h"
#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

using Vector = std::vector<double>;

constexpr std::size_t kSize = 6;
const std::vector<TensorShape> kTensors{{3, 1, 3}, {0, 1, 0}, {2, 1, 2}, {1, 0, 1}};
const std::vector<std::size_t> kSizes{3, 0, 2, 1};

/// Σ (θ_i⁴/4 + θ_i²) + ½ (Σ c_i θ_i)², whose second derivatives depend on θ and couple all coordinates.
struct Coupled {
  static double c(std::size_t i) { return 1 - 0.3 * static_cast<double>(i); }
  static double projection(const double* theta) {
    double sum = 0;
    for (std::size_t i = 0; i < kSize; ++i) sum += c(i) * theta[i];
    return sum;
  }
  static double value(const double* theta) {
    double sum = 0.5 * projection(theta) * projection(theta);
    for (std::size_t i = 0; i < kSize; ++i) sum += 0.25 * std::pow(theta[i], 4) + theta[i] * theta[i];
    return sum;
  }
  static Vector gradient(const double* theta) {
    Vector out;
    for (std::size_t i = 0; i < kSize; ++i) out.push_back(std::pow(theta[i], 3) + 2 * theta[i] + c(i) * projection(theta));
    return out;
  }
  static void curvature(const double* theta, std::span<const double> v, std::span<double> product) {
    for (std::size_t i = 0; i < kSize; ++i) product[i] = (3 * theta[i] * theta[i] + 2) * v[i] + c(i) * projection(v.data());
  }
};

Vector some_parameters(std::uint64_t seed, float offset) {
  Random random{Seed(seed)};
  std::vector<float> out = HierarchicalNetwork::initial_parameters(random);
  for (float& w : out) w += 0.1F * static_cast<float>(random.normal());
  out[HierarchicalNetwork::offset_at()] = offset;  // the first learning rates are about e^-9
  return {out.begin(), out.end()};
}

const Vector kStart{0.5, -0.4, 0.8, -0.7, 0.3, -0.2};
const HierarchicalRule kRule({.rule = "hierarchical_rnn", .step_scale = 0.5});

RunPoints run(const Vector& parameters, int steps) {
  HierarchicalReference reference(parameters, kSizes);
  RunPoints points;
  Vector theta = kStart;
  for (int t = 0; t <= steps; ++t) {
    const Vector gradient = Coupled::gradient(theta.data());
    points.add(Coupled::value(theta.data()), gradient);
    points.thetas.insert(points.thetas.end(), theta.begin(), theta.end());
    const Vector delta = reference.step(gradient);
    for (std::size_t i = 0; i < kSize; ++i) theta[i] += kRule.step_scale() * delta[i];
  }
  return points;
}

/// Some of the network's matrices, and everything else.
template <class Check>
void for_some(std::size_t parameters, const Check& check) {
  for (std::size_t i = 0; i < parameters; i += i < HierarchicalNetwork::update_at() - 13 ? 13 : 1) check(i);
}

double difference(Vector parameters, std::size_t i, const std::function<double(const Vector&)>& loss) {
  const double before = parameters[i], h = 1e-5;
  parameters[i] = before + h;
  const double above = loss(parameters);
  parameters[i] = before - h;
  return (above - loss(parameters)) / (2 * h);
}

TEST(HierarchicalUnroll, IsTheDerivativeOfTheRun) {
  constexpr int kSteps = 6;
  const Vector parameters = some_parameters(1, 6);
  for (const bool log : {false, true}) {
    const auto loss = [&](const Vector& changed) {
      RunPoints points = run(changed, kSteps);
      return log ? log_loss(points, 0, points.values[0]) : sum_loss(points, 0);
    };
    RunPoints points = run(parameters, kSteps);
    double travelled = 0;
    for (std::size_t i = 0; i < kSize; ++i) travelled += std::abs(points.thetas[kSteps * kSize + i] - kStart[i]);
    ASSERT_GT(travelled, 0.1);
    if (log) log_loss(points, 0, points.values[0]);
    const Curvature curvature = [&](std::size_t t, std::span<const double> v, std::span<double> product) {
      Coupled::curvature(&points.thetas[t * kSize], v, product);
    };
    Vector gradient(parameters.size()), held = gradient;
    Vector memory(hierarchical_memory(kTensors)), other = memory;
    backpropagate(kRule, parameters.data(), points, 0, kTensors, curvature, memory, gradient);
    backpropagate(kRule, parameters.data(), points, 0, kTensors, {}, other, held);
    EXPECT_EQ(memory, other);
    double greatest = 0, apart = 0;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      greatest = std::max(greatest, std::abs(gradient[i]));
      apart = std::max(apart, std::abs(gradient[i] - held[i]));
    }
    EXPECT_GT(apart, 1e-3 * greatest) << "second derivatives matter";
    for_some(parameters.size(), [&](std::size_t i) {
      ASSERT_NEAR(gradient[i], difference(parameters, i, loss), 2e-6 * greatest + 1e-5 * std::abs(gradient[i])) << i;
    });
  }
}

/// With gradients held constant the meta-loss grows by Σ_t g_t·θ_t.
TEST(HierarchicalUnroll, IsTheDerivativeWithGradientsHeldConstant) {
  constexpr int kSteps = 5;
  const Vector parameters = some_parameters(2, 6);
  const RunPoints points = run(parameters, kSteps);
  const auto seen = [&](int t) {
    const auto begin = points.gradients.begin() + t * static_cast<int>(kSize);
    return Vector(begin, begin + kSize);
  };
  const auto loss = [&](const Vector& changed) {
    HierarchicalReference reference(changed, kSizes);
    Vector theta(kSize);
    double sum = 0;
    for (int t = 0; t < kSteps; ++t) {
      const Vector delta = reference.step(seen(t)), next = seen(t + 1);
      for (std::size_t i = 0; i < kSize; ++i) {
        theta[i] += kRule.step_scale() * delta[i];
        sum += next[i] * theta[i];
      }
    }
    return sum;
  };
  Vector gradient(parameters.size()), memory(hierarchical_memory(kTensors));
  backpropagate(kRule, parameters.data(), points, 0, kTensors, {}, memory, gradient);
  double greatest = 0;
  for (const double g : gradient) greatest = std::max(greatest, std::abs(g));
  for_some(parameters.size(), [&](std::size_t i) {
    ASSERT_NEAR(gradient[i], difference(parameters, i, loss), 1e-7 * greatest + 1e-6 * std::abs(gradient[i])) << i;
  });
}

// What lies before the first point changes what is remembered, and is not propagated back into.
TEST(HierarchicalUnroll, IsCutOffAtItsFirstPoint) {
  const Vector parameters = some_parameters(3, 5);
  const RunPoints points = run(parameters, 7);
  constexpr std::size_t kFirst = 3;
  Vector later(parameters.size()), tail = later, none = later, whole(hierarchical_memory(kTensors)), half = whole;
  backpropagate(kRule, parameters.data(), points, kFirst, kTensors, {}, whole, later);
  RunPoints head, rest;
  const auto begin = points.gradients.begin(), cut = begin + static_cast<std::ptrdiff_t>(kFirst * kSize);
  head.gradients.assign(begin, cut + static_cast<std::ptrdiff_t>(kSize));
  head.values.assign(kFirst + 1, 0.0);
  rest.gradients.assign(cut, points.gradients.end());
  rest.values.assign(points.values.size() - kFirst, 0.0);
  backpropagate(kRule, parameters.data(), head, kFirst, kTensors, {}, half, none);
  EXPECT_EQ(none, Vector(parameters.size())) << "there was no step to propagate back through";
  backpropagate(kRule, parameters.data(), rest, 0, kTensors, {}, half, tail);
  EXPECT_EQ(later, tail);
  EXPECT_EQ(whole, half);
  const std::size_t states = HierarchicalNetwork::initial_weight_at();
  EXPECT_EQ(Vector(tail.begin() + static_cast<std::ptrdiff_t>(states), tail.end()), Vector(50, 0.0))
      << "the initial states lie before it";
}

// What the learner propagates back through is what the run did: the same points would follow.
TEST(HierarchicalUnroll, RemembersWhatTheRunRemembers) {
  const Vector numbers = some_parameters(4, 6);
  const std::vector<float> parameters(numbers.begin(), numbers.end());
  const auto instance = std::make_shared<TestInstance>(shifted_sphere(3));
  Episode episode(instance, kRule.with(parameters), {.weights = true, .step_scale = 0.5}, {.horizon = 9});
  PointRecorder recorder(true);
  episode.start(Vector{1, -2, 3});
  const Moves moves{.move = [&](Episode& at) { recorder.move(at); }};
  ProposalScratch scratch;
  Episode* const alone = &episode;
  for (int t = 0; t < 8; ++t) Episode::step({&alone, 1}, scratch, moves);
  const RunPoints points = recorder.finish(episode);
  ASSERT_EQ(points.values.size(), 9U);

  // The reference, from the gradients that the run saw, goes where it went.
  HierarchicalReference reference(numbers, {3});
  Vector theta(points.thetas.begin(), points.thetas.begin() + 3);
  for (std::size_t t = 0; t < 8; ++t) {
    const auto g = points.gradients.begin() + static_cast<std::ptrdiff_t>(3 * t);
    const Vector delta = reference.step(Vector(g, g + 3));
    for (std::size_t i = 0; i < 3; ++i) {
      theta[i] += 0.5 * delta[i];
      EXPECT_NEAR(theta[i], points.thetas[3 * (t + 1) + i], 1e-4) << "step " << t;
    }
  }
}

TEST(HierarchicalUnroll, DifferencesOfGradientsAreTheCurvature) {
  const auto network = family("mlp-blobs:hidden=4,batch=8")->sample(Split::train, 0, 1);
  const auto quadratic = family("quadratic")->sample(Split::train, 0, 7);
  for (const Instance* instance : {network.get(), quadratic.get()}) {
    const auto m = static_cast<std::size_t>(instance->dimension());
    Random random(Seed(1));
    RunPoints points;
    points.step = 3;
    points.thetas.resize(2 * m);
    for (double& x : points.thetas) x = random.normal();
    Vector v(m), w(m), hv(m), hw(m), g(m);
    for (double& x : v) x = 1e-3 * random.normal();
    for (double& x : w) x = 1e3 * random.normal();
    std::int64_t evaluations = 0;
    const Curvature curvature = difference_curvature(*instance, points, evaluations);
    curvature(1, v, hv);
    curvature(1, w, hw);
    EXPECT_EQ(evaluations, 4);
    double vhw = 0, whv = 0, size = 0;
    for (std::size_t i = 0; i < m; ++i) vhw += v[i] * hw[i], whv += w[i] * hv[i], size += std::abs(v[i] * hw[i]);
    EXPECT_NEAR(vhw, whv, 1e-2 * size) << "second derivatives are symmetric, and products linear";
    if (instance != quadratic.get()) continue;
    // f is quadratic: f(θ + v) - f(θ) - ∇f·v = ½ v·Hv.
    Vector moved(points.thetas.begin() + static_cast<std::ptrdiff_t>(m), points.thetas.end());
    double before = 0, after = 0;
    instance->evaluate(moved, {&before, 1}, g);
    for (std::size_t i = 0; i < m; ++i) moved[i] += 1e3 * v[i];
    instance->evaluate(moved, {&after, 1}, {});
    double half = 0, slope = 0;
    for (std::size_t i = 0; i < m; ++i) half += 0.5e6 * v[i] * hv[i], slope += 1e3 * g[i] * v[i];
    EXPECT_NEAR(after - before - slope, half, 1e-6 * half);
  }
}

TEST(HierarchicalUnroll, LossesAreThoseOfTheirFormulas) {
  RunPoints points;
  points.values = {4, 2, 0, -1};
  EXPECT_EQ(sum_loss(points, 1), 1);
  const double unit = 4 + 1e-6;
  EXPECT_NEAR(log_loss(points, 1, 4), (std::log(2 / unit + 1e-6) + 2 * std::log(1e-6)) / 3, 1e-12);
  ASSERT_EQ(points.weights.size(), 4U);
  EXPECT_EQ(points.weights[0], 0);
  EXPECT_NEAR(points.weights[1], 1 / (2 / unit + 1e-6) / unit / 3, 1e-12);
  EXPECT_NEAR(points.weights[2], 1e6 / unit / 3, 1e-6);
  EXPECT_EQ(points.weights[3], 0) << "it counts as 0, whatever it is";
}

}  // namespace
}  // namespace scout
