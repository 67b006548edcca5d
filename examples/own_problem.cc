// A problem of one's own: fits of damped oscillators, whose parameters a seed draws. A policy is trained on them for some
// ten seconds, saved, loaded, judged beside the one that comes with the library, and used.
#include <cmath>
#include <cstdio>
#include <exception>

#include "scout/optimizer/minimize.h"
#include "scout/policy/shipped.h"
#include "scout/problem/catalog/family.h"
#include "scout/problem/dual.h"
#include "scout/problem/problem.h"
#include "scout/train/trainer.h"

constexpr int kObservations = 20;
constexpr double kInterval = 0.2;  // s

/// Where the oscillator of parameters p is at time t: amplitude, damping, frequency, phase. T: double, or Dual, which brings
/// the gradient along.
template <class T>
T place(const T* p, double t) {
  using std::cos, std::exp;
  return p[0] * exp(-p[1] * t) * cos(p[2] * t + p[3]);
}

/// The squared error of a fit to what an oscillator did. The seed draws which one.
scout::Problem draw_fit(scout::Random& random, int) {
  scout::Problem problem;
  problem.optimum = {random.uniform(0.5, 2), random.uniform(0.05, 0.5), random.uniform(2, 8), random.uniform(-1.5, 1.5)};
  problem.optimum_value = 0;
  problem.lower = {0, 0, 0.5, -3.2};
  problem.upper = {3, 1, 12, 3.2};
  std::vector<double> data;
  for (int k = 0; k < kObservations; ++k) data.push_back(place(problem.optimum.data(), kInterval * k));
  problem.evaluate = [data](std::span<const double> theta, std::span<double> gradient) {
    return scout::sum_of_squares<4>(theta, gradient, [&](const auto* p, const auto& add) {
      for (int k = 0; k < kObservations; ++k) add(place(p, kInterval * k) - data[static_cast<std::size_t>(k)]);
    });
  };
  return problem;
}

scout::MinimizeSummary fit(const scout::Instance& instance, const std::shared_ptr<const scout::Policy>& policy) {
  scout::MinimizeOptions options;
  options.policy = policy;
  options.budget = 200;
  options.lower.assign(instance.lower().begin(), instance.lower().end());
  options.upper.assign(instance.upper().begin(), instance.upper().end());
  scout::Random random(scout::Seed(1));
  const auto objective = [&](std::span<const double> theta, std::span<double> gradient) {
    double f = 0;
    instance.evaluate(theta, {&f, 1}, gradient);
    return f;
  };
  return scout::minimize(objective, scout::first_start(instance, random), options);
}

/// The share of unseen instances whose fit is right.
double judge(const scout::Family& family, const std::shared_ptr<const scout::Policy>& policy) {
  constexpr int kInstances = 200;
  int right = 0;
  for (int index = 0; index < kInstances; ++index) {
    const auto instance = family.sample(scout::Split::test, static_cast<std::uint64_t>(index), 4);
    if (fit(*instance, policy).best_value < 1e-6) ++right;
  }
  return static_cast<double>(right) / kInstances;
}

int main() try {
  const auto family = scout::drawn_family("damped-oscillator", "fits of damped oscillators", 4, draw_fit);
  scout::add_family(family);  // a training names it

  scout::TrainOptions options;  // `scout list options` explains all of them
  scout::set_training_options(options, {{"problems", {"damped-oscillator"}},
                                        {"policy.rule", "control"},
                                        {"rounds", 40},
                                        {"threads", 1},
                                        {"rollout.horizon", 100},  // a run has twice as many calls
                                        {"decisions.episodes", 32},
                                        {"decisions.updates", 0.6},
                                        {"decisions.warm_up", 320},
                                        {"validation.instances", 32},
                                        {"validation.every", 10}});
  scout::Trainer trainer(options, 1);
  const double untrained = judge(*family, std::make_shared<scout::Policy>(trainer.policy()));
  std::printf("score before training: %.3f\n", trainer.validate_now().validation_score);
  while (!trainer.finished()) {
    const auto report = trainer.round();
    if (report.validated) std::printf("after %d rounds: %.3f\n", static_cast<int>(report.round), report.validation_score);
  }
  trainer.policy().save("oscillator.scout");

  const auto own = scout::Policy::load("oscillator.scout");
  const double share = judge(*family, own), shipped = judge(*family, scout::policy("surfaces"));
  std::printf("right fits of unseen oscillators after 200 calls: %.0f %%; before training %.0f %%; `surfaces` %.0f %%\n",
              100 * share, 100 * untrained, 100 * shipped);

  const auto instance = family->sample(scout::Split::test, 0, 4);
  const auto summary = fit(*instance, own);
  std::printf("one of them: error %.2g, frequency %.4f, in truth %.4f\n", summary.best_value, summary.best_point[2],
              instance->optimum()[2]);
  return share > 0.5 ? 0 : 1;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "error: %s\n", error.what()), 1;
}
