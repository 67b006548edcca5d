#include "scout/policy/coordinatewise_observer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "scout/kernel/action.h"

namespace scout {
namespace {

/// Share of a new sample in each window's averages, at least 1/t: the last few steps, the last dozen, the whole run.
constexpr std::array<double, 3> kWindowShare{0.3, 0.08, 0.0};
constexpr float kTiny = 1e-30F;
/// Values of f and of g are cut here, so that no square overflows.
constexpr double kLargestValue = 1e150;
constexpr double kLargestGradient = 1e12;

/// Sizes of the annealed gradient steps at the start, in widths of the region: the best of SGD and RMSprop with cosine decay
/// on validation instances of rippled bowls.
constexpr float kGradientStepSize = 0.11F;
constexpr float kScaledGradientStepSize = 0.035F;

/// The models of the region keep so many points, fewer where they would need more than some 2^22 numbers.
int model_capacity(int dimension) { return std::clamp((1 << 22) / dimension, 16, 128); }

/// Probes: in each coordinate the additive recurrence v ← v + α mod 1 of a noble number α = 1/(a + 1/(b + φ)), whose first n
/// points are spread evenly for any n. The coordinates take turns among eight of them, and begin at multiples of the inverse
/// of the plastic number, lest they move in step.
constexpr double kGolden = 0.6180339887498949;
constexpr double kPhaseStep = 0.7548776662466927;
double probe_step(std::size_t coordinate) {
  const auto a = 2.0 + static_cast<double>(coordinate % 2);
  const auto b = 1.0 + static_cast<double>(coordinate / 2 % 4);
  return 1.0 / (a + 1.0 / (b + kGolden));
}
/// The share of the region that probes reach.
constexpr float kProbeShare = 0.9F;

double fraction(double x) { return x - std::floor(x); }

/// x/(1 + 0.3|x|): the identity near 0, at most ±3.3.
[[gnu::always_inline]] inline float squash(float x) { return x / (1.0F + 0.3F * std::fabs(x)); }

/// Decimal-like size of a ratio >= 0: 0 at 1, ±1 at 2^±10.
[[gnu::always_inline]] inline float log_ratio(float x) { return fast_log2(x + 1e-12F) * 0.1F; }

[[gnu::always_inline]] inline float clip(float x) { return x < -2.0F ? -2.0F : (x > 2.0F ? 2.0F : x); }

float root(double mean_square) { return static_cast<float>(std::sqrt(mean_square)); }

double mean_size(std::span<const double> numbers) {
  double sum = 0;
  for (double x : numbers) sum += std::abs(x) / static_cast<double>(numbers.size());
  return std::min(sum, std::numeric_limits<double>::max());
}

}  // namespace

CoordinatewiseObserver::CoordinatewiseObserver(int dimension, bool gradient) : dimension_(dimension), gradient_(gradient) {
  if (dimension < 1) throw std::invalid_argument("CoordinatewiseObserver: dimension must be at least 1");
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
          kToProfile,
          kToBowl};
}

std::vector<int> CoordinatewiseObserver::context_features() {
  return {kElapsed, kRemaining,           kEarly,          kSinceBest, kGradientShrunk, kGradientShrunk + 1, kRoughness,
          kRange,   kProfilesUnexplained, kBowlUnexplained};
}

