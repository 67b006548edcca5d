#include "scout/baseline/method.h"

#include <algorithm>
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

std::vector<nlohmann::json> with_schedules(const std::vector<nlohmann::json>& settings) {
  std::vector<nlohmann::json> out;
  for (const auto& [schedule, warmup] : {std::pair{"constant", 0.0}, std::pair{"cosine", 0.05}}) {
    for (nlohmann::json one : settings) {
      one["schedule"] = schedule;
      one["warmup"] = warmup;
      out.push_back(std::move(one));
    }
  }
  return out;
}

std::int64_t share_of(double share, std::int64_t horizon) { return std::llround(share * static_cast<double>(horizon)); }

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
  const std::int64_t warm = share_of(warmup, horizon);
  if (step < warm) return lr * static_cast<double>(step + 1) / static_cast<double>(warm);
  const std::int64_t begin = std::max(warm, share_of(hold, horizon));
  if (schedule == "constant" || step < begin) return lr;
  const double done = static_cast<double>(step - begin) / static_cast<double>(horizon - begin);
  return lr * (floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * done)));
}

}  // namespace scout::baseline
