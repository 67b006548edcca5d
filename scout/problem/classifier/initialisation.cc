#include "scout/problem/classifier/initialisation.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/base/names.h"
#include "scout/problem/orthogonal_map.h"

namespace scout {
namespace {

using Kind = ParameterTensor::Kind;

constexpr double kTail = 4;  // standard deviations
constexpr double kNormal = 0.01;
constexpr double kSmall = 0.01;
constexpr double kLarge = 10;
constexpr double kSaturation = 5;

double glorot_bound(const ParameterTensor& tensor) { return std::sqrt(6.0 / (tensor.fan_in + tensor.fan_out)); }
double he_deviation(const ParameterTensor& tensor) { return std::sqrt(2.0 / tensor.fan_in); }

double glorot_factor(const std::string& initialisation) {
  if (initialisation == "small") return kSmall;
  if (initialisation == "large") return kLarge;
  return 1;
}

/// Orthonormal rows, or columns where there are more rows.
void fill_orthonormal(std::span<float> weight, std::size_t rows, Random& random) {
  const std::size_t columns = weight.size() / rows;
  const bool wide = columns >= rows;
  std::vector<double> q(weight.size());
  fill_orthonormal_rows(q, wide ? rows : columns, random);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      weight[r * columns + c] = static_cast<float>(wide ? q[r * columns + c] : q[c * rows + r]);
    }
  }
}

/// Scales each weight tensor in turn until what it puts out has standard deviation 1.
void scale_to_unit_variance(const Classifier& classifier, std::span<const float> inputs, std::span<float> theta) {
  constexpr int attempts = 10;
  constexpr double tolerance = 0.01;
  const auto& tensors = classifier.tensors();
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    if (tensors[t].kind != Kind::weight) continue;
    for (int k = 0; k < attempts; ++k) {
      const double deviation = classifier.output_deviation(theta, inputs, t);
      if (!(deviation > 1e-12) || std::abs(deviation - 1) < tolerance) break;  // a constant output cannot be scaled
      for (float& w : theta.subspan(tensors[t].offset, tensors[t].size)) w = static_cast<float>(w / deviation);
    }
  }
}

}  // namespace

const std::vector<std::string>& initialisations() {
  static const std::vector<std::string> names{"glorot", "he", "lsuv", "normal", "small", "large", "saturated"};
  return names;
}

double start_bound(const std::string& initialisation, const ParameterTensor& tensor) {
  if (tensor.kind == Kind::scale) return 1;
  if (initialisation == "normal") return kTail * kNormal;
  if (tensor.kind == Kind::bias) return initialisation == "saturated" ? kTail * kSaturation : 0;
  if (initialisation == "he" || initialisation == "lsuv") return kTail * he_deviation(tensor);
  return glorot_factor(initialisation) * glorot_bound(tensor);
}

void initialise(const std::string& initialisation, const Classifier& classifier, std::span<const float> inputs,
                Random& random, std::span<float> theta) {
  const auto& names = initialisations();
  if (std::find(names.begin(), names.end(), initialisation) == names.end()) {
    throw std::invalid_argument("initialisation is '" + initialisation + "': must be one of " + join_names(names));
  }
  for (const ParameterTensor& tensor : classifier.tensors()) {
    const auto values = theta.subspan(tensor.offset, tensor.size);
    const auto normal = [&](double deviation) {
      for (float& x : values) x = static_cast<float>(deviation * random.normal());
    };
    if (tensor.kind == Kind::scale) {
      std::fill(values.begin(), values.end(), 1.0F);
    } else if (initialisation == "normal") {
      normal(kNormal);
    } else if (tensor.kind == Kind::bias) {
      normal(initialisation == "saturated" ? kSaturation : 0);
    } else if (initialisation == "he") {
      normal(he_deviation(tensor));
    } else if (initialisation == "lsuv") {
      fill_orthonormal(values, static_cast<std::size_t>(tensor.rows), random);
    } else {
      const double bound = glorot_factor(initialisation) * glorot_bound(tensor);
      for (float& x : values) x = static_cast<float>(random.uniform(-bound, bound));
    }
  }
  if (initialisation == "lsuv") scale_to_unit_variance(classifier, inputs, theta);
  for (const ParameterTensor& tensor : classifier.tensors()) {
    const auto bound = static_cast<float>(start_bound(initialisation, tensor));
    for (float& x : theta.subspan(tensor.offset, tensor.size)) x = std::clamp(x, -bound, bound);
  }
}

}  // namespace scout
