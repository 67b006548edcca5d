// For tests only: the hierarchical RNN optimizer in plain double precision, written from its formulas, one matrix at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "scout/policy/hierarchical/hierarchical_network.h"

namespace scout {

class HierarchicalReference {
 public:
  using Vector = std::vector<double>;

  /// `sizes`: of the tensors.
  HierarchicalReference(const Vector& parameters, const std::vector<std::size_t>& sizes) {
    const double* next = parameters.data();
    const auto matrix = [&](std::size_t in, std::size_t out) {
      std::vector<Vector> rows;
      for (std::size_t k = 0; k < in; ++k, next += out) rows.emplace_back(next, next + out);
      return rows;
    };
    const auto row = [&](std::size_t n) {
      next += n;
      return Vector(next - n, next);
    };
    for (Gru* gru : {&weight_, &tensor_, &run_}) {
      gru->cells = gru == &weight_ ? 10 : 20;
      gru->in = gru == &weight_ ? 12 : gru == &tensor_ ? 22 : 20;
      gru->v = matrix(gru->in + gru->cells, 3 * gru->cells);
      gru->bias = row(3 * gru->cells);
    }
    tensor_to_weight_ = matrix(20, 30);
    run_to_weight_ = matrix(20, 30);
    run_to_tensor_ = matrix(20, 60);
    update_ = row(10), shortcut_ = row(4), scale_decay_ = row(11), mean_decay_ = row(11), rate_ = row(11);
    momentum_ = sigmoid(*next++), offset_ = *next++;
    const Vector weight = row(10), tensor = row(20);
    h_run_ = row(20);
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      h_tensor_.push_back(tensor);
      for (std::size_t i = 0; i < sizes[k]; ++i) {
        tensor_of_.push_back(k);
        h_.push_back(weight);
        log_rate_.push_back(static_cast<double>(HierarchicalNetwork::initial_log_rate(i, k)));
      }
    }
    m_ = v_ = std::vector<Vector>(h_.size(), Vector(4, 0.0));
    mean_log_rate_ = 0.5 * std::log(1e-6) + 0.5 * std::log(1e-2);
  }

  /// Δθ.
  Vector step(const Vector& gradient) {
    const std::size_t n = h_.size(), tensors = h_tensor_.size();
    Vector delta(n), square(tensors), count(tensors);
    std::vector<Vector> pooled(tensors, Vector(22));
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t k = tensor_of_[i];
      double decay = first_ ? 0 : sigmoid(read(mean_decay_, h_[i]));
      const double scale = first_ ? 0 : sigmoid(read(scale_decay_, h_[i]));
      Vector q, logs, x;
      for (std::size_t j = 0; j < 4; ++j, decay = std::sqrt(decay)) {
        m_[i][j] = decay * m_[i][j] + (1 - decay) * gradient[i];
        v_[i][j] = scale * v_[i][j] + (1 - scale) * (m_[i][j] * m_[i][j] + 1e-12);
        q.push_back(std::asinh(m_[i][j] / std::sqrt(v_[i][j] + 1e-16)));
        logs.push_back(std::log(v_[i][j] + 1e-16));
      }
      const double mean = (logs[0] + logs[1] + logs[2] + logs[3]) / 4;
      x = {q[0], q[1], q[2], q[3], q[0] * q[1], q[1] * q[2], q[2] * q[3]};
      for (const double l : logs) x.push_back(l - mean);
      x.push_back(log_rate_[i] - mean_log_rate_);
      Vector bias = product(tensor_to_weight_, h_tensor_[k]);
      add(bias, product(run_to_weight_, h_run_));
      h_[i] = step_of(weight_, x, h_[i], bias);
      for (std::size_t c = 0; c < 10; ++c) delta[i] += update_[c] * h_[i][c];
      for (std::size_t j = 0; j < 4; ++j) delta[i] += shortcut_[j] * q[j];
      square[k] += delta[i] * delta[i];
      count[k] += 1;
      for (std::size_t c = 0; c < 22; ++c) pooled[k][c] += c < 10 ? h_[i][c] : x[c - 10];
    }
    double rates = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t k = tensor_of_[i];
      const double log_rate = std::clamp(log_rate_[i] + read(rate_, h_[i]), -33.0, 33.0);
      log_rate_[i] = momentum_ * log_rate_[i] + (1 - momentum_) * log_rate;
      rates += log_rate_[i];
      delta[i] *= -std::exp(log_rate + offset_) / std::sqrt(square[k] / count[k] + 1e-16);
    }
    mean_log_rate_ = rates / static_cast<double>(n);
    Vector mean(20);
    const auto filled = static_cast<double>(std::count_if(count.begin(), count.end(), [](double c) { return c > 0; }));
    for (std::size_t k = 0; k < tensors; ++k) {
      if (count[k] == 0) continue;
      for (double& x : pooled[k]) x /= count[k];
      h_tensor_[k] = step_of(tensor_, pooled[k], h_tensor_[k], product(run_to_tensor_, h_run_));
      for (std::size_t c = 0; c < 20; ++c) mean[c] += h_tensor_[k][c] / filled;
    }
    h_run_ = step_of(run_, mean, h_run_, Vector(60));
    first_ = false;
    return delta;
  }

 private:
  struct Gru {
    std::size_t in = 0, cells = 0;
    std::vector<Vector> v;
    Vector bias;
  };

  static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
  static double read(const Vector& p, const Vector& h) {
    double sum = p.back();
    for (std::size_t k = 0; k < h.size(); ++k) sum += p[k] * h[k];
    return sum;
  }
  static Vector product(const std::vector<Vector>& rows, const Vector& x) {
    Vector out(rows[0].size());
    for (std::size_t k = 0; k < x.size(); ++k) {
      for (std::size_t o = 0; o < out.size(); ++o) out[o] += x[k] * rows[k][o];
    }
    return out;
  }
  static void add(Vector& a, const Vector& b) {
    for (std::size_t k = 0; k < a.size(); ++k) a[k] += b[k];
  }
  static Vector step_of(const Gru& gru, const Vector& x, const Vector& h, Vector bias) {
    const std::size_t n = gru.cells;
    add(bias, gru.bias);
    Vector z = x, out = h;
    z.insert(z.end(), h.begin(), h.end());
    Vector gates = product(gru.v, z);
    for (std::size_t k = 0; k < n; ++k) z[gru.in + k] *= sigmoid(gates[k] + bias[k]);
    const Vector candidates = product(gru.v, z);
    for (std::size_t k = 0; k < n; ++k) {
      const double u = sigmoid(gates[n + k] + bias[n + k]);
      out[k] = u * h[k] + (1 - u) * std::tanh(candidates[2 * n + k] + bias[2 * n + k]);
    }
    return out;
  }

  Gru weight_, tensor_, run_;
  std::vector<Vector> tensor_to_weight_, run_to_weight_, run_to_tensor_;
  Vector update_, shortcut_, scale_decay_, mean_decay_, rate_;
  double momentum_ = 0, offset_ = 0, mean_log_rate_ = 0;
  bool first_ = true;
  std::vector<std::size_t> tensor_of_;
  std::vector<Vector> h_, m_, v_, h_tensor_;
  Vector h_run_, log_rate_;
};

}  // namespace scout
