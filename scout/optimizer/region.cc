#include "scout/optimizer/region.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "scout/base/options.h"

namespace scout {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string number(double x) { return std::isfinite(x) ? json_text(x) : std::to_string(x); }
std::string place(const char* name, std::size_t i) {
  return std::string(name).append("[").append(std::to_string(i)).append("]");
}

void check(std::span<const double> x0, std::span<const double> lower, std::span<const double> upper, bool keep_inside) {
  if (x0.empty()) throw_bad_option("x0", "empty", "a point of one coordinate or more");
  for (std::size_t i = 0; i < x0.size(); ++i) {
    if (!std::isfinite(x0[i])) throw_bad_option(place("x0", i), number(x0[i]), "finite");
  }
  for (const auto& [name, bounds] : {std::pair{"lower", lower}, std::pair{"upper", upper}}) {
    if (bounds.empty() || bounds.size() == x0.size()) continue;
    throw_bad_option(name, "of " + std::to_string(bounds.size()) + " numbers",
                     "of as many as x0, " + std::to_string(x0.size()));
  }
  for (std::size_t i = 0; i < x0.size(); ++i) {
    const double low = lower.empty() ? -kInfinity : lower[i], high = upper.empty() ? kInfinity : upper[i];
    if (std::isnan(low) || low == kInfinity) throw_bad_option(place("lower", i), number(low), "a number, or -inf");
    if (std::isnan(high) || high == -kInfinity) throw_bad_option(place("upper", i), number(high), "a number, or inf");
    if (high < low || (std::isfinite(low) && std::isfinite(high) && !std::isfinite(high - low))) {
      throw_bad_option(place("upper", i), number(high),
                       "at least " + place("lower", i) + " = " + number(low) + ", and not infinitely far from it");
    }
    if ((keep_inside || low == high) && (x0[i] < low || x0[i] > high)) {
      throw_bad_option(place("x0", i), number(x0[i]), "within its bounds [" + number(low) + ", " + number(high) + "]");
    }
  }
}

}  // namespace

Region::Region(std::span<const double> x0, std::span<const double> lower_bounds, std::span<const double> upper_bounds,
               bool keep_inside) {
  check(x0, lower_bounds, upper_bounds, keep_inside);
  double logarithms = 0, count = 0;
  for (const double x : x0) {
    if (x == 0) continue;
    logarithms += std::log(std::abs(x));
    ++count;
  }
  const double usual = count > 0 ? std::exp(logarithms / count) : 1;
  for (std::size_t i = 0; i < x0.size(); ++i) {
    const double low = lower_bounds.empty() ? -kInfinity : lower_bounds[i];
    const double high = upper_bounds.empty() ? kInfinity : upper_bounds[i];
    if (low == high) continue;
    const double centre = std::clamp(x0[i], low, high);
    // A width that rounding loses beside the centre would be none.
    const double radius = std::clamp(std::max(x0[i] == 0 ? usual : std::abs(x0[i]), 1e-6 * std::abs(centre)), 1e-300, 1e300);
    const bool box = std::isfinite(low) && std::isfinite(high);
    const double from = box ? low : std::max(low, centre - radius), to = box ? high : std::min(high, centre + radius);
    free.push_back(i);
    lower.push_back(from);
    upper.push_back(to);
    least.push_back(keep_inside ? low : -kInfinity);
    most.push_back(keep_inside ? high : kInfinity);
  }
  if (free.empty()) throw_bad_option("upper", "equal to lower everywhere", "above it for one coordinate or more");
}

Seed seed_of_start(std::uint64_t seed, std::span<const double> x0) {
  Seed out = Seed(seed).derive("minimize");
  for (const double x : x0) out = out.derive(std::bit_cast<std::uint64_t>(x));
  return out;
}

}  // namespace scout
