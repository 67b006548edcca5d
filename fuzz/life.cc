#include "fuzz/life.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace scout::fuzz {
namespace {

constexpr std::size_t kMostParameters = 8, kMostGroups = 3;

}  // namespace

bool Life::full() const { return pool_a_.size() >= kMostParameters; }

at::Tensor Life::values(std::vector<std::int64_t> shape, at::ScalarType type, std::uint8_t kind) {
  at::Tensor out = at::zeros(shape, at::kDouble);
  auto* x = out.data_ptr<double>();
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    number_ = number_ * 6364136223846793005ULL + 1442695040888963407ULL;
    x[i] = static_cast<double>(static_cast<std::int64_t>(number_ >> 20) % 2001 - 1000) / 1000;
    const bool special = i % 3 == 0;
    switch (kind % 12) {
      case 1:
        x[i] = 0;
        break;
      case 2:
        x[i] = special ? NAN : x[i];
        break;
      case 3:
        x[i] = special ? INFINITY : x[i];
        break;
      case 4:
        x[i] *= 1e30;
        break;
      case 5:
        x[i] *= 1e-30;
        break;
      case 6:
        x[i] = NAN;
        break;
      case 7:
        x[i] = special ? -3e38 : x[i];
        break;
      case 8:
        x[i] *= 1e-45;
        break;
      default:
        break;
    }
  }
  return out.to(type);
}

int Life::add(Pieces& program) {
  const auto shape = shape_of(program.byte());
  const auto type = type_of(program.byte());
  const at::Tensor from = values(shape, type, 0);
  at::Tensor b = from.clone();
  if (program.chance(64) && from.dim() == 2) {  // the columns of a larger one
    b = at::cat({from, from}, 1).narrow(1, 0, from.size(1));
  } else if (program.chance(64) && from.dim() == 2) {
    b = from.t().contiguous().t();
  }
  pool_a_.push_back(from.clone().set_requires_grad(true));
  pool_b_.push_back(b.detach().set_requires_grad(true));
  known_.emplace_back();
  mixed_.push_back(0);
  return static_cast<int>(pool_a_.size()) - 1;
}

void Life::add_group(Pieces& program) {
  std::vector<int> group;
  const std::size_t count = 1 + program.below(3);
  for (std::size_t i = 0; i < count; ++i) {
    if (program.chance(128) || full()) {
      group.push_back(static_cast<int>(any(program)));
    } else {
      group.push_back(add(program));
    }
  }
  bool fits = groups_.size() < kMostGroups;
  if (!fits) return;
  for (const auto& other : groups_) {
    for (const int p : group) fits = fits && std::find(other.begin(), other.end(), p) == other.end();
  }
  const double rate = program.chance(32) ? -1 : program.chance(128) ? 0.5 : 1;
  const auto adding = [&](LearnedOptimizer& to, const std::vector<at::Tensor>& pool, Options options) {
    std::vector<at::Tensor> parameters;
    for (const int p : group) parameters.push_back(pool[static_cast<std::size_t>(p)]);
    options.lr(rate);
    return takes<std::invalid_argument>(
        [&] { to.add_param_group(torch::optim::OptimizerParamGroup(parameters, std::make_unique<Options>(options))); });
  };
  const bool right = fits && rate >= 0;
  expect(adding(*a_, pool_a_, first_) == right, right ? "a good group was refused" : "a bad group was taken");
  expect(adding(*b_, pool_b_, second_) == right, "the second optimizer sees a group otherwise");
  if (right) groups_.push_back(group);
  expect(a_->param_groups().size() == groups_.size(), "a refused group was added");
}

void Life::list_again(Pieces& program) {
  auto& group = groups_[program.below(groups_.size())];
  if (group.size() >= 4) return;
  const std::size_t g = static_cast<std::size_t>(&group - groups_.data());
  const int p = program.chance(128) ? -1 : group[program.below(group.size())];
  group.push_back(p);
  a_->param_groups()[g].params().push_back(p < 0 ? at::Tensor() : pool_a_[static_cast<std::size_t>(p)]);
  b_->param_groups()[g].params().push_back(p < 0 ? at::Tensor() : pool_b_[static_cast<std::size_t>(p)]);
}

void Life::replace(Pieces& program) {
  if (full()) return;
  const std::size_t g = program.below(groups_.size()), p = program.below(groups_[g].size());
  const int fresh = add(program);
  groups_[g][p] = fresh;
  a_->param_groups()[g].params()[p] = pool_a_.back();
  b_->param_groups()[g].params()[p] = pool_b_.back();
}

void Life::freeze(Pieces& program) {
  const std::size_t p = any(program);
  const bool trained = program.chance(128);
  pool_a_[p].set_requires_grad(trained);
  pool_b_[p].set_requires_grad(trained);
}

