#include "scout/bench/run/execute.h"

#include <atomic>
#include <cmath>

namespace scout::bench {
namespace {

constexpr std::size_t kCurvePoints = 64;

/// Forwards to an instance, hides its optimum from the optimizer, and adds up the time spent there: by the optimizer's
/// questions, and by the judge's. For one run only.
class TimedInstance final : public Instance {
 public:
  explicit TimedInstance(const Instance& inner) : inner_(inner) {}
  double asked_seconds() const { return asked_seconds_; }
  double judge_seconds() const { return judge_seconds_; }

  int dimension() const override { return inner_.dimension(); }
  std::vector<TensorShape> tensors() const override { return inner_.tensors(); }
  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    const Stopwatch stopwatch(asked_seconds_);
    inner_.evaluate(theta, f, gradient);
  }
  bool stochastic() const override { return inner_.stochastic(); }
  void evaluate_minibatch(std::uint64_t minibatch, std::span<const double> theta, std::span<double> f,
                          std::span<double> gradient) const override {
    const Stopwatch stopwatch(asked_seconds_);
    inner_.evaluate_minibatch(minibatch, theta, f, gradient);
  }
  double true_value(std::span<const double> theta) const override {
    const Stopwatch stopwatch(judge_seconds_);
    return inner_.true_value(theta);
  }
  void sample_start(Random& random, std::span<double> theta) const override { inner_.sample_start(random, theta); }
  std::span<const double> lower() const override { return inner_.lower(); }
  std::span<const double> upper() const override { return inner_.upper(); }

 private:
  struct Stopwatch {
    explicit Stopwatch(std::atomic<double>& total) : total_(total) {}
    ~Stopwatch() { total_ += seconds_since(begin_); }
    std::atomic<double>& total_;
    Clock::time_point begin_ = Clock::now();
  };

  const Instance& inner_;
  mutable std::atomic<double> asked_seconds_ = 0;  // of all threads
  mutable std::atomic<double> judge_seconds_ = 0;
};

const char* to_string(Ending ending) {
  return ending == Ending::converged ? "converged" : ending == Ending::stalled ? "stalled" : "failed";
}

}  // namespace

Outcome execute(const Instance& instance, const Optimizer& optimizer, std::span<const double> start, Seed seed,
                std::int64_t budget, const Wanted& wanted) {
  Outcome out;
  const TimedInstance timed(instance);
  Oracle oracle(timed, budget);
  if (wanted.path) oracle.keep_trajectory();
  if (!wanted.curve) oracle.blindfold_judge();
  const auto broke = [&](const std::string& message) {
    out.status = "error";
    out.message = message;
  };
  const auto begin = Clock::now();
  try {
    out.status = to_string(optimizer.run(oracle, start, seed));
  } catch (const BudgetExhausted&) {
    out.status = "done";
    if (oracle.values() + oracle.gradients() == 0) {
      broke("the budget of " + std::to_string(budget) + " does not cover its first question");
    }
  } catch (const std::exception& error) {
    broke(error.what());
  } catch (...) {
    broke("an exception that is not a std::exception");
  }
  out.seconds = seconds_since(begin) - timed.judge_seconds();
  out.objective_seconds = timed.asked_seconds();
  out.note = oracle.note();
  out.values = oracle.values();
  out.gradients = oracle.gradients();
  out.non_finite = oracle.non_finite();
  out.start_value = instance.true_value(start);
  out.best = oracle.best_value();
  out.best_point.assign(oracle.best_point().begin(), oracle.best_point().end());
  out.curve = thin(oracle.curve(), kCurvePoints);
  if (wanted.path) out.path = oracle.trajectory();
  try {
    if (const auto last = oracle.last_point(); all_finite(last) && !last.empty()) {
      const double f = instance.true_value(last);
      if (std::isfinite(f)) out.final = f;
      if (wanted.metrics) out.metrics = instance.metrics(last);
    }
  } catch (const std::exception& error) {
    broke(error.what());
  }
  const bool ever_finite = std::isfinite(wanted.curve ? out.best : out.final);
  if (out.status != "error" && out.non_finite > 0 && !ever_finite) out.status = "non-finite";
  return out;
}

std::vector<CurvePoint> thin(const std::vector<CurvePoint>& curve, std::size_t limit) {
  if (curve.size() <= limit) return curve;
  auto log_calls = [](const CurvePoint& point) { return std::log(static_cast<double>(point.values + point.gradients)); };
  const double first = log_calls(curve.front());
  const double width = (log_calls(curve.back()) - first) / static_cast<double>(limit - 2);
  auto bin = [&](const CurvePoint& point) { return std::floor((log_calls(point) - first) / width); };
  std::vector<CurvePoint> out{curve.front()};
  for (std::size_t i = 1; i + 1 < curve.size(); ++i) {
    if (bin(curve[i]) != bin(curve[i + 1]) && out.size() + 1 < limit) out.push_back(curve[i]);
  }
  out.push_back(curve.back());
  return out;
}

}  // namespace scout::bench