void CoordinatewiseObserver::start(std::span<const double> theta, double f, std::span<const double> gradient,
                                   const Frame& frame) {
  std::fill(state_.begin(), state_.end(), 0.0F);
  origin_.assign(theta.begin(), theta.end());
  scale_ = frame.scale;
  horizon_ = frame.horizon;
  step_ = 0;
  since_best_ = 0;
  f = std::clamp(f, -kLargestValue, kLargestValue);
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
  bowl_.start(dimension_, capacity);
  bowl_.add({field(kX), theta.size()}, f);
  profiles_.start(dimension_, gradient_ ? capacity : 1);
  if (gradient_) profiles_.add({field(kX), theta.size()}, {field(kG), theta.size()});
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

void CoordinatewiseObserver::observe(std::span<const float> actions, std::span<const double> theta, double f,
                                     std::span<const double> gradient) {
  const auto m = static_cast<std::size_t>(dimension_);
  f = std::clamp(f, -kLargestValue, kLargestValue);
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
}

void CoordinatewiseObserver::update_statistics(double f) {
  const float* x = field(kX);
  const float* g = field(kG);
  const double range = worst_ > best_ ? worst_ - best_ : 1.0;
  for (int w = 0; w < kWindows; ++w) {
    // West 1979: exponentially weighted means, variances and covariances; the share 1/t gives plain averages.
    const double share = std::max(kWindowShare[static_cast<std::size_t>(w)], 1.0 / (step_ + 1));
    const double df = f - mean_f_[static_cast<std::size_t>(w)];
    mean_f_[static_cast<std::size_t>(w)] += share * df;
    variance_f_[static_cast<std::size_t>(w)] = (1 - share) * (variance_f_[static_cast<std::size_t>(w)] + share * df * df);
    const auto s = static_cast<float>(share);
    const auto relative_df = static_cast<float>(df / range);
    float* mx = field(kWindowX + w);
    float* mg = field(kWindowG + w);
    float* xx = field(kWindowXX + w);
    float* xg = field(kWindowXG + w);
    float* gg = field(kWindowGG + w);
    float* xf = field(kWindowXF + w);
    for (std::size_t i = 0; i < padded_; ++i) {
      const float dx = x[i] - mx[i];
      const float dg = g[i] - mg[i];
      mx[i] += s * dx;
      mg[i] += s * dg;
      xx[i] = (1.0F - s) * (xx[i] + s * dx * dx);
      xg[i] = (1.0F - s) * (xg[i] + s * dx * dg);
      gg[i] = (1.0F - s) * (gg[i] + s * dg * dg);
      xf[i] = (1.0F - s) * (xf[i] + s * dx * relative_df);
    }
  }
  // Points are weighted by exp(-z), z = f standardised over the run; old ones fade.
  const double deviation = std::sqrt(variance_f_[kWindows - 1]);
  const double z = deviation > 0 ? std::clamp((f - mean_f_[kWindows - 1]) / deviation, -3.0, 3.0) : 0.0;
  const double weight = std::exp(-2.0 * z);
  elite_weight_ = 0.95 * elite_weight_ + weight;
  const auto share = static_cast<float>(weight / elite_weight_);
  float* elite = field(kEliteX);
  float* mean5 = field(kMean5);
  float* mean9 = field(kMean9);
  float* square = field(kSquare);
  const float share5 = std::max(0.5F, 1.0F / static_cast<float>(step_ + 1));
  const float share9 = std::max(0.1F, 1.0F / static_cast<float>(step_ + 1));
  const float share95 = std::max(0.05F, 1.0F / static_cast<float>(step_ + 1));
  bowl_.add({x, static_cast<std::size_t>(dimension_)}, f);
  if (gradient_) profiles_.add({x, static_cast<std::size_t>(dimension_)}, {g, static_cast<std::size_t>(dimension_)});
  const float* best = field(kBestX);
  const float* spread = field(kWindowXX + kWindows - 1);
  float distances = 0;
  float spreads = 0;
  for (std::size_t i = 0; i < padded_; ++i) {
    elite[i] += share * (x[i] - elite[i]);
    mean5[i] += share5 * (g[i] - mean5[i]);
    mean9[i] += share9 * (g[i] - mean9[i]);
    square[i] += share95 * (g[i] * g[i] - square[i]);
    distances += (best[i] - x[i]) * (best[i] - x[i]);
    spreads += spread[i];
  }
  distance_square_ = distances / static_cast<float>(dimension_);
  spread_square_ = spreads / static_cast<float>(dimension_);
}

void CoordinatewiseObserver::write(float* features) const {
  for (std::size_t begin = 0; begin < static_cast<std::size_t>(dimension_); begin += kLanes) {
    const std::size_t count = std::min<std::size_t>(kLanes, static_cast<std::size_t>(dimension_) - begin);
    write_block(begin, count, features + begin * kFeatures);
  }
}

void CoordinatewiseObserver::write_block(std::size_t begin, std::size_t count, float* features) const {
  float out[kFeatures][kLanes];
  int row = 0;
  auto lane = [&](int index) { return field(index) + begin; };
  auto put = [&](auto&& value) __attribute__((always_inline)) {
    for (int l = 0; l < kLanes; ++l) out[row][l] = value(l);
    ++row;
  };
  const float* sign = lane(kSign);
  auto put_odd = [&](auto&& value) __attribute__((always_inline)) {
    for (int l = 0; l < kLanes; ++l) out[row][l] = sign[l] * value(l);
    ++row;
  };
  auto put_scalar = [&](float value) { put([value](int) { return value; }); };

  const float* x = lane(kX);
  const float* g = lane(kG);
  const float* square = lane(kSquare);
  const float pooled_gradient = root(gradient_square_average_) + kTiny;
  float inverse_size[kLanes];
  for (int l = 0; l < kLanes; ++l) inverse_size[l] = 1.0F / (std::sqrt(square[l]) + 1e-6F * pooled_gradient + kTiny);

  // Gradients over their running size (as Adam sees them), and their size against the other coordinates'.
  for (int index : {int{kG}, int{kMean5}, int{kMean9}, int{kBestG}}) {
    const float* v = lane(index);
    put_odd([&](int l) { return squash(v[l] * inverse_size[l]); });
  }
  for (int h = 0; h < kHistory; ++h) {
    const float* v = lane(kGradients + h);
    put_odd([&](int l) { return squash(v[l] * inverse_size[l]); });
  }
  put([&](int l) { return log_ratio(std::fabs(g[l]) / pooled_gradient); });
  put([&](int l) { return log_ratio(std::sqrt(square[l]) / pooled_gradient); });

  // Steps taken, and where the best point, the elite's mean and the windows' means are.
  for (int h = 0; h < kHistory; ++h) {
    const float* v = lane(kActions + h);
    put_odd([&](int l) { return v[l]; });
  }
  const float* best = lane(kBestX);
  const float* elite = lane(kEliteX);
  put_odd([&](int l) { return encode_step(best[l] - x[l]); });
  put_odd([&](int l) { return encode_step(elite[l] - x[l]); });
  put_odd([&](int l) { return encode_step(-x[l]); });

  // The last secant.
  const float* step = lane(kStep);
  const float* previous = lane(kPreviousG);
  put_odd([&](int l) {
    const float change = g[l] - previous[l];
    return encode_step(-g[l] * std::fabs(step[l]) / (std::fabs(change) + 1e-6F * pooled_gradient + kTiny));
  });
  put([&](int l) {
    const float change = g[l] - previous[l];
    return squash(3.0F * change * inverse_size[l]) * (step[l] > 0.0F ? 1.0F : (step[l] < 0.0F ? -1.0F : 0.0F));
  });

  for (int w = 0; w < kWindows; ++w) {
    const float* mx = lane(kWindowX + w);
    const float* mg = lane(kWindowG + w);
    const float* xx = lane(kWindowXX + w);
    const float* xg = lane(kWindowXG + w);
    const float* gg = lane(kWindowGG + w);
    const float* xf = lane(kWindowXF + w);
    const auto deviation_f =
        static_cast<float>(std::sqrt(variance_f_[static_cast<std::size_t>(w)]) / (worst_ > best_ ? worst_ - best_ : 1.0));
    put_odd([&](int l) { return encode_step(mx[l] - x[l]); });
    put([&](int l) { return encode_step(std::sqrt(xx[l])); });
    // Where the regression line of g on x crosses zero: a Newton step of the smoothed function.
    put_odd([&](int l) {
      return encode_step(mx[l] - x[l] - mg[l] * xx[l] / (std::fabs(xg[l]) + 1e-9F * pooled_gradient + kTiny));
    });
    // Its correlations: how straight that line is, and which way f goes.
    put([&](int l) { return xg[l] / (std::sqrt(xx[l] * gg[l]) + 1e-12F * pooled_gradient + kTiny); });
    put_odd([&](int l) { return xf[l] / (std::sqrt(xx[l]) * deviation_f + 1e-12F); });
    put_odd([&](int l) { return squash(mg[l] * inverse_size[l]); });
  }

  // Progress, the same for every coordinate.
  const double range = worst_ - best_;
  auto relative = [&](double difference) { return encode_step(range > 0 ? static_cast<float>(difference / range) : 0.0F); };
  put_scalar(relative(f_ - best_));
  for (int h = 0; h < kHistory - 1; ++h) {
    put_scalar(relative(f_ - previous_f_[static_cast<std::size_t>(h)]));
  }
  put_scalar(relative(std::sqrt(variance_f_[0])));
  const float elapsed = static_cast<float>(step_) / static_cast<float>(horizon_);
  put_scalar(elapsed);
  put_scalar(fast_log2(1.0F + static_cast<float>(std::max(0, horizon_ - step_))) * 0.15F);
  put_scalar(1.0F / (1.0F + 0.3F * static_cast<float>(step_)));
  put_scalar(static_cast<float>(since_best_) / static_cast<float>(step_ + 3));
  put_scalar(log_ratio(root(gradient_square_) / (root(first_gradient_square_) + kTiny)));
  put_scalar(log_ratio(root(gradient_square_) / pooled_gradient));
  put_scalar(static_cast<float>(action_mean_));
  put_scalar(encode_step(root(step_square_)));
  put_scalar(encode_step(root(distance_square_)));
  put_scalar(encode_step(root(spread_square_)));

  // Gradient steps with cosine decay over the horizon: over the running pooled size of gradients, and over each
  // coordinate's.
  const float decay = 0.5F * (1.0F + std::cos(std::numbers::pi_v<float> * std::min(1.0F, elapsed)));
  const float* width = lane(kWidth);
  const float inverse_gradient = decay / pooled_gradient;
  put_odd([&](int l) { return encode_step(-kGradientStepSize * width[l] * inverse_gradient * g[l]); });
  put_odd([&](int l) { return encode_step(-kScaledGradientStepSize * width[l] * decay * g[l] * inverse_size[l]); });
  // The spectral step (Barzilai & Borwein 1988): the gradient over its change along the last step.
  const double curvature = std::abs(step_change_) + 1e-9 * std::sqrt(step_square_ * gradient_square_mean_) + 1e-30;
  const auto spectral = static_cast<float>(std::min(1e30, step_square_ / curvature));
  put_odd([&](int l) { return encode_step(-std::clamp(spectral * g[l], -1e3F, 1e3F)); });

  // Roughness: how much f varies against what the gradients and the distances travelled would make of it. Tells landscapes
  // apart.
  const double unit = gradient_size_ > 0 ? gradient_size_ * scale_ : 1.0;
  const double reach = static_cast<double>(root(gradient_square_mean_)) * std::sqrt(spread_square_) + 1e-30;
  put_scalar(log_ratio(static_cast<float>(std::min(1e6, std::sqrt(variance_f_[kWindows - 1]) / unit / reach))));
  put_scalar(log_ratio(
      static_cast<float>(std::min(1e6, range / unit / (static_cast<double>(root(gradient_square_mean_)) + 1e-30)))));

  // The next probe, and the models of the region with what they leave unexplained.
  const float* lower = lane(kLower);
  const float* phase = lane(kPhase);
  const float* direction = lane(kDirection);
  put_odd([&](int l) {
    const auto along = static_cast<float>(
        fraction(static_cast<double>(phase[l]) + probe_step(begin + static_cast<std::size_t>(l)) * (step_ + 1)));
    const float place = direction[l] > 0.0F ? along : 1.0F - along;
    return encode_step(lower[l] + (0.5F + kProbeShare * (place - 0.5F)) * width[l] - x[l]);
  });
  auto share = [](double unexplained) { return log_ratio(static_cast<float>(unexplained)); };
  auto of = [&](std::span<const float> model, int l) {
    return static_cast<std::size_t>(l) < count ? model[begin + static_cast<std::size_t>(l)] : 0.0F;
  };
  put_odd([&](int l) { return encode_step(gradient_ ? of(profiles_.minimum(), l) - x[l] : 0.0F); });
  put([&](int l) { return of(profiles_.height(), l); });
  put([&](int l) { return share(static_cast<double>(of(profiles_.unexplained(), l))); });
  put_odd([&](int l) { return encode_step(of(bowl_.centre(), l) - x[l]); });
  put_scalar(share(profiles_.mean_unexplained()));
  put_scalar(share(bowl_.unexplained()));

  for (std::size_t l = 0; l < count; ++l) {
    for (int j = 0; j < kFeatures; ++j) features[l * kFeatures + static_cast<std::size_t>(j)] = clip(out[j][l]);
  }
}

}  // namespace scout