void Life::write(Pieces& program) {
  if (program.chance(64) && !buffers_a_.empty()) {
    const at::Tensor written = values(buffers_a_[0].sizes().vec(), at::kFloat, program.byte());
    buffers_a_[0].copy_(written);
    buffers_b_[0].copy_(written);
    return;
  }
  const std::size_t p = any(program);
  const at::Tensor written = values(pool_a_[p].sizes().vec(), pool_a_[p].scalar_type(), program.byte());
  pool_a_[p].detach().copy_(written);
  pool_b_[p].detach().copy_(written);
}

void Life::retype(Pieces& program) {
  const std::size_t p = any(program);
  if (mixed_[p]) return;
  const auto shape = program.chance(128) ? pool_a_[p].sizes().vec() : shape_of(program.byte());
  const auto type = program.chance(16) ? at::kHalf : type_of(program.byte());
  const at::Tensor data = values(shape, type, 0);
  pool_a_[p].set_data(data.clone());
  pool_b_[p].set_data(data.clone());
  set_gradient(p, values(shape, type, 0));
}

void Life::share(Pieces& program) {
  const std::size_t p = any(program), q = any(program);
  if (p == q || mixed_[p] || mixed_[q]) return;
  mixed_[p] = mixed_[q] = 1;
  pool_a_[p].set_data(pool_a_[q].detach());
  pool_b_[p].set_data(pool_b_[q].detach());
  for (const std::size_t one : {p, q}) set_gradient(one, values(pool_a_[q].sizes().vec(), pool_a_[q].scalar_type(), 0));
}

void Life::set_gradient(std::size_t p, const at::Tensor& gradient) {
  pool_a_[p].mutable_grad() = gradient.defined() ? gradient.clone() : gradient;
  // A gradient that is not finite counts as 0; the guard looks at how many there are, and of shared weights it is the sum.
  const bool zeroed = gradient.defined() && !guard_ && !gradient.is_sparse() && mixed_[p] == 0;
  pool_b_[p].mutable_grad() = zeroed               ? at::where(gradient.isfinite(), gradient, at::zeros_like(gradient))
                              : gradient.defined() ? gradient.clone()
                                                   : gradient;
}

void Life::gradients(Pieces& program) {
  const std::uint8_t kind = program.byte();
  for (std::size_t p = 0; p < pool_a_.size(); ++p) {
    if (kind >= 250) {
      set_gradient(p, {});
    } else {
      set_gradient(p, values(pool_a_[p].sizes().vec(), pool_a_[p].scalar_type(), p == 0 || kind % 2 == 0 ? kind / 16 : 0));
    }
  }
}

void Life::spoil_gradient(Pieces& program) {
  const std::size_t p = any(program);
  const at::Tensor& weight = pool_a_[p];
  switch (program.below(3)) {
    case 0:
      return set_gradient(p, {});
    case 1:
      if (weight.dim() > 0) set_gradient(p, at::ones_like(weight).detach().to_sparse());
      return;
    default:
      set_gradient(p, at::ones({7}, weight.options().requires_grad(false)));
  }
}

void Life::set_options(Pieces& program) {
  static constexpr double rates[]{1, 0, 0.5, 2, 1e-3, 100, -1, NAN, INFINITY};
  static constexpr double decays[]{0, 1e-3, 0.01, 0.5, -1, NAN, 2};
  const double rate = rates[program.below(std::size(rates))], decay = decays[program.below(std::size(decays))];
  const std::int64_t horizon = program.chance(16) ? -1 : program.byte();
  const double clip = program.chance(8) ? NAN : program.chance(128) ? 0 : 0.1 * program.byte();
  const std::size_t g = program.below(groups_.size());
  for (LearnedOptimizer* optimizer : {a_.get(), b_.get()}) {
    auto& group = static_cast<Options&>(optimizer->param_groups()[g].options());
    group.lr(rate).weight_decay(decay);
    static_cast<Options&>(optimizer->defaults()).horizon(horizon).clip_norm(clip);
  }
}

void Life::watch(Pieces& program) {
  buffers_a_ = {values({3}, at::kFloat, program.byte())};
  buffers_b_ = {buffers_a_[0].clone()};
  a_->watch_buffers(buffers_a_);
  b_->watch_buffers(buffers_b_);
}

std::vector<std::int64_t> Life::shape_of(std::size_t kind) {
  static const std::vector<std::int64_t> shapes[]{{3}, {2, 3}, {}, {1}, {0}, {2, 2, 2}, {5, 1}};
  return shapes[kind % std::size(shapes)];
}

at::ScalarType Life::type_of(std::size_t kind) {
  static constexpr at::ScalarType types[]{at::kFloat, at::kFloat, at::kDouble, at::kBFloat16};
  return types[kind % std::size(types)];
}

}  // namespace scout::fuzz
