#include "scout/bench/tables/record.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "scout/base/json_lines.h"

namespace scout::bench {
namespace {

constexpr std::size_t kCurvePoints = 64;
constexpr int kDigits = 6;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

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
  void evaluate_minibatch(std::uint64_t draw, std::span<const double> theta, std::span<double> f,
                          std::span<double> gradient) const override {
    const Stopwatch stopwatch(asked_seconds_);
    inner_.evaluate_minibatch(draw, theta, f, gradient);
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
    explicit Stopwatch(double& total) : total_(total) {}
    ~Stopwatch() { total_ += seconds_since(begin_); }
    double& total_;
    Clock::time_point begin_ = Clock::now();
  };

  const Instance& inner_;
  mutable double asked_seconds_ = 0;
  mutable double judge_seconds_ = 0;
};

const char* to_string(Ending ending) {
  switch (ending) {
    case Ending::converged:
      return "converged";
    case Ending::stalled:
      return "stalled";
    case Ending::failed:
      break;
  }
  return "failed";
}

/// JSON has no infinity: null stands for it.
nlohmann::json finite(double x) { return std::isfinite(x) ? nlohmann::json(x) : nlohmann::json(); }
double number(const nlohmann::json& x) { return x.is_null() ? std::numeric_limits<double>::infinity() : x.get<double>(); }

}  // namespace

bool failed(const Outcome& outcome) {
  return outcome.status == "failed" || outcome.status == "non-finite" || outcome.status == "error";
}

std::string reason_of_failure(const Outcome& outcome) {
  if (!outcome.message.empty() || outcome.status != "failed" || outcome.non_finite == 0) return outcome.message;
  return "diverged, f or its gradient was not finite";
}

Outcome execute(const Instance& instance, const Optimizer& optimizer, std::span<const double> start, Seed seed,
                std::int64_t budget, const Wanted& wanted) {
  Outcome out;
  const TimedInstance timed(instance);
  Oracle oracle(timed, budget);
  if (wanted.path) oracle.keep_trajectory();
  if (!wanted.curve) oracle.blindfold_judge();
  const auto begin = Clock::now();
  try {
    out.status = to_string(optimizer.run(oracle, start, seed));
  } catch (const BudgetExhausted&) {
    out.status = "done";
  } catch (const std::exception& error) {
    out.status = "error";
    out.message = error.what();
  } catch (...) {
    out.status = "error";
    out.message = "an exception that is not a std::exception";
  }
  out.seconds = seconds_since(begin) - timed.judge_seconds();
  out.objective_seconds = timed.asked_seconds();
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
    out.status = "error";
    out.message = error.what();
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

double round_to_digits(double x, int digits) {
  return std::isfinite(x) ? std::strtod(fmt::format("{:.{}g}", x, digits).c_str(), nullptr) : x;
}

nlohmann::json record_to_json(const Record& record) {
  const Outcome& run = record.outcome;
  const auto number = [&](double x) { return finite(record.stochastic ? round_to_digits(x, kDigits) : x); };
  nlohmann::json values = nlohmann::json::array(), gradients = values, best = values;
  for (const auto& point : run.curve) {
    values.push_back(point.values);
    gradients.push_back(point.gradients);
    best.push_back(number(point.best));
  }
  nlohmann::json line{{"problem", record.task.problem},
                      {"dimension", record.task.dimension},
                      {"budget", record.task.budget},
                      {"instance", record.instance},
                      {"seed", record.seed},
                      {"optimizer", record.optimizer},
                      {"method", record.method},
                      {"settings", record.settings},
                      {"key", record.key},
                      {"status", run.status},
                      {"values", run.values},
                      {"gradients", run.gradients},
                      {"non_finite", run.non_finite},
                      {"start", number(run.start_value)},
                      {"unit", record.unit},
                      {"optimum", record.optimum ? nlohmann::json(*record.optimum) : nlohmann::json()},
                      {"best", number(run.best)},
                      {"final", number(run.final)},
                      {"curve", {{"values", values}, {"gradients", gradients}, {"best", best}}},
                      {"seconds", number(run.seconds)},
                      {"objective_seconds", number(run.objective_seconds)},
                      {"machine", record.machine},
                      {"versions", record.versions}};
  if (record.stochastic) line["stochastic"] = true;
  if (!record.training_cost.empty()) line["training_cost"] = record.training_cost;
  for (const auto& [name, value] : run.metrics) line["metrics"][name] = number(value);
  if (!run.message.empty()) line["message"] = run.message;
  return line;
}

Record record_from_json(const nlohmann::json& line) {
  try {
    Record record;
    Outcome& run = record.outcome;
    record.task = {line.at("problem"), line.at("dimension"), line.at("budget")};
    record.instance = line.at("instance");
    record.seed = line.at("seed");
    record.optimizer = line.at("optimizer");
    record.method = line.value("method", record.optimizer);
    record.settings = line.value("settings", nlohmann::json::object());
    record.key = line.value("key", "");
    run.status = line.at("status");
    run.message = line.value("message", "");
    run.values = line.at("values");
    run.gradients = line.at("gradients");
    run.non_finite = line.value("non_finite", std::int64_t{0});
    run.start_value = number(line.at("start"));
    record.unit = line.value("unit", 1.0);
    if (const auto& optimum = line.at("optimum"); !optimum.is_null()) record.optimum = optimum.get<double>();
    run.best = number(line.at("best"));
    if (line.contains("final")) run.final = number(line.at("final"));
    record.stochastic = line.value("stochastic", false);
    if (line.contains("training_cost")) record.training_cost = line.at("training_cost");
    if (line.contains("metrics")) {
      for (const auto& [name, value] : line.at("metrics").items()) run.metrics.push_back({name, number(value)});
    }
    const auto& curve = line.at("curve");
    for (std::size_t i = 0; i < curve.at("best").size(); ++i) {
      run.curve.push_back({curve.at("values").at(i), curve.at("gradients").at(i), number(curve.at("best")[i])});
    }
    run.seconds = line.value("seconds", 0.0);
    run.objective_seconds = line.value("objective_seconds", 0.0);
    record.machine = line.value("machine", nlohmann::json::object());
    record.versions = line.value("versions", nlohmann::json::object());
    return record;
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(std::string("not a record of a run: ") + error.what());
  }
}

std::vector<Record> read_records(const std::filesystem::path& directory) {
  const auto path = directory / "records.jsonl";
  std::vector<Record> out;
  for (const auto& line : read_json_lines(path)) {
    try {
      out.push_back(record_from_json(line));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(path.string() + ", record " + std::to_string(out.size() + 1) + ": " + error.what());
    }
  }
  return out;
}

}  // namespace scout::bench
