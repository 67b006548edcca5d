// The conformance suite: what every baseline of the table must do.
#include "scout/baseline/table.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <thread>

#include "scout/baseline/test_optimizer.h"
#include "scout/optimizer/test_instance.h"

namespace scout {
namespace {

const double nan = std::numeric_limits<double>::quiet_NaN();

/// True if the run used its budget, false if it ended by itself.
bool run(const Optimizer& optimizer, Oracle& oracle, int seed = 0) {
  const std::vector<double> start(static_cast<std::size_t>(oracle.instance().dimension()), -3.0);
  try {
    optimizer.run(oracle, start, Seed(static_cast<std::uint64_t>(seed)));
  } catch (const BudgetExhausted&) {
    return true;
  }
  return false;
}

/// Wavy, so that no method converges at once.
TestInstance wavy(int dimension) {
  return TestInstance(dimension, [](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    for (std::size_t i = 0; i < theta.size(); ++i) {
      f += theta[i] * theta[i] + 3 - 3 * std::cos(4 * theta[i]);
      gradient[i] = 2 * theta[i] + 12 * std::sin(4 * theta[i]);
    }
    return f;
  });
}

class Baseline : public testing::TestWithParam<OptimizerEntry> {
 protected:
  std::unique_ptr<Optimizer> make(const nlohmann::json& settings) const { return GetParam().make(settings); }
  std::vector<nlohmann::json> extremes() const { return {GetParam().grid().front(), GetParam().grid().back()}; }
};

TEST_P(Baseline, RespectsTheBudgetExactly) {
  const TestInstance instance = wavy(3);
  for (const auto& settings : extremes()) {
    for (const int budget : {0, 1, 2, 7, 50, 201}) {
      Oracle oracle(instance, budget);
      const bool exhausted = run(*make(settings), oracle);
      EXPECT_LE(oracle.calls(), budget);
      if (exhausted) {
        EXPECT_LE(oracle.remaining(), 1) << settings << " stopped early with a budget of " << budget;
      }
    }
  }
}

TEST_P(Baseline, ImprovesOnTheStart) {
  for (const double scale : {1.0, 1e4}) {
    const TestInstance sphere = shifted_sphere(3, scale);
    double best = std::numeric_limits<double>::infinity();
    for (const auto& settings : GetParam().grid()) {
      Oracle oracle(sphere, 200);
      run(*make(settings), oracle);
      best = std::min(best, oracle.best_value());
    }
    // f at the start is 48 · scale. Methods that are not tuned are for networks: their rates are small here.
    const double share = GetParam().grid().size() > 1 ? 0.1 : 1;
    EXPECT_LT(best, share * scale * 48);
  }
}

TEST_P(Baseline, SameSeedSameRun) {
  const TestInstance instance = wavy(4);
  for (const auto& settings : extremes()) {
    const auto optimizer = make(settings);
    Oracle first(instance, 150);
    Oracle second(instance, 150);
    first.keep_trajectory();
    second.keep_trajectory();
    std::thread concurrent([&] { run(*optimizer, second, 5); });
    run(*optimizer, first, 5);
    concurrent.join();
    EXPECT_EQ(first.trajectory(), second.trajectory());
  }
}

TEST_P(Baseline, SurvivesAFunctionThatIsNeverFinite) {
  const TestInstance instance(3, [](std::span<const double>, std::span<double> gradient) {
    std::fill(gradient.begin(), gradient.end(), nan);
    return nan;
  });
  for (const auto& settings : extremes()) {
    Oracle oracle(instance, 200);
    run(*make(settings), oracle);
    EXPECT_EQ(oracle.non_finite(), oracle.values() + oracle.gradients() - std::min(oracle.values(), oracle.gradients()))
        << "each answer counts once";
    EXPECT_EQ(oracle.best_value(), std::numeric_limits<double>::infinity());
  }
}

TEST_P(Baseline, SurvivesRegionsThatAreNotFinite) {
  const TestInstance instance(2, [](std::span<const double> theta, std::span<double> gradient) {
    gradient[0] = 2 * theta[0];
    gradient[1] = 2 * theta[1];
    if (theta[0] > -1) return std::numeric_limits<double>::infinity();
    if (theta[1] > 2) gradient[1] = nan;
    return theta[0] * theta[0] + theta[1] * theta[1];
  });
  for (const auto& settings : GetParam().grid()) {
    Oracle oracle(instance, 100);
    run(*make(settings), oracle);
    EXPECT_LE(oracle.best_value(), 18);
  }
}

TEST_P(Baseline, LetsTheUsersExceptionPass) {
  for (const auto& settings : extremes()) {
    int calls = 0;
    const TestInstance instance(2, [&](std::span<const double> theta, std::span<double> gradient) {
      if (++calls > 8) throw std::domain_error("the user's own");
      gradient[0] = std::cos(theta[0]);
      gradient[1] = std::cos(theta[1]);
      return std::sin(theta[0]) + std::sin(theta[1]);
    });
    Oracle oracle(instance, 500);
    EXPECT_THROW(run(*make(settings), oracle), std::domain_error);
  }
}

TEST_P(Baseline, RejectsBadSettingsByName) {
  const auto message = [&](const nlohmann::json& settings) -> std::string {
    try {
      make(settings);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(message({{"no_such_setting", 1}}).find("no_such_setting"), std::string::npos);
  const nlohmann::json good = GetParam().grid().front();
  for (const auto& [key, value] : good.items()) {
    nlohmann::json bad = good;
    bad[key] = -1;
    EXPECT_NE(message(bad).find(key), std::string::npos) << message(bad);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Baseline, testing::ValuesIn(optimizers()), [](const auto& row) {
  std::string name = row.param.name;
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
});

TEST(OptimizerTable, UnknownNameListsTheKnownOnes) {
  try {
    make_optimizer("adamm", {});
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("'adamm': did you mean 'adam'?"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("pagmo-cmaes"), std::string::npos);
  }
}

TEST(OptimizerTable, NoSettingsMeansDefaults) {
  const TestInstance sphere = shifted_sphere(2);
  Oracle oracle(sphere, 100);
  run(*make_optimizer("adam", nlohmann::json::object()), oracle);
  EXPECT_LT(oracle.best_value(), 16);
}

}  // namespace
}  // namespace scout
