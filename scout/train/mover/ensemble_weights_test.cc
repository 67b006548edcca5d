// Explorers of networks' weights. What holds of all kinds: movers_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "scout/optimizer/test_instance.h"
#include "scout/policy/test_policy.h"
#include "scout/problem/catalog/family.h"
#include "scout/train/mover/ensemble.h"

namespace scout {
namespace {

const RuleOptions kRule{.rule = "weight", .hidden = {16, 16}, .step_scale = 0.03};
constexpr int kHorizon = 30;
constexpr std::size_t kRecorded = 4;

class WeightEnsembleTest : public testing::Test {
 protected:
  WeightEnsembleTest() {
    options_.explorers = 3;
    options_.step = 0.1;
    options_.step_end = 1e-3;
  }
  Ensemble ensemble(std::vector<std::string> movers, std::uint64_t seed = 1, EnsembleShare share = {}) {
    options_.movers = std::move(movers);
    return {{.instance = instance_,
             .stepper = policy_->stepper(),
             .episode = {.weights = true},
             .plan = {.horizon = kHorizon},
             .recorded = kRecorded,
             .seed = Seed(seed),
             .share = share},
            options_};
  }

  const std::shared_ptr<const Policy> policy_ = untrained(kRule, 1000);
  std::shared_ptr<const Instance> instance_ = family("mlp-blobs:hidden=6,batch=16")->sample(Split::train, 0, 0);
  EnsembleOptions options_;
};

TEST_F(WeightEnsembleTest, RecordsEachExplorer) {
  for (const std::vector<std::string>& movers :
       std::vector<std::vector<std::string>>{{"weights"}, {"tensor"}, {"orthogonal"}, {}}) {
    const std::string name = movers.empty() ? "all" : movers.front();
    Ensemble one = ensemble(movers);
    std::set<std::string_view> seen;
    const auto trajectories = one.run([&](const ExplorerEvent& event) { seen.insert(event.mover); });
    EXPECT_EQ(seen.size(), movers.empty() ? 3U : 1U) << "of " << name << " there is one each";
    EXPECT_EQ(static_cast<int>(trajectories.size()), 3 + one.summary().resets) << name;
    EXPECT_EQ(one.summary().coordinate_moves + one.summary().gradient_moves, 3 * 30) << name;
    EXPECT_GT(one.summary().coordinate_moves, 10) << name;
    EXPECT_GT(one.evaluations(), 2 * 3 * 30) << name;
    for (const Trajectory& t : trajectories) {
      EXPECT_EQ(t.coordinates, 4);
      for (float a : t.actions) EXPECT_LE(std::abs(a), 1);
      for (float r : t.rewards) EXPECT_TRUE(std::isfinite(r));
    }
    Ensemble same = ensemble(movers), other = ensemble(movers, 2);
    EXPECT_EQ(same.run().front().actions, trajectories.front().actions) << name;
    EXPECT_NE(other.run().front().actions, trajectories.front().actions) << name;
  }
}

TEST_F(WeightEnsembleTest, NoTwoExplorersHoldTheSameWeight) {
  // At p_coor = 1, a weight that is held moves by ±η of its largest step, which is far more than the policy's.
  options_.gradient_moves = false;
  std::set<std::size_t> held;
  int count = 0;
  for (int member : {0, 1}) {
    std::map<int, std::set<std::size_t>> jumped;  // by explorer
    std::map<int, std::vector<double>> before;
    options_.step = options_.step_end = 1;
    Ensemble part = ensemble({"weights"}, 1, {member, 2});
    part.run([&](const ExplorerEvent& event) {
      std::vector<double>& last = before[event.explorer];
      if (event.kind == ExplorerEvent::Kind::coordinate) {
        std::vector<double> sizes;
        for (std::size_t i = 0; i < last.size(); ++i) sizes.push_back(std::abs(event.theta[i] - last[i]));
        std::vector<std::size_t> order(sizes.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
        jumped[event.explorer].insert(order.begin(), order.begin() + kRecorded);
      }
      last.assign(event.theta.begin(), event.theta.end());
    });
    for (const auto& [explorer, weights] : jumped) {
      EXPECT_EQ(weights.size(), kRecorded) << "the same ones at every step, and after a reset";
      held.insert(weights.begin(), weights.end());
      count += static_cast<int>(weights.size());
    }
  }
  EXPECT_EQ(count, 2 * 3 * 4);
  EXPECT_EQ(static_cast<int>(held.size()), count);
}

TEST_F(WeightEnsembleTest, WithoutMovesOfItsOwnItFollowsThePolicy) {
  options_.coordinate_moves = false;
  options_.reset = false;
  for (const char* mover : {"weights", "tensor", "orthogonal"}) {
    Ensemble follower = ensemble({mover});
    const auto trajectories = follower.run();
    ASSERT_EQ(trajectories.size(), 3U);
    const Actor& actor = *policy_->rule()->actor();
    Actor::Trace trace;
    std::vector<float> actions(30 * 4);
    for (const Trajectory& t : trajectories) {
      ASSERT_EQ(t.actions.size(), actions.size());
      actor.forward(policy_->parameters().data(), t.states.data(), 30 * 4, trace, actions.data());
      for (std::size_t k = 0; k < actions.size(); ++k) EXPECT_NEAR(t.actions[k], actions[k], 2e-3) << mover;
    }
  }
}

/// A bowl whose weights are tensors of two each. Only the first tensor matters: f falls along it for ever.
class Slide : public TestInstance {
 public:
  explicit Slide(int tensors)
      : TestInstance(2 * tensors, [](std::span<const double> theta, std::span<double> gradient) {
          std::fill(gradient.begin(), gradient.end(), 0.0);
          gradient[0] = gradient[1] = -0.01;
          return 10 - 0.01 * (theta[0] + theta[1]);
        }) {}
  std::vector<TensorShape> tensors() const override {
    return std::vector<TensorShape>(static_cast<std::size_t>(dimension()) / 2, TensorShape{2, 1, 2});
  }
};

TEST_F(WeightEnsembleTest, PrunedTensorsAreReplacedByUntriedOnes) {
  instance_ = std::make_shared<Slide>(8);
  options_.gradient_moves = options_.reset = false;
  options_.prune_after = 3;
  int prunes = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    std::set<int> tried;
    std::map<int, int> moves, holds;
    Ensemble one = ensemble({"tensor"}, seed);
    one.run([&](const ExplorerEvent& event) {
      using Kind = ExplorerEvent::Kind;
      if (event.kind == Kind::coordinate) ++moves[event.explorer];
      if (event.kind == Kind::start || event.kind == Kind::prune) {
        EXPECT_TRUE(tried.insert(event.coordinate).second) << "tried before";
      }
      if (event.kind == Kind::prune) {
        EXPECT_NE(holds[event.explorer], 0) << "the one tensor that earns anything is kept";
        EXPECT_GE(moves[event.explorer], 3);
        moves[event.explorer] = 0;
        ++prunes;
      }
      holds[event.explorer] = event.coordinate;
    });
    EXPECT_EQ(static_cast<int>(tried.size()), one.summary().coordinates_tried);
  }
  EXPECT_GT(prunes, 20);

  options_.prune = false;
  Ensemble off = ensemble({"tensor"});
  off.run();
  EXPECT_EQ(off.summary().prunes, 0);
  options_.prune = true;
  Ensemble weights = ensemble({"weights"});
  weights.run();
  EXPECT_EQ(weights.summary().prunes, 0) << "an explorer of weights holds what is recorded";
}

TEST_F(WeightEnsembleTest, ATensorsMoveScalesThePolicysStepOfThatTensor) {
  options_.gradient_moves = options_.prune = options_.reset = false;
  options_.explorers = 1;
  options_.step = options_.step_end = 0.04;
  // The same runs without the moves show what the policy would have done at the first step.
  std::vector<std::vector<double>> moved, plain;
  int tensor = 0;
  for (auto* out : {&moved, &plain}) {
    options_.coordinate_probability = 1;
    options_.coordinate_moves = out == &moved;
    options_.gradient_moves = out == &plain;
    Ensemble one = ensemble({"tensor"});
    one.run([&](const ExplorerEvent& event) {
      tensor = event.coordinate;
      out->emplace_back(event.theta.begin(), event.theta.end());
    });
  }
  ASSERT_EQ(moved[0], plain[0]) << "the same start";
  std::size_t begin = 0;
  const auto tensors = instance_->tensors();
  for (int t = 0; t < tensor; ++t) begin += static_cast<std::size_t>(tensors[static_cast<std::size_t>(t)].size);
  const std::size_t end = begin + static_cast<std::size_t>(tensors[static_cast<std::size_t>(tensor)].size);
  double factor = 0;
  for (std::size_t i = 0; i < moved[0].size(); ++i) {
    const double step = plain[1][i] - plain[0][i], larger = moved[1][i] - moved[0][i];
    if (i < begin || i >= end) {
      EXPECT_EQ(larger, step) << i;
    } else if (std::abs(step) > 1e-6) {
      factor = larger / step;
      EXPECT_NEAR(std::max(factor, 1 / factor), 1.6, 1e-3) << "1 + 3 sqrt(0.04)";
    }
  }
  EXPECT_NE(factor, 0);
}

TEST_F(WeightEnsembleTest, OrthogonalDirectionsAreOrthogonal) {
  // An explorer's first step less the policy's from the same start is ±√η = ±1 times its direction, in units of the rms of
  // the policy's step of each tensor.
  options_.prune = options_.reset = false;
  options_.step = options_.step_end = 1;
  using Points = std::map<int, std::vector<double>>;  // by explorer
  Points start, moved, plain;
  for (Points* out : {&moved, &plain}) {
    options_.coordinate_probability = 1;
    options_.coordinate_moves = out == &moved;
    options_.gradient_moves = out == &plain;
    Ensemble one = ensemble({"orthogonal"});
    one.run([&](const ExplorerEvent& event) {
      if (event.step == 0) start[event.explorer] = {event.theta.begin(), event.theta.end()};
      if (event.step == 1) (*out)[event.explorer] = {event.theta.begin(), event.theta.end()};
    });
  }
  ASSERT_EQ(moved.size(), 3U);
  std::vector<std::vector<double>> axes;
  for (const auto& [explorer, theta] : moved) {
    std::vector<double> axis;
    for (const TensorShape& tensor : instance_->tensors()) {
      const std::size_t begin = axis.size(), end = begin + static_cast<std::size_t>(tensor.size);
      double square = 0;
      for (std::size_t i = begin; i < end; ++i) square += std::pow(plain[explorer][i] - start[explorer][i], 2);
      const double rms = std::sqrt(square / static_cast<double>(tensor.size));
      ASSERT_GT(rms, 0);
      for (std::size_t i = begin; i < end; ++i) axis.push_back((theta[i] - plain[explorer][i]) / rms);
    }
    axes.push_back(std::move(axis));
  }
  for (std::size_t a = 0; a < axes.size(); ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      double product = 0;
      for (std::size_t i = 0; i < axes[a].size(); ++i) product += axes[a][i] * axes[b][i];
      EXPECT_NEAR(product / static_cast<double>(axes[a].size()), a == b ? 1 : 0, 1e-3) << a << " and " << b;
    }
  }
}

}  // namespace
}  // namespace scout
