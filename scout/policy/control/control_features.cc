// What a controller sees of a run: numbers without units, which neither a shift nor a positive factor of f changes.
#include <algorithm>
#include <cmath>

#include "scout/policy/control/control_run.h"
#include "scout/policy/control/models.h"

namespace scout {
namespace {

constexpr std::size_t kOfRun = 8, kOfPrimitive = 10, kOfMinima = 6, kOfShape = 6;
/// Points whose order by value is compared with that by distance from the best.
constexpr std::size_t kCompared = 100;

/// 0 at 1e-12 and below, 1 at 1, by decades.
double decades(double x) { return std::log10(std::max(0.0, x) + 1e-12) / 12 + 1; }

double distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/// How often, of pairs of explored points, the better one is nearer to the best: 1 always, -1 never.
double funnel(const Memory& memory) {
  const std::size_t count = std::min(memory.explored_count(), kCompared);
  if (count < 2 || memory.best_point().empty()) return 0;
  double sum = 0;
  double before = distance(memory.explored_point(0), memory.best_point());
  for (std::size_t k = 1; k < count; ++k) {
    const double now = distance(memory.explored_point(k), memory.best_point());
    sum += (now < before) == (memory.explored_value(k) < memory.explored_value(k - 1)) ? 1 : -1;
    before = now;
  }
  return sum / static_cast<double>(count - 1);
}

}  // namespace

std::size_t ControlRun::decision_inputs() { return kOfRun + kOfPrimitive * primitive_table().size() + kOfMinima + kOfShape; }

void ControlRun::write_decision_features(float* out) const {
  const auto put = [&out](double x) { *out++ = std::isfinite(x) ? static_cast<float>(x) : 0.0F; };
  const Memory& memory = shared_.memory;
  const double price = 1 + shared_.gradient_price, spread = memory.spread();

  put(shared_.used);
  put(std::log10(budget_ / price));
  put(std::log(shared_.gradient_price));
  put(std::log(static_cast<double>(dimension_)));
  put(std::log10(shared_.calls / price));
  put(std::log10(left() / price + 0.1));
  put(decades(last_gain_));
  put(std::min(10, idle_blocks_) / 5.0);

  for (std::size_t k = 0; k < accounts_.size(); ++k) {
    const Account& account = accounts_[k];
    const PrimitiveState state = account.primitive->state(shared_);
    put(account.calls / shared_.calls);
    put(decades(account.gain));
    put(decades(account.trend));
    put(std::min(10, account.idle) / 10.0);
    put(best_by_ == k ? 1 : 0);
    put(state.active ? 1 : 0);
    put(state.active ? decades(state.lag) : 0);
    put(state.active ? decades(state.progress) : 0);
    put(state.narrow / 12);
    put(state.trouble / 12);
  }

  const auto& minima = memory.minima();
  const auto count = static_cast<double>(minima.size());
  const int same = memory.same_minima();
  double mean = 0, square = 0, least = memory.best_value(), calls = 0;
  for (const Memory::Minimum& m : minima) {
    const double height = (m.value - memory.best_value()) / spread;
    mean += height / count;
    square += height * height / count;
    least = m.value < least || &m == &minima.front() ? m.value : least;
    calls += m.calls / count;
  }
  put(std::log1p(count));
  put(count > 0 ? same / count : 0);
  put(std::log1p(same));
  put(count > 0 ? decades(std::sqrt(std::max(0.0, square - mean * mean))) : 0);
  put(count > 0 ? decades((least - memory.best_value()) / spread) : 1);
  put(count > 0 ? std::log10(left() / (calls + 1) + 0.01) : 0);

  ModelErrors errors;
  separable_minimum(memory, &errors);
  quadratic_minimum(memory, &errors);
  put(errors.separable);
  put(errors.quadratic);
  put(std::log1p(static_cast<double>(memory.gradient_count())));
  put(std::log1p(static_cast<double>(memory.explored_count())));
  put(funnel(memory));
  double edge = 0;
  for (const double x : memory.best_point()) edge += x < 1e-3 || x > 1 - 1e-3 ? 1 : 0;
  put(edge / static_cast<double>(dimension_));
}

}  // namespace scout
