#include "scout/policy/coordinate/coordinatewise_observer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "scout/policy/rule/action.h"

namespace scout {
namespace {

/// Share of a new sample in each window's averages, at least 1/t: the last few steps, the last dozen, the whole run.
constexpr std::array<double, 3> kWindowShare{0.3, 0.08, 0.0};
constexpr float kTiny = 1e-30F;
/// Values of f and of g are cut here, so that no square overflows.
constexpr double kLargestValue = 1e150;
constexpr double kLargestGradient = 1e12;

/// The models of the region keep so many points, fewer where they would need more than some 2^22 numbers.
int model_capacity(int dimension) { return std::clamp((1 << 22) / dimension, 16, 128); }

/// The coordinates' sequences of probes begin at multiples of the inverse of the plastic number, lest they move in step.
constexpr double kPhaseStep = 0.7548776662466927;

/// What a run's row has besides the context: columns that are the same in all rows of the features,
constexpr std::array<int, 9> kRunColumns{
    CoordinatewiseObserver::kAboveBest,         CoordinatewiseObserver::kAbovePrevious,
    CoordinatewiseObserver::kAbovePrevious + 1, CoordinatewiseObserver::kAbovePrevious + 2,
    CoordinatewiseObserver::kValueDeviation,    CoordinatewiseObserver::kMeanAction,
    CoordinatewiseObserver::kMeanStep,          CoordinatewiseObserver::kMeanDistance,
    CoordinatewiseObserver::kMeanSpread};
/// and columns whose mean size over the coordinates it has.
constexpr int kWindow = CoordinatewiseObserver::kWindowFeatures;
constexpr std::array<int, 10> kPooledColumns{CoordinatewiseObserver::kToSeparable,
                                             CoordinatewiseObserver::kToQuadratic,
                                             CoordinatewiseObserver::kSpectralStep,
                                             CoordinatewiseObserver::kToBest,
                                             CoordinatewiseObserver::kToElite,
                                             CoordinatewiseObserver::kSeparableHeight,
                                             CoordinatewiseObserver::kToZero + 2 * kWindow,
                                             CoordinatewiseObserver::kStraightness,
                                             CoordinatewiseObserver::kStraightness + kWindow,
                                             CoordinatewiseObserver::kStraightness + 2 * kWindow};

double fraction(double x) { return x - std::floor(x); }

/// Decimal-like size of a ratio >= 0: 0 at 1, ±1 at 2^±10.
float log_ratio(double x) { return fast_log2(static_cast<float>(x) + 1e-12F) * 0.1F; }

float root(double mean_square) { return static_cast<float>(std::sqrt(mean_square)); }

double mean_size(std::span<const double> numbers) {
  double sum = 0;
  for (double x : numbers) sum += std::abs(x) / static_cast<double>(numbers.size());
  return std::min(sum, std::numeric_limits<double>::max());
}

}  // namespace

CoordinatewiseObserver::CoordinatewiseObserver(int dimension, bool gradient, std::shared_ptr<const DecisionHead> decisions)
    : Observer(dimension, 1, std::move(decisions)), dimension_(dimension), gradient_(gradient) {
  constexpr std::size_t kLanes = kernel::coordinate::kLanes;
  padded_ = (static_cast<std::size_t>(dimension) + kLanes - 1) / kLanes * kLanes;
  state_.assign(padded_ * kFields, 0.0F);
}

std::vector<int> CoordinatewiseObserver::proposal_features() {
  return {kAnnealedGradient,
          kAnnealedScaledGradient,
          kSpectralStep,
          kLastAction,
          kToBest,
          kToElite,
          kToSecant,
          kToZero,
          kToZero + kWindowFeatures,
          kToZero + 2 * kWindowFeatures,
          kToProbe,
          kToSeparable,
          kToQuadratic};
}

std::vector<int> CoordinatewiseObserver::context_features() {
  return {kElapsed,
          kRemaining,
          kEarly,
          kSinceBest,
          kGradientShrunk,
          kGradientShrunk + 1,
          kRoughness,
          kRange,
          kSeparableMeanUnexplained,
          kQuadraticUnexplained};
}

void CoordinatewiseObserver::begin(const Observation& first, const RunFrame& frame) {
  const auto [theta, gradient, value] = first;
  std::fill(state_.begin(), state_.end(), 0.0F);
  origin_.assign(theta.begin(), theta.end());
  scale_ = frame.scale;
  horizon_ = static_cast<int>(frame.horizon);
  step_ = 0;
  since_best_ = 0;
  const double f = std::clamp(*value, -kLargestValue, kLargestValue);
  f_ = best_ = worst_ = f;
  previous_f_.fill(f);
  elite_weight_ = 0;
  mean_f_.fill(f);
  variance_f_.fill(0);
  gradient_square_ = gradient_square_average_ = gradient_square_mean_ = first_gradient_square_ = 0;
  action_mean_ = step_square_ = step_change_ = distance_square_ = spread_square_ = 0;
  if (gradient_) {
    gradient_size_ = mean_size(gradient);
    float* g = field(kG);
    for (std::size_t i = 0; i < theta.size(); ++i) {
      g[i] = relative_gradient(gradient[i]);
      field(kBestG)[i] = field(kMean5)[i] = field(kMean9)[i] = g[i];
      field(kSquare)[i] = g[i] * g[i];
      gradient_square_ += static_cast<double>(g[i]) * static_cast<double>(g[i]);
      for (int w = 0; w < kWindows; ++w) field(kWindowG + w)[i] = g[i];
    }
    gradient_square_ /= dimension_;
    gradient_square_average_ = gradient_square_mean_ = first_gradient_square_ = gradient_square_;
  }
  update_orientation();

  for (std::size_t i = 0; i < theta.size(); ++i) {
    const double width = frame.upper[i] - frame.lower[i];
    const double place = (theta[i] - frame.lower[i]) / width;
    field(kLower)[i] = static_cast<float>((frame.lower[i] - theta[i]) / scale_);
    field(kWidth)[i] = static_cast<float>(width / scale_);
    // Downhill first: so a reflected function is probed at the reflected points.
    field(kDirection)[i] = -field(kSign)[i];
    field(kPhase)[i] =
        static_cast<float>(fraction((field(kDirection)[i] > 0 ? place : 1.0 - place) + kPhaseStep * static_cast<double>(i)));
  }
  const int capacity = model_capacity(dimension_);
  quadratic_.start(dimension_, capacity);
  separable_.start(dimension_, gradient_ ? capacity : 1);
  update_models(f);
}

void CoordinatewiseObserver::save(ArchiveWriter& archive) const {
  Observer::save(archive);
  archive(*this);
}

void CoordinatewiseObserver::restore(ArchiveReader& archive) {
  Observer::restore(archive);
  const std::size_t size = state_.size();
  archive(*this);
  if (state_.size() != size) archive.fail("a run of another number of coordinates");
}

void CoordinatewiseObserver::update_models(double f) {
  const auto m = static_cast<std::size_t>(dimension_);
  quadratic_.add({field(kX), m}, f);
  if (gradient_) separable_.add({field(kX), m}, {field(kG), m});
  std::copy_n(separable_.minimum().begin(), m, field(kMinimumX));
  std::copy_n(separable_.height().begin(), m, field(kHeight));
  std::copy_n(separable_.unexplained().begin(), m, field(kUnexplained));
  std::copy_n(quadratic_.centre().begin(), m, field(kCentreX));
}

void CoordinatewiseObserver::update_orientation() {
  // The sign of the gradient; without gradients, against the last step.
  const float* g = field(gradient_ ? kG : kActions);
  float* sign = field(kSign);
  const float up = gradient_ ? 1.0F : -1.0F;
  for (std::size_t i = 0; i < padded_; ++i) sign[i] = g[i] < 0.0F ? -up : up;
}

void CoordinatewiseObserver::orient(std::span<float> actions) const {
  const float* sign = field(kSign);
  for (std::size_t i = 0; i < actions.size(); ++i) actions[i] *= sign[i];
}

float CoordinatewiseObserver::relative_gradient(double gradient) const {
  return gradient_size_ > 0 ? static_cast<float>(std::clamp(gradient / gradient_size_, -kLargestGradient, kLargestGradient))
                            : 0.0F;
}

void CoordinatewiseObserver::take_in(const Observation& next) {
  const auto [theta, gradient, value] = next;
  const std::span<const float> actions = this->actions();
  const auto m = static_cast<std::size_t>(dimension_);
  const double f = std::clamp(*value, -kLargestValue, kLargestValue);
  if (gradient_ && gradient_size_ == 0) gradient_size_ = mean_size(gradient);
  ++step_;
  for (int h = kHistory - 1; h > 0; --h) {
    std::copy_n(field(kActions + h - 1), padded_, field(kActions + h));
    std::copy_n(field(kGradients + h - 1), padded_, field(kGradients + h));
    previous_f_[static_cast<std::size_t>(h)] = previous_f_[static_cast<std::size_t>(h) - 1];
  }
  std::copy_n(field(kG), padded_, field(kGradients));
  std::copy_n(field(kG), padded_, field(kPreviousG));
  std::copy_n(actions.begin(), m, field(kActions));
  previous_f_[0] = f_;
  f_ = f;
  float* x = field(kX);
  float* g = field(kG);
  float* step = field(kStep);
  action_mean_ = step_square_ = step_change_ = gradient_square_ = 0;
  const float* previous = field(kPreviousG);
  for (std::size_t i = 0; i < m; ++i) {
    const auto now = static_cast<float>((theta[i] - origin_[i]) / scale_);
    step[i] = now - x[i];
    x[i] = now;
    action_mean_ += std::fabs(actions[i]);
    step_square_ += step[i] * step[i];
    if (gradient_) {
      g[i] = relative_gradient(gradient[i]);
      gradient_square_ += static_cast<double>(g[i]) * static_cast<double>(g[i]);
      step_change_ += static_cast<double>(step[i]) * static_cast<double>(g[i] - previous[i]);
    }
  }
  step_change_ /= dimension_;
  action_mean_ /= dimension_;
  step_square_ /= dimension_;
  gradient_square_ /= dimension_;
  if (first_gradient_square_ == 0) first_gradient_square_ = gradient_square_;
  gradient_square_average_ += std::max(0.1, 1.0 / (step_ + 1)) * (gradient_square_ - gradient_square_average_);
  gradient_square_mean_ += (gradient_square_ - gradient_square_mean_) / (step_ + 1);

  worst_ = std::max(worst_, f);
  ++since_best_;
  if (f < best_) {
    best_ = f;
    since_best_ = 0;
    std::copy_n(x, padded_, field(kBestX));
    std::copy_n(g, padded_, field(kBestG));
  }
  update_orientation();
  update_statistics(f);
  update_models(f);
}

void CoordinatewiseObserver::update_statistics(double f) {
  const auto least_share = 1.0F / static_cast<float>(step_ + 1);
  kernel::coordinate::Shares shares;
  const double range = worst_ > best_ ? worst_ - best_ : 1.0;
  for (std::size_t w = 0; w < kWindows; ++w) {
    // West 1979: exponentially weighted means, variances and covariances; the share 1/t gives plain averages.
    const double share = std::max(kWindowShare[w], 1.0 / (step_ + 1));
    const double df = f - mean_f_[w];
    mean_f_[w] += share * df;
    variance_f_[w] = (1 - share) * (variance_f_[w] + share * df * df);
    shares.window[w] = static_cast<float>(share);
    shares.value_change[w] = static_cast<float>(df / range);
  }
  // Points are weighted by exp(-z), z = f standardised over the run; old ones fade.
  const double deviation = std::sqrt(variance_f_[kWindows - 1]);
  const double z = deviation > 0 ? std::clamp((f - mean_f_[kWindows - 1]) / deviation, -3.0, 3.0) : 0.0;
  const double weight = std::exp(-2.0 * z);
  elite_weight_ = 0.95 * elite_weight_ + weight;
  shares.elite = static_cast<float>(weight / elite_weight_);
  shares.mean5 = std::max(0.5F, least_share);
  shares.mean9 = std::max(0.1F, least_share);
  shares.square = std::max(0.05F, least_share);
  const kernel::coordinate::Sums sums = kernel::coordinate::update_statistics(shares, state_.data(), padded_);
  distance_square_ = sums.distance_square / static_cast<float>(dimension_);
  spread_square_ = sums.variance / static_cast<float>(dimension_);
}

void CoordinatewiseObserver::write(float* features) const {
  const std::size_t stride = this->features();
  kernel::coordinate::write_features(state_.data(), padded_, static_cast<std::size_t>(dimension_), describe_run(), features,
                                     stride);
  for (float* out = features + kFeatures; stride > kFeatures && out < features + rows() * stride; out += stride) {
    std::ranges::copy(decision(), out);
  }
}

int CoordinatewiseObserver::run_columns() {
  return static_cast<int>(context_features().size() + kRunColumns.size() + kPooledColumns.size()) + 2;
}

void CoordinatewiseObserver::write_decision_features(float* out) const {
  thread_local std::vector<float> features;
  features.resize(rows() * this->features());
  write(features.data());
  static const std::vector<int> context = context_features();
  for (const int column : context) *out++ = features[static_cast<std::size_t>(column)];
  for (const int column : kRunColumns) *out++ = features[static_cast<std::size_t>(column)];
  for (const int column : kPooledColumns) {
    float sum = 0;
    for (std::size_t row = 0; row < rows(); ++row) {
      sum += std::fabs(features[row * this->features() + static_cast<std::size_t>(column)]);
    }
    *out++ = sum / static_cast<float>(dimension_);
  }
  *out++ = log_ratio(dimension_);
  *out = log_ratio(horizon_);
}

kernel::coordinate::RunSummary CoordinatewiseObserver::describe_run() const {
  kernel::coordinate::RunSummary run;
  const double range = worst_ - best_;
  run.gradient = gradient_;
  run.gradient_size = root(gradient_square_average_) + kTiny;
  for (std::size_t w = 0; w < kWindows; ++w) {
    run.value_deviation[w] = static_cast<float>(std::sqrt(variance_f_[w]) / (range > 0 ? range : 1.0));
  }

  // How f stands: differences as shares of the range seen so far.
  float* out = run.features;
  const auto relative = [&](double difference) {
    return encode_step(range > 0 ? static_cast<float>(difference / range) : 0.0F);
  };
  out[kAboveBest] = relative(f_ - best_);
  for (std::size_t h = 0; h < kHistory - 1; ++h) out[kAbovePrevious + h] = relative(f_ - previous_f_[h]);
  out[kValueDeviation] = relative(std::sqrt(variance_f_[0]));

  // How far the run is, and how large its gradients and steps are.
  const float elapsed = static_cast<float>(step_) / static_cast<float>(horizon_);
  out[kElapsed] = elapsed;
  out[kRemaining] = fast_log2(1.0F + static_cast<float>(std::max(0, horizon_ - step_))) * 0.15F;
  out[kEarly] = 1.0F / (1.0F + 0.3F * static_cast<float>(step_));
  out[kSinceBest] = static_cast<float>(since_best_) / static_cast<float>(step_ + 3);
  out[kGradientShrunk] = log_ratio(root(gradient_square_) / (root(first_gradient_square_) + kTiny));
  out[kGradientShrunk + 1] = log_ratio(root(gradient_square_) / run.gradient_size);
  out[kMeanAction] = static_cast<float>(action_mean_);
  out[kMeanStep] = encode_step(root(step_square_));
  out[kMeanDistance] = encode_step(root(distance_square_));
  out[kMeanSpread] = encode_step(root(spread_square_));

  // Cosine decay over the horizon, and the spectral step (Barzilai & Borwein 1988).
  run.decay = 0.5F * (1.0F + std::cos(std::numbers::pi_v<float> * std::min(1.0F, elapsed)));
  const double curvature = std::abs(step_change_) + 1e-9 * std::sqrt(step_square_ * gradient_square_mean_) + 1e-30;
  run.spectral = static_cast<float>(std::min(1e30, step_square_ / curvature));

  // Roughness: how much f varies against what the gradients and the distances travelled would make of it. Tells landscapes
  // apart.
  const double unit = gradient_size_ > 0 ? gradient_size_ * scale_ : 1.0;
  const double slope = static_cast<double>(root(gradient_square_mean_)) + 1e-30;
  const double reach = static_cast<double>(root(gradient_square_mean_)) * std::sqrt(spread_square_) + 1e-30;
  out[kRoughness] = log_ratio(std::min(1e6, std::sqrt(variance_f_[kWindows - 1]) / unit / reach));
  out[kRange] = log_ratio(std::min(1e6, range / unit / slope));

  run.probe = step_ + 1;
  out[kSeparableMeanUnexplained] = log_ratio(separable_.mean_unexplained());
  out[kQuadraticUnexplained] = log_ratio(quadratic_.unexplained());
  return run;
}

}  // namespace scout
