#include "scout/train/evolution/persistent_es.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "scout/base/archive.h"

namespace scout {
namespace {

/// Influence balancing (Tallec & Ollivier 2017; section 6 of Vicol et al. 2021): s <- A s + θ v, A = ½I and ½ above its
/// diagonal, v = +1 ten times, then -1; the loss is ½(s_0 - 1)². What θ does to s_0 at once is the contrary of what it does
/// in the long run: s_0 settles at 2θ Σv = -6θ. So dL/dθ is 36θ + 6, least at θ = -1/6, and a single step sees s_0 - 1.
class Balancing {
 public:
  static constexpr std::size_t kSize = 23;
  static constexpr double kStart = 0.5, kBest = -1.0 / 6;

  /// Where θ leads to.
  explicit Balancing(double theta) {
    double below = 0;
    for (std::size_t i = kSize; i-- > 0;) below = state_[i] = below + 2 * theta * sign(i);
  }
  /// The loss after one step.
  double step(double theta) {
    for (std::size_t i = 0; i < kSize; ++i) {
      state_[i] = 0.5 * state_[i] + (i + 1 < kSize ? 0.5 * state_[i + 1] : 0.0) + theta * sign(i);
    }
    return 0.5 * (state_[0] - 1) * (state_[0] - 1);
  }

 private:
  static double sign(std::size_t i) { return i < 10 ? 1 : -1; }
  std::array<double, kSize> state_{};
};

/// A thousand particles, in pairs, with truncations of one step.
class Particles {
 public:
  explicit Particles(bool persistent)
      : pairs_(500, {PersistentEs(1, 0.1, persistent), Balancing(Balancing::kStart), Balancing(Balancing::kStart)}) {}

  /// The estimate of dL/dθ from the next truncation.
  double estimate(double theta) {
    double gradient = 0;
    for (Pair& pair : pairs_) {
      const double epsilon = pair.estimator.perturb(random_)[0];
      pair.estimator.add(pair.plus.step(theta + epsilon) - pair.minus.step(theta - epsilon), {&gradient, 1});
    }
    return gradient / static_cast<double>(pairs_.size());
  }

 private:
  struct Pair {
    PersistentEs estimator;
    Balancing plus, minus;
  };
  std::vector<Pair> pairs_;
  Random random_{Seed(1)};
};

double descend(bool persistent, int steps) {
  Particles particles(persistent);
  double theta = Balancing::kStart;
  for (int t = 0; t < steps; ++t) theta -= 1e-4 * particles.estimate(theta);
  return theta;
}

TEST(PersistentEs, TheProblemHasTheAnswerThatIsGiven) {
  Balancing balancing(Balancing::kStart);
  EXPECT_NEAR(balancing.step(Balancing::kStart), 8, 1e-12) << "½(-6·½ - 1)²";
  Balancing moved(Balancing::kStart);
  EXPECT_NEAR((moved.step(Balancing::kStart + 1e-6) - 8) / 1e-6, -4, 1e-4) << "what a single step sees";
  EXPECT_NEAR(Balancing(Balancing::kBest).step(Balancing::kBest), 0, 1e-12);
}

TEST(PersistentEs, SeesWhatParametersDoInTheLongRun) {
  for (const bool persistent : {true, false}) {
    Particles particles(persistent);
    EXPECT_NEAR(particles.estimate(Balancing::kStart), -4, 0.5) << "the first step is all that there is";
    for (int t = 1; t < 100; ++t) particles.estimate(Balancing::kStart);  // until all of θ's influence has arrived
    double mean = 0;
    for (int t = 0; t < 400; ++t) mean += particles.estimate(Balancing::kStart) / 400;
    EXPECT_NEAR(mean, persistent ? 24 : -4, persistent ? 2.5 : 0.3);
  }
}

TEST(PersistentEs, FindsTheMinimumThatTruncatedEsRunsAwayFrom) {
  EXPECT_NEAR(descend(true, 3000), Balancing::kBest, 0.05);
  EXPECT_GT(descend(false, 1000), Balancing::kStart + 0.2);
}

TEST(PersistentEs, CreditsALossToThePerturbationsThatItDependsOn) {
  constexpr double kDeviation = 0.5;
  PersistentEs estimator(2, kDeviation);
  Random random(Seed(2));
  const auto credited = [&](double difference) {
    std::vector<double> gradient(2, 1.0);  // it is added to
    estimator.add(difference, gradient);
    return std::vector<double>{gradient[0] - 1, gradient[1] - 1};
  };
  const std::vector<double> first = estimator.perturb(random);
  EXPECT_EQ(estimator.sum(), first);
  const std::vector<double> second = estimator.perturb(random);
  EXPECT_NE(second, first);
  for (std::size_t i : {0U, 1U}) {
    EXPECT_NEAR(credited(3)[i], 3 * (first[i] + second[i]) / (2 * kDeviation * kDeviation), 1e-12);
  }
  estimator.restart();
  EXPECT_EQ(estimator.sum(), second) << "a new unroll has seen nothing else";
  for (std::size_t i : {0U, 1U}) EXPECT_NEAR(credited(-2)[i], -2 * second[i] / (2 * kDeviation * kDeviation), 1e-12);
  const std::vector<double> third = estimator.perturb(random);
  for (std::size_t i : {0U, 1U}) EXPECT_EQ(estimator.sum()[i], second[i] + third[i]);
  estimator.clear();
  const std::vector<double> fourth = estimator.perturb(random);
  EXPECT_EQ(estimator.sum(), fourth);
}

TEST(PersistentEs, GoesOnFromItsState) {
  PersistentEs whole(3, 0.1), parts(3, 0.1);
  Random random(Seed(3));
  for (int t = 0; t < 3; ++t) whole.perturb(random);
  ArchiveWriter writer;
  writer(whole);
  const Bytes state = writer.take();
  ArchiveReader reader(state);
  reader(parts);
  Random again(random.state());
  whole.perturb(random);
  parts.perturb(again);
  EXPECT_EQ(parts.sum(), whole.sum());
  PersistentEs other(4, 0.1);
  ArchiveReader once_more(state);
  EXPECT_THROW(once_more(other), std::runtime_error) << "of another number of parameters";
}

TEST(PersistentEs, RefusesNoNoise) { EXPECT_THROW(PersistentEs(1, 0), std::invalid_argument); }

}  // namespace
}  // namespace scout
