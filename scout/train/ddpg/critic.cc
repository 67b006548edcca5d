#include "scout/train/ddpg/critic.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/nn/layers.h"

namespace scout {
namespace {

/// The rows of `from` [rows, columns] to places `stride` apart. Few columns go one by one: a call for each row costs more.
void copy_columns(const float* from, int rows, int columns, std::ptrdiff_t stride, float* to) {
  if (columns > 8) {
    for (int r = 0; r < rows; ++r, from += columns, to += stride) std::copy_n(from, columns, to);
    return;
  }
  for (std::ptrdiff_t c = 0; c < columns; ++c) {
    for (std::ptrdiff_t r = 0; r < rows; ++r) to[r * stride + c] = from[r * columns + c];
  }
}

}  // namespace

Critic::Critic(int features, int actions, std::vector<int> hidden, bool pooled)
    : features_(features), actions_(actions), pooled_(pooled) {
  if (hidden.size() != 2) throw std::invalid_argument("option 'ddpg.critic_hidden' must have two entries");
  auto add = [&](int in, int out) {
    const Linear layer{in, out, parameter_count_};
    parameter_count_ += layer.size();
    return layer;
  };
  first_ = add(features + actions, hidden[0]);
  second_ = add(hidden[0], hidden[1]);
  if (pooled_) pool_ = add(hidden[0], hidden[1]);
  output_ = add(hidden[1], 1);
}

std::vector<float> Critic::initial_parameters(Random& random) const {
  std::vector<float> parameters(parameter_count_, 0.0F);
  auto fill = [&](const Linear& layer, double scale) {
    for (int i = 0; i < layer.in * layer.out; ++i) {
      parameters[layer.offset + static_cast<std::size_t>(i)] = static_cast<float>(scale * random.normal());
    }
  };
  fill(first_, std::sqrt(2.0 / first_.in));
  fill(second_, std::sqrt(2.0 / second_.in) * (pooled_ ? std::sqrt(0.5) : 1.0));
  if (pooled_) fill(pool_, std::sqrt(1.0 / second_.in));
  fill(output_, 0.1 * std::sqrt(1.0 / output_.in));
  return parameters;
}

void Critic::join(const float* states, const float* actions, int rows, std::vector<float>& input) const {
  input.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(first_.in));
  copy_columns(states, rows, features_, first_.in, input.data());
  replace_actions(actions, rows, input);
}

void Critic::replace_actions(const float* actions, int rows, std::vector<float>& input) const {
  copy_columns(actions, rows, actions_, first_.in, input.data() + features_);
}

const std::vector<float>& Critic::forward(const float* parameters, const std::vector<float>& input,
                                          std::span<const int> begin, Trace& t) const {
  const int rows = begin.back();
  const auto n = static_cast<std::size_t>(rows);
  t.hidden.resize(n * static_cast<std::size_t>(first_.out));
  t.second.resize(n * static_cast<std::size_t>(second_.out));
  t.q.resize(n);
  first_.forward(parameters, input.data(), rows, t.hidden.data(), true);
  // A state of one row is its own mean: W2 h + W3 h is one layer then, of the sum of both.
  t.one_row = pooled_ && begin.size() == n + 1;
  if (t.one_row) {
    t.sum.resize(second_.size());
    const float* second = parameters + second_.offset;
    const float* pool = parameters + pool_.offset;
    for (std::size_t i = 0; i < t.sum.size(); ++i) t.sum[i] = second[i] + pool[i];
    sum_layer().forward(t.sum.data(), t.hidden.data(), rows, t.second.data(), true);
  } else {
    second_.forward(parameters, t.hidden.data(), rows, t.second.data(), !pooled_);
  }
  if (pooled_ && !t.one_row) {
    const int states = static_cast<int>(begin.size()) - 1;
    t.pool.resize(static_cast<std::size_t>(states * first_.out));
    t.pooled_part.resize(static_cast<std::size_t>(states * second_.out));
    kernel::pool(t.hidden.data(), begin.data(), states, first_.out, true, t.pool.data());
    pool_.forward(parameters, t.pool.data(), states, t.pooled_part.data());
    kernel::add_pooled_relu(t.pooled_part.data(), begin.data(), states, second_.out, t.second.data());
  }
  output_.forward(parameters, t.second.data(), rows, t.q.data());
  return t.q;
}

void Critic::backward(const float* parameters, const std::vector<float>& input, std::span<const int> begin, const float* dq,
                      Trace& t, float* gradient, float* d_actions) const {
  const int rows = begin.back();
  const auto n = static_cast<std::size_t>(rows);
  const auto width = static_cast<std::size_t>(first_.out);
  t.d_second.resize(n * static_cast<std::size_t>(second_.out));
  t.d_hidden.resize(n * width);
  output_.backward(parameters, t.second.data(), dq, rows, gradient, t.d_second.data(), true);
  if (t.one_row) {
    t.d_sum.assign(gradient != nullptr ? t.sum.size() : 0, 0.0F);
    sum_layer().backward(t.sum.data(), t.hidden.data(), t.d_second.data(), rows,
                         gradient != nullptr ? t.d_sum.data() : nullptr, t.d_hidden.data(), true);
    for (std::size_t i = 0; i < t.d_sum.size(); ++i) {
      gradient[second_.offset + i] += t.d_sum[i];
      gradient[pool_.offset + i] += t.d_sum[i];
    }
  } else {
    second_.backward(parameters, t.hidden.data(), t.d_second.data(), rows, gradient, t.d_hidden.data(), !pooled_);
  }
  if (pooled_ && !t.one_row) {
    const int states = static_cast<int>(begin.size()) - 1;
    t.d_pool.resize(t.pool.size());
    std::vector<float>& d_part = t.pooled_part;
    kernel::pool(t.d_second.data(), begin.data(), states, second_.out, false, d_part.data());
    pool_.backward(parameters, t.pool.data(), d_part.data(), states, gradient, t.d_pool.data());
    kernel::add_mean_gradient_relu(t.d_pool.data(), begin.data(), states, first_.out, t.hidden.data(), t.d_hidden.data());
  }
  if (gradient != nullptr) first_.backward(parameters, input.data(), t.d_hidden.data(), rows, gradient, nullptr);
  if (d_actions != nullptr) {
    // Only the columns of W1 that meet the actions: dactions = dhidden · those.
    const float* column = first_.weight(parameters) + features_;
    t.action_columns.resize(static_cast<std::size_t>(actions_) * width);
    for (std::size_t a = 0; a < static_cast<std::size_t>(actions_); ++a, ++column) {
      for (std::size_t j = 0; j < width; ++j) {
        t.action_columns[a * width + j] = column[j * static_cast<std::size_t>(first_.in)];
      }
    }
    t.no_bias.assign(static_cast<std::size_t>(actions_), 0.0F);
    kernel::affine(t.d_hidden.data(), t.action_columns.data(), t.no_bias.data(), rows, first_.out, actions_, false,
                   d_actions);
  }
}

}  // namespace scout
