#include "scout/train/guided/imitation.h"

#include <algorithm>

namespace scout {
namespace {

constexpr std::size_t kRowsAtOnce = 1024;

/// P (π - a) of a row.
VectorXd pull(const Lessons& lessons, std::size_t row, const float* actions, std::size_t m, VectorXd& apart) {
  for (std::size_t i = 0; i < m; ++i) {
    apart[static_cast<Eigen::Index>(i)] = static_cast<double>(actions[i] - lessons.actions[row * m + i]);
  }
  return lessons.weights[lessons.weight[row]] * apart;
}

}  // namespace

std::vector<float> actions_of(const Actor& actor, const std::vector<float>& parameters, const std::vector<float>& features) {
  const auto width = static_cast<std::size_t>(actor.features());
  const auto m = static_cast<std::size_t>(actor.actions());
  const std::size_t rows = features.size() / width;
  std::vector<float> out(rows * m);
  Actor::Trace trace;
  for (std::size_t row = 0; row < rows; row += kRowsAtOnce) {
    const std::size_t count = std::min(kRowsAtOnce, rows - row);
    actor.forward(parameters.data(), features.data() + row * width, static_cast<int>(count), trace, out.data() + row * m);
  }
  return out;
}

double imitation_loss(const Actor& actor, const std::vector<float>& parameters, const Lessons& lessons) {
  const auto m = static_cast<std::size_t>(actor.actions());
  const std::vector<float> actions = actions_of(actor, parameters, lessons.features);
  VectorXd apart(actor.actions());
  double sum = 0;
  for (std::size_t row = 0; row < lessons.rows(); ++row) {
    const VectorXd pulled = pull(lessons, row, actions.data() + row * m, m, apart);
    sum += 0.5 * apart.dot(pulled) / static_cast<double>(lessons.rows());
  }
  return sum;
}

void imitate(const Actor& actor, const Lessons& lessons, const ImitationOptions& options, Random random, Adam& adam,
             std::vector<float>& parameters) {
  const auto width = static_cast<std::size_t>(actor.features());
  const auto m = static_cast<std::size_t>(actor.actions());
  const auto batch = static_cast<std::size_t>(options.batch);
  std::vector<float> features(batch * width), actions(batch * m), slopes(batch * m), gradient(parameters.size());
  std::vector<std::size_t> rows(batch);
  Actor::Trace trace;
  VectorXd apart(actor.actions());
  for (int update = 0; update < options.updates && lessons.rows() > 0; ++update) {
    for (std::size_t k = 0; k < batch; ++k) {
      rows[k] = random.index(lessons.rows());
      std::copy_n(lessons.features.data() + rows[k] * width, width, features.data() + k * width);
    }
    actor.forward(parameters.data(), features.data(), options.batch, trace, actions.data());
    for (std::size_t k = 0; k < batch; ++k) {
      const VectorXd pulled = pull(lessons, rows[k], actions.data() + k * m, m, apart) / static_cast<double>(batch);
      for (std::size_t i = 0; i < m; ++i) slopes[k * m + i] = static_cast<float>(pulled[static_cast<Eigen::Index>(i)]);
    }
    std::ranges::fill(gradient, 0.0F);
    actor.backward(parameters.data(), features.data(), slopes.data(), trace, gradient.data());
    adam.update(parameters, gradient, options.learning_rate);
  }
}

}  // namespace scout
