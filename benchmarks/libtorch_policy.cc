#include "benchmarks/libtorch_policy.h"

#include <numbers>

namespace scout::benchmark {
namespace {

using torch::Tensor;

constexpr double kRange = 1e5;
constexpr int kProposals = 12;
constexpr int kContext = 10;

Tensor encode(const Tensor& step) { return torch::sign(step) * torch::log1p(kRange * step.abs()) / std::log1p(kRange); }
Tensor decode(const Tensor& action) {
  return torch::sign(action) * torch::expm1(action.abs() * std::log1p(kRange)) / kRange;
}
Tensor squash(const Tensor& x) { return x / (1 + 0.3 * x.abs()); }
Tensor log_ratio(const Tensor& x) { return 0.1 * torch::log2(x + 1e-12); }
/// The mean over coordinates, [E, 1].
Tensor pooled(const Tensor& x) { return x.mean(-1, true); }

}  // namespace

LibTorchEnvironments::LibTorchEnvironments(std::vector<std::shared_ptr<const Instance>> instances, double step_scale,
                                           int horizon)
    : instances_(std::move(instances)),
      count_(static_cast<std::int64_t>(instances_.size())),
      dimension_(instances_.front()->dimension()),
      horizon_(horizon),
      step_scale_(step_scale),
      theta_(torch::zeros({count_, dimension_}, torch::kDouble)) {
  const auto of_each = [&](auto&& number) {
    std::vector<double> numbers;
    for (const auto& instance : instances_) numbers.push_back(number(*instance));
    return torch::tensor(numbers, torch::kDouble).unsqueeze(1);
  };
  scale_ = of_each([&](const Instance& i) { return step_scale * (i.upper()[0] - i.lower()[0]); });
  lower_ = of_each([](const Instance& i) { return i.lower()[0]; });
  optimum_ = of_each([](const Instance& i) { return i.optimum_value().value(); });
}

void LibTorchEnvironments::evaluate() {
  const auto m = static_cast<std::size_t>(dimension_);
  const double* theta = theta_.data_ptr<double>();
  auto f = torch::empty({count_, 1}, torch::kDouble);
  auto gradient = torch::empty({count_, dimension_}, torch::kDouble);
  for (std::size_t e = 0; e < instances_.size(); ++e) {
    instances_[e]->evaluate({theta + e * m, m}, {f.data_ptr<double>() + e, 1}, {gradient.data_ptr<double>() + e * m, m});
  }
  f_ = f.to(torch::kFloat);
  if (step_ == 0) gradient_size_ = gradient.abs().mean(1, true) + 1e-30;
  gradient_ = (gradient / gradient_size_).to(torch::kFloat);
  sign_ = torch::where(gradient_ < 0, -torch::ones_like(gradient_), torch::ones_like(gradient_));
}

void LibTorchEnvironments::start(std::span<const double> theta) {
  const torch::NoGradGuard no_grad;
  step_ = 0;
  std::copy(theta.begin(), theta.end(), theta_.data_ptr<double>());
  origin_ = theta_.clone();
  evaluate();
  best_ = f_.clone();
  worst_ = f_.clone();
  start_gap_ = f_ - optimum_;
  const auto zero = torch::zeros({count_, dimension_});
  x_ = last_step_ = best_x_ = elite_ = zero;
  best_gradient_ = mean5_ = mean9_ = gradient_;
  square_ = gradient_.square();
  since_best_ = elite_weight_ = torch::zeros({count_, 1});
  actions_ = torch::zeros({4, count_, dimension_});
  gradients_ = torch::zeros({4, count_, dimension_});
  values_ = f_.expand({4, count_, 1}).clone();
  mean_x_ = xx_ = xg_ = gg_ = xf_ = torch::zeros({3, count_, dimension_});
  mean_g_ = gradient_.expand({3, count_, dimension_}).clone();
  mean_f_ = f_.expand({3, count_, 1}).clone();
  ff_ = torch::zeros({3, count_, 1});
  first_square_ = square_mean_ = square_average_ = pooled(square_);
  first_f_ = f_.to(torch::kDouble);
  insert();
}

void LibTorchEnvironments::step(const Tensor& actions) {
  const torch::NoGradGuard no_grad;
  const auto action = actions.reshape({count_, dimension_}) * sign_;
  theta_ += scale_ * decode(action);
  const auto previous_gradient = gradient_;
  actions_ = torch::cat({action.unsqueeze(0), actions_.slice(0, 0, 3)});
  gradients_ = torch::cat({previous_gradient.unsqueeze(0), gradients_.slice(0, 0, 3)});
  values_ = torch::cat({f_.unsqueeze(0), values_.slice(0, 0, 3)});
  ++step_;
  evaluate();
  const auto x = ((theta_ - origin_) / scale_).to(torch::kFloat);
  last_step_ = x - x_;
  x_ = x;
  const auto better = f_ < best_;
  best_ = torch::min(best_, f_);
  worst_ = torch::max(worst_, f_);
  best_x_ = torch::where(better, x_, best_x_);
  best_gradient_ = torch::where(better, gradient_, best_gradient_);
  since_best_ = torch::where(better, torch::zeros_like(since_best_), since_best_ + 1);
  insert();
  update_statistics();
}

void LibTorchEnvironments::update_statistics() {
  const double least = 1.0 / static_cast<double>(step_ + 1);
  const auto share = torch::tensor({std::max(0.3, least), std::max(0.08, least), least}).reshape({3, 1, 1});
  const auto dx = x_ - mean_x_;
  const auto dg = gradient_ - mean_g_;
  const auto df = f_ - mean_f_;
  const auto relative_df = df / (worst_ - best_ + 1e-30);
  mean_x_ = mean_x_ + share * dx;
  mean_g_ = mean_g_ + share * dg;
  mean_f_ = mean_f_ + share * df;
  xx_ = (1 - share) * (xx_ + share * dx * dx);
  xg_ = (1 - share) * (xg_ + share * dx * dg);
  gg_ = (1 - share) * (gg_ + share * dg * dg);
  xf_ = (1 - share) * (xf_ + share * dx * relative_df);
  ff_ = (1 - share) * (ff_ + share * df * df);
  const auto z = ((f_ - mean_f_[2]) / (ff_[2].sqrt() + 1e-30)).clamp(-3, 3);
  const auto weight = torch::exp(-2 * z);
  elite_weight_ = 0.95 * elite_weight_ + weight;
  elite_ = elite_ + weight / elite_weight_ * (x_ - elite_);
  mean5_ = mean5_.lerp(gradient_, std::max(0.5, least));
  mean9_ = mean9_.lerp(gradient_, std::max(0.1, least));
  const auto square = gradient_.square();
  square_ = square_.lerp(square, std::max(0.05, least));
  const auto now = pooled(square);
  square_average_ = square_average_.lerp(now, std::max(0.1, least));
  square_mean_ = square_mean_.lerp(now, least);
}

/// Puts the point among each coordinate's sorted samples, and into the sums of the quadratic's fit.
void LibTorchEnvironments::insert() {
  const auto x = x_.unsqueeze(2);
  const auto g = gradient_.unsqueeze(2);
  const auto x_double = x_.to(torch::kDouble);
  const auto row = torch::cat({x_double, x_double.square().mean(1, true)}, 1).unsqueeze(2);  // [E, M + 1, 1]
  const auto f = (f_.to(torch::kDouble) - first_f_).unsqueeze(2);
  if (step_ == 0) {
    sorted_x_ = x.clone();
    sorted_g_ = g.clone();
    is_last_ = torch::ones_like(x);
    row_sum_ = row.clone();
    products_ = row.matmul(row.transpose(1, 2));
    f_sum_ = f.clone();
    f_products_ = row * f;
    f_square_ = f.square();
    return;
  }
  const auto place = torch::arange(step_ + 1);
  const auto own = (sorted_x_ <= x).sum(-1, true);
  const auto here = place == own;
  auto inserted = [&](const Tensor& sorted, const Tensor& sample) {
    const auto moved =
        torch::where(place < own, torch::constant_pad_nd(sorted, {0, 1}), torch::constant_pad_nd(sorted, {1, 0}));
    return torch::where(here, sample, moved);
  };
  sorted_g_ = inserted(sorted_g_, g);
  sorted_x_ = inserted(sorted_x_, x);
  is_last_ = here.to(torch::kFloat);
  row_sum_ += row;
  products_.baddbmm_(row, row.transpose(1, 2));
  f_sum_ += f;
  f_products_ += row * f;
  f_square_ += f.square();
}

/// The integral of each coordinate's gradient over its sorted samples: where it is least, how far above that the last sample
/// is, and how well neighbours predict a sample.
std::vector<Tensor> LibTorchEnvironments::separable() const {
  const Tensor& x = sorted_x_;
  const Tensor& g = sorted_g_;
  if (step_ == 0) return {torch::zeros_like(x_), torch::zeros_like(x_), torch::ones_like(x_)};
  const auto width = x.slice(2, 1) - x.slice(2, 0, step_);
  const auto potential =
      torch::constant_pad_nd(torch::cumsum(0.5 * width * (g.slice(2, 1) + g.slice(2, 0, step_)), -1), {1, 0});
  const auto [least, place] = potential.min(-1, true);
  const auto range = std::get<0>(potential.max(-1, true)) - least;
  const auto height = ((potential - least) * is_last_).sum(-1) / (range.squeeze(-1) + 1e-30);
  const auto neighbours =
      torch::constant_pad_nd(0.5 * (g.slice(2, 2) + g.slice(2, 0, std::max<std::int64_t>(0, step_ - 1))), {1, 1});
  const auto error = (neighbours - g).square().mean(-1) / (g.var(-1, false) + 1e-30);
  return {x.gather(2, place).squeeze(-1), height, error.clamp_max(4)};
}

/// The least squares fit of a + bᵀx + h |x|² to the points: its centre, and the share of the variance left over.
std::vector<Tensor> LibTorchEnvironments::quadratic() const {
  const auto n = static_cast<double>(step_ + 1);
  const auto products = products_ - row_sum_.matmul(row_sum_.transpose(1, 2)) / n;
  const auto right = f_products_ - row_sum_ * f_sum_ / n;  // [E, M + 1, 1]
  const auto ridge = (1e-9 + 1e-6 * products.diagonal(0, 1, 2).sum(-1)).reshape({count_, 1, 1});
  const auto factor = std::get<0>(torch::linalg_cholesky_ex(products + ridge * torch::eye(dimension_ + 1, torch::kDouble)));
  const auto solution = torch::cholesky_solve(right, factor);
  const auto slope = solution.squeeze(-1).slice(1, 0, dimension_);
  const auto height = solution.squeeze(-1).slice(1, dimension_).clamp_min(1e-9) * (2.0 / static_cast<double>(dimension_));
  const auto variance = f_square_ - f_sum_.square() / n;  // times n
  const auto row = solution.transpose(1, 2);
  const auto left = variance - 2 * row.matmul(right) + row.matmul(products).matmul(solution);
  const auto unexplained = (left.clamp_min(0) / (variance + 1e-30)).squeeze(2);
  return {(-slope / height).clamp(-2, 2).to(torch::kFloat), unexplained.to(torch::kFloat)};
}

Tensor LibTorchEnvironments::gap_share() const {
  return ((best_ - optimum_).clamp_min(0) / start_gap_.clamp_min(1e-300)).squeeze(1);
}

Tensor LibTorchEnvironments::features() const {
  const torch::NoGradGuard no_grad;
  const auto like = torch::zeros_like(x_);
  const auto size = 1 / (square_.sqrt() + 1e-6 * square_average_.sqrt() + 1e-30);
  const auto root = square_average_.sqrt() + 1e-30;
  const auto change = gradient_ - gradients_[0];
  const auto profiles = separable();
  const auto bowls = quadratic();
  const double elapsed = static_cast<double>(step_) / static_cast<double>(horizon_);
  const double decay = 0.5 * (1 + std::cos(std::numbers::pi * elapsed));
  const auto range = worst_ - best_ + 1e-30;
  const auto deviation = ff_.sqrt() / range + 1e-12;
  const auto place = torch::frac(torch::arange(dimension_) * 0.618 + 0.5545 * static_cast<double>(step_));
  const auto probe = ((lower_ - origin_) / scale_).to(torch::kFloat) + (0.05 + 0.9 * place) / step_scale_;

  // Those that turn round with the coordinate, in three groups, each of [n, E, M].
  const auto ratios =
      squash(torch::cat({torch::stack({gradient_, mean5_, mean9_, best_gradient_}), gradients_, mean_g_}) * size);  // 11
  const auto steps = encode(
      torch::cat({torch::stack({-0.22 * decay * gradient_ / (square_mean_.sqrt() + 1e-30), -0.07 * decay * gradient_ * size,
                                best_x_ - x_, elite_ - x_, -x_, -gradient_ * last_step_.abs() / (change.abs() + 1e-6 * root),
                                probe - x_, profiles[0] - x_, bowls[0] - x_}),
                  mean_x_ - x_ - mean_g_ * xx_ / (xg_.abs() + 1e-9 * root), mean_x_ - x_,
                  (-gradient_ / (square_mean_.sqrt() + 1e-30)).unsqueeze(0)}));  // 16
  const auto slopes = xf_ / (xx_.sqrt() * deviation + 1e-12);                    // 3
  const auto odd = torch::cat({steps, ratios, actions_, slopes}) * sign_;        // 34

  // Those that do not, and those that are the same for every coordinate.
  const auto even =
      torch::cat({encode(xx_.sqrt()), xg_ / ((xx_ * gg_).sqrt() + 1e-12 * root),
                  torch::stack({log_ratio(gradient_.abs() / root), log_ratio(square_.sqrt() / root),
                                squash(3 * change * size) * torch::sign(last_step_), profiles[1], profiles[2]})});  // 11
  const auto square = pooled(gradient_.square());
  const auto relative =
      encode(torch::cat({f_ - best_, f_ - values_[0], f_ - values_[1], f_ - values_[2], ff_[0].sqrt()}, 1) / range);  // 5
  const auto sizes =
      encode(torch::cat({pooled(last_step_.square()).sqrt(), pooled((best_x_ - x_).square()).sqrt(), pooled(xx_[2]).sqrt()},
                        1));  // 3
  const auto logs =
      log_ratio(torch::cat({square.sqrt() / (first_square_.sqrt() + 1e-30), square.sqrt() / root,
                            ff_[2].sqrt() / (square_mean_.sqrt() + 1e-30), range / (square_mean_.sqrt() + 1e-30)},
                           1));  // 4
  const auto time = torch::tensor({elapsed, 0.15 * std::log2(1.0 + static_cast<double>(horizon_ - step_)),
                                   1 / (1 + 0.3 * static_cast<double>(step_))},
                                  torch::kFloat)
                        .expand({count_, 3});  // 3
  const auto run = torch::cat({time, since_best_ / static_cast<double>(step_ + 3), logs, log_ratio(pooled(profiles[2])),
                               log_ratio(bowls[1]), relative, sizes, pooled(actions_[0].abs())},
                              1);  // 19
  const auto all = torch::cat({odd, even, run.t().unsqueeze(2).expand({run.size(1), count_, dimension_})});
  return all.permute({1, 2, 0}).reshape({count_ * dimension_, -1}).clamp(-2, 2).contiguous();
}

MixtureActor::MixtureActor(std::vector<int> hidden) {
  hidden.insert(hidden.begin(), LibTorchEnvironments::kFeatures);
  hidden.push_back(kProposals + 1);
  network = register_module("network", perceptron(hidden));
  head = register_module("head", torch::nn::Linear(kContext, kProposals + 1));
  const torch::NoGradGuard no_grad;
  const auto parameters = network->parameters();
  for (std::size_t i = parameters.size() - 2; i < parameters.size(); ++i) parameters[i].zero_();
  for (auto& parameter : head->parameters()) parameter.requires_grad_(false);
  head->weight.zero_();
  head->bias.zero_();
  head->bias.slice(0, 3).fill_(-1);
  // Outputs of the steps to the probe, to the profiles' minimum and to the quadratic's centre, over elapsed time and what
  // those models leave unexplained (policy/actor.cc).
  head->bias[7] = 8;
  head->weight[7][0] = -16;
  head->weight[8][8] = -4;
  head->weight[9][9] = -1.5;
}

std::pair<Tensor, Tensor> MixtureActor::act(const Tensor& features) {
  constexpr int kRun = 45;  // where the features of the run begin
  const auto own = network->forward(features);
  const auto outputs = own + head(features.slice(1, kRun, kRun + kContext));
  const auto steps = features.slice(1, 0, kProposals).clamp(-1, 1);
  const auto base =
      torch::exp(outputs.slice(1, 1, 2).clamp(-10, 3)) * decode(0.5 * (steps.slice(1, 0, 1) + steps.slice(1, 1, 2)));
  const auto proposals = torch::cat({base, decode(steps.slice(1, 2))}, 1);  // [N, kProposals - 1]
  // Sparsemax (Martins & Astudillo 2016).
  const auto z = 3 * outputs.slice(1, 2);
  const auto sorted = std::get<0>(z.sort(1, true));
  const auto sums = sorted.cumsum(1);
  const auto rank = torch::arange(1, sorted.size(1) + 1);
  const auto support = ((1 + rank * sorted) > sums).sum(1, true);
  const auto threshold = (sums.gather(1, support - 1) - 1) / support;
  const auto step = (torch::relu(z - threshold) * proposals).sum(1, true);
  return {(encode(step.clamp(-1, 1)) + 0.3 * outputs.slice(1, 0, 1)).clamp(-1, 1), own};
}

}  // namespace scout::benchmark
