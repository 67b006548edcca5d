#include "scout/baseline/method.h"

#include <cmath>
#include <numbers>
#include <numeric>

namespace scout::baseline {

std::vector<double> log_spaced(double low, double high, int count) {
  std::vector<double> out;
  for (int i = 0; i < count; ++i) out.push_back(low * std::pow(high / low, static_cast<double>(i) / (count - 1)));
  return out;
}

std::vector<nlohmann::json> product(std::initializer_list<std::pair<const char*, nlohmann::json>> axes) {
  std::vector<nlohmann::json> out{nlohmann::json::object()};
  for (const auto& [name, values] : axes) {
    std::vector<nlohmann::json> longer;
    for (const auto& settings : out) {
      for (const auto& value : values) {
        longer.push_back(settings);
        longer.back()[name] = value;
      }
    }
    out = std::move(longer);
  }
  return out;
}

double length_unit(const Instance& instance) {
  if (instance.stochastic()) return 1;
  const auto lower = instance.lower();
  const auto upper = instance.upper();
  double sum = 0;
  for (std::size_t i = 0; i < lower.size(); ++i) sum += upper[i] - lower[i];
  return sum / static_cast<double>(lower.size());
}

double root_mean_square(std::span<const double> numbers) {
  const double sum = std::inner_product(numbers.begin(), numbers.end(), numbers.begin(), 0.0);
  return std::sqrt(sum / static_cast<double>(numbers.size()));
}

double RateOptions::at(std::int64_t step, std::int64_t horizon) const {
  if (schedule == "constant") return lr;
  const double done = static_cast<double>(step) / static_cast<double>(horizon);
  return lr * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

}  // namespace scout::baseline
